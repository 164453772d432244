/** Signed transactions for tests. */
import { encodeBody } from '../../src/protocols/ledger/application.ts';
import {
  transactionCodec,
  transactionHash,
  transactionSigningBytes,
  type UnsignedTransaction,
} from '../../src/protocols/ledger/transaction.ts';
import { type ChainId, type Digest, height, type PublicKey } from '../../src/protocols/shared/brands.ts';
import { encode } from '../../src/protocols/shared/codec.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';

export interface SignedBytes {
  readonly bytes: Uint8Array;
  readonly hash: Digest;
}

/** `sender` is another than the signer's key where the account has rotated its key. */
export function sign(
  signer: Signer,
  unsigned: Omit<UnsignedTransaction, 'sender'>,
  sender: PublicKey = signer.publicKey,
): SignedBytes {
  const content = { ...unsigned, sender };
  const bytes = encode(transactionCodec, { ...content, signature: signer.sign(transactionSigningBytes(content)) });
  return { bytes, hash: transactionHash(bytes) };
}

export const transfer = (
  chainId: ChainId,
  from: Signer,
  nonce: number,
  to: PublicKey,
  amount = 1n,
  expiryHeight = 1_000_000,
): SignedBytes =>
  sign(from, {
    chainId,
    nonce,
    expiryHeight: height(expiryHeight),
    kind: 'accounts.transfer',
    body: encodeBody('accounts.transfer', { to, amount }),
  });
