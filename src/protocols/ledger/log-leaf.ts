/** A leaf of the transparency log: one executed transaction with its result. Source: ledger design, "Transparency log". */
import type { Height } from '../shared/brands.ts';
import { bytesMax, type Codec, encode, heightNumber, struct, uint } from '../shared/codec.ts';
import { invariant } from '../shared/errors.ts';
import { logEntryBytesMax } from './log-tiles.ts';
import { transactionBytesMax } from './transaction.ts';

/** Limit of an encoded result, bytes. */
export const resultBytesMax = 3 * 1024;

export interface LogLeaf {
  /** Block that holds the transaction. */
  readonly height: Height;
  /** Place of the transaction in its block. */
  readonly index: number;
  /** The signed transaction's canonical bytes. */
  readonly transaction: Uint8Array;
  /** Canonical bytes of the result of executing it. */
  readonly result: Uint8Array;
}

export const logLeafCodec: Codec<LogLeaf> = struct<LogLeaf>({
  height: heightNumber,
  index: uint,
  transaction: bytesMax(transactionBytesMax),
  result: bytesMax(resultBytesMax),
});

/** The leaf's bytes: an entry of the log. At most 65,535, the most that an entry bundle can hold. */
export function encodeLogLeaf(leaf: LogLeaf): Uint8Array {
  const bytes = encode(logLeafCodec, leaf);
  invariant(bytes.length <= logEntryBytesMax, 'a log leaf fits an entry bundle');
  return bytes;
}
