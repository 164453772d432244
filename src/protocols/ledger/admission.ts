/**
 * Whether a transaction may be in a block at all. What fails here is never included: a block that holds it is invalid.
 * (What fails later, in its module, is included with its code.) The mempool and the executor ask the same questions.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { tryDecode } from '../shared/codec.ts';
import { type Application, bodyProblem } from './application.ts';
import type { Account } from './modules/accounts.ts';
import { nonceState } from './nonces.ts';
import { type Transaction, transactionBytesMax, transactionCodec, transactionHash } from './transaction.ts';

/** A transaction whose signature was verified, under `signer`. */
export interface SignedTransaction {
  readonly bytes: Uint8Array;
  readonly hash: Digest;
  readonly value: Transaction;
  readonly signer: PublicKey;
}

export type StatelessRefusal = 'too-large' | 'wrong-chain' | 'unknown-kind' | 'malformed-body' | 'expired';
export type AdmissionRefusal = StatelessRefusal | 'unknown-account' | 'wrong-signer' | 'nonce-used' | 'nonce-too-far';

export interface DecodedTransaction {
  readonly bytes: Uint8Array;
  readonly hash: Digest;
  readonly value: Transaction;
}

/** The transaction of these bytes, or undefined where they are not one. */
export function decodeTransaction(bytes: Uint8Array): DecodedTransaction | undefined {
  const decoded = tryDecode(transactionCodec, bytes);
  return 'value' in decoded ? { bytes, hash: transactionHash(bytes), value: decoded.value } : undefined;
}

/** Checks that need no state but the height of the block that would hold the transaction. */
export function statelessRefusal(
  transaction: DecodedTransaction,
  at: { readonly chainId: ChainId; readonly height: number; readonly application: Application },
): StatelessRefusal | null {
  const { value, bytes } = transaction;
  if (bytes.length > transactionBytesMax) return 'too-large';
  if (value.chainId !== at.chainId) return 'wrong-chain';
  if (value.expiryHeight < at.height) return 'expired';
  return bodyProblem(value.kind, value.body, at.application);
}

/**
 * Checks against the sender's account. `signingKey` is the account's at the parent's height, so that signatures can be
 * verified before the block is executed; the nonces are those of now.
 */
export function accountRefusal(
  transaction: SignedTransaction,
  signingKey: PublicKey | undefined,
  account: Account | undefined,
): Exclude<AdmissionRefusal, StatelessRefusal> | null {
  if (account === undefined || signingKey === undefined) return 'unknown-account';
  if (transaction.signer !== signingKey) return 'wrong-signer';
  const state = nonceState({ base: account.nonceBase, used: account.nonceUsed }, transaction.value.nonce);
  return state === 'free' ? null : state === 'used' ? 'nonce-used' : 'nonce-too-far';
}
