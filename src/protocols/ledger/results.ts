/** Results: how the execution of a transaction ended. Part of its leaf in the transparency log. */
import { type Codec, encode, struct, textMax, uint } from '../shared/codec.ts';

export interface TransactionResult {
  /** `ok`, or the reason why the transaction changed nothing but its nonce (`insufficient-balance`, …). */
  readonly code: string;
  /** Events that it emitted; 0 where it failed. */
  readonly events: number;
}

export const resultCodec: Codec<TransactionResult> = struct<TransactionResult>({ code: textMax(64), events: uint });

export const encodeResult = (result: TransactionResult): Uint8Array => encode(resultCodec, result);
