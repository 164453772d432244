/** Making signed transactions. */
import { bodyCodec } from '../protocols/ledger/application.ts';
import { readJson } from '../protocols/ledger/json-codec.ts';
import {
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
  type UnsignedTransaction,
} from '../protocols/ledger/transaction.ts';
import { chainId, height, publicKey } from '../protocols/shared/brands.ts';
import { encode } from '../protocols/shared/codec.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import type { Signer } from '../runtime/ports/signer.ts';

export type TransactionErrorCode = 'unknown-kind' | 'invalid-body';

/** A body that cannot be made into a transaction of the kind. */
export class TransactionError extends CodedError<TransactionErrorCode> {
  override readonly name = 'TransactionError';
}

export interface TransactionRequest {
  readonly chainId: string;
  /** Account; the signer holds the key that signs for it. Default the signer's own key. */
  readonly sender?: string;
  readonly nonce: number;
  readonly expiryHeight: number;
  /** `accounts.transfer`, … */
  readonly kind: string;
  /** The body as JSON: amounts as decimal strings in minor units, keys and bytes as lower-case hex. */
  readonly body: unknown;
}

export interface SignedTransaction {
  readonly bytes: Uint8Array;
  /** 64 hex digits: its name on the chain. */
  readonly hash: string;
}

/** Throws TransactionError naming every field that is wrong. */
export function signTransaction(signer: Signer, request: TransactionRequest): SignedTransaction {
  const codec = bodyCodec(request.kind);
  if (codec === undefined) throw new TransactionError('unknown-kind', `there is no kind ${request.kind}`);
  const read = readJson(codec, request.body);
  if ('problems' in read) {
    const problems = read.problems.map(({ path, message }) => `${path === '' ? 'body' : `body.${path}`}: ${message}`);
    throw new TransactionError('invalid-body', `the body does not fit ${request.kind}: ${problems.join('; ')}`);
  }
  const unsigned: UnsignedTransaction = {
    chainId: chainId(request.chainId),
    sender: publicKey(request.sender ?? signer.publicKey),
    nonce: request.nonce,
    expiryHeight: height(request.expiryHeight),
    kind: request.kind,
    body: encode(codec, read.value),
  };
  const signature = signer.sign(transactionSigningBytes(unsigned));
  const bytes = encode(transactionCodec, { ...unsigned, signature });
  return { bytes, hash: transactionHash(bytes) };
}
