/**
 * Ordered tables of byte keys.
 *
 * Promises, checked by one conformance suite that every adapter passes:
 * - `commit` is atomic: all its writes or none, also across a crash; when it returns, every reader sees them.
 *   It does not promise durability.
 * - Commits become durable in the order in which they were made: after a crash the store holds a prefix of them.
 * - When `durable()` resolves, every commit made before the call is on stable storage (fsynced). Concurrent calls
 *   share one fsync. It rejects with `StoreError` and the store refuses further commits when the device fails.
 * - Keys sort as unsigned bytes; keys are 1 to 511 bytes, values at most 2^31 − 1 bytes.
 * - Returned bytes are copies: they stay valid and unchanged.
 */
import { CodedError } from '../../protocols/shared/errors.ts';

export type StoreErrorCode =
  | 'locked' // another process holds the directory
  | 'schema-newer' // written by a newer version
  | 'schema-foreign' // not a store of this kind, or of another chain
  | 'full' // no space on the device
  | 'failed' // the device failed
  | 'corrupt' // contents contradict themselves
  | 'closed';

export class StoreError extends CodedError<StoreErrorCode> {
  override readonly name = 'StoreError';
}

export interface Write {
  readonly table: string;
  readonly key: Uint8Array;
  /** null deletes. */
  readonly value: Uint8Array | null;
}

export interface RangeOptions {
  /** First key, inclusive. */
  readonly from?: Uint8Array;
  /** Last key, exclusive. */
  readonly to?: Uint8Array;
  /** From the highest key down. */
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface StoreReader {
  get(table: string, key: Uint8Array): Uint8Array | undefined;
  range(table: string, options?: RangeOptions): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

/** A fixed view of the store at one moment; must be released. */
export interface StoreSnapshot extends StoreReader {
  release(): void;
}

export interface Store extends StoreReader {
  commit(writes: readonly Write[]): void;
  durable(): Promise<void>;
  snapshot(): StoreSnapshot;
  /** Bytes used on the device. */
  sizeBytes(): number;
  close(): Promise<void>;
}
