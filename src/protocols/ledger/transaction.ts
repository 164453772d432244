/** Transactions: shape, canonical bytes, hash, what is signed. Source: ledger design, "Transaction". */
import type { ChainId, Digest, Height, PublicKey } from '../shared/brands.ts';
import {
  bytesMax,
  chainId32,
  type Codec,
  encode,
  heightNumber,
  publicKey32,
  signature64,
  struct,
  textMax,
  uint,
} from '../shared/codec.ts';
import { signingBytes, taggedHash } from '../shared/hash.ts';

/**
 * Limit of one encoded transaction, bytes. With its result it is one entry of the transparency log, and the log's entry
 * bundles (c2sp.org/tlog-tiles) write an entry's length in two bytes: 64 KiB hold the transaction and its result.
 */
export const transactionBytesMax = 60 * 1024;
/** Limit of a block's encoded body, bytes. */
export const blockBytesMax = 2 * 1024 * 1024;
/** Limit of transactions in a block. */
export const blockTransactionsMax = 10_000;
/** Width of the nonce window: n is valid iff base ≤ n < base + 64 and unused. */
export const nonceWindow = 64;

export interface UnsignedTransaction {
  readonly chainId: ChainId;
  /** Account that signs and whose nonce is used. */
  readonly sender: PublicKey;
  readonly nonce: number;
  /** Last height at which the transaction may be executed. */
  readonly expiryHeight: Height;
  /** Dotted: `accounts.transfer`. The part before the first dot names the module. */
  readonly kind: string;
  /** Canonical bytes of the kind's body (see the module). */
  readonly body: Uint8Array;
}

export interface Transaction extends UnsignedTransaction {
  readonly signature: Uint8Array;
}

const unsignedFields = {
  chainId: chainId32,
  sender: publicKey32,
  nonce: uint,
  expiryHeight: heightNumber,
  kind: textMax(64),
  body: bytesMax(transactionBytesMax),
};

const unsignedCodec: Codec<UnsignedTransaction> = struct<UnsignedTransaction>(unsignedFields);
export const transactionCodec: Codec<Transaction> = struct<Transaction>({ ...unsignedFields, signature: signature64 });

/** What the sender signs. */
export const transactionSigningBytes = (transaction: UnsignedTransaction): Uint8Array =>
  signingBytes('bpci/transaction/v1', transaction.chainId, encode(unsignedCodec, transaction));

/** Hash of the signed transaction's canonical bytes: its name everywhere. */
export const transactionHash = (encoded: Uint8Array): Digest => taggedHash('bpci/transaction/v1', encoded);
