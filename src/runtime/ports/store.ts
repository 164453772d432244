/**
 * Ordered tables of byte keys.
 *
 * Promises, checked by one conformance suite that every adapter passes:
 * - `commit` is atomic: all its writes or none, also across a crash; when it returns, every reader sees them.
 *   It does not promise durability.
 * - Commits become durable in the order in which they were made: after a crash the store holds a prefix of them.
 * - When `durable()` resolves, every commit made before the call is on stable storage (fsynced). Concurrent calls
 *   share one fsync. It rejects with `StoreError` and the store refuses further commits when the device fails.
 * - Where the device is full, `durable()` rejects with `full` and `commit` throws it until a later `durable()` succeeds,
 *   which keeps everything committed before; reads go on. Nothing is half-written.
 * - Keys sort as unsigned bytes; keys are 1 to 511 bytes, values at most 2^31 − 1 bytes; table names are not empty.
 *   Anything else is an InvariantError, and nothing of that commit is written.
 * - Bytes are copied on the way in and out: what was returned stays valid and unchanged, what was given may be reused.
 * - A range is the view of the moment in which its iteration starts, whatever is committed meanwhile.
 */
import type { ChainId } from '../../protocols/shared/brands.ts';
import { CodedError, invariant } from '../../protocols/shared/errors.ts';

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

export const keyBytesMax = 511;

/** The limits on what is written, the same for every adapter. Throws InvariantError. */
export function checkWrites(writes: readonly Write[]): void {
  for (const { table, key, value } of writes) {
    invariant(table.length > 0, 'a table without a name');
    invariant(key.length >= 1 && key.length <= keyBytesMax, `a key of ${key.length} bytes in ${table}`);
    invariant(value === null || value.length <= 0x7fffffff, `a value beyond 2^31 - 1 bytes in ${table}`);
  }
}

/** What a store holds, written into it when it is made and compared at every opening. */
export interface StoreSchema {
  /** `chain`, `guard`, `services`…: a store of another kind is foreign. */
  readonly kind: string;
  /** Raised when the layout changes. */
  readonly version: number;
  /** Absent for a store that belongs to no chain. */
  readonly chainId?: ChainId | undefined;
}

/** Why a store written under one schema may not be opened under another; null where it may. */
export function schemaRefusal(stored: StoreSchema, wanted: StoreSchema): StoreError | null {
  const refuse = (code: StoreErrorCode, message: string): StoreError => new StoreError(code, message);
  if (stored.kind !== wanted.kind)
    return refuse('schema-foreign', `this is a ${stored.kind} store, not a ${wanted.kind} store`);
  if (stored.chainId !== wanted.chainId)
    return refuse(
      'schema-foreign',
      `the store belongs to ${stored.chainId === undefined ? 'no chain' : `chain ${stored.chainId}`}, not to ${wanted.chainId === undefined ? 'none' : wanted.chainId}`,
    );
  if (stored.version > wanted.version)
    return refuse(
      'schema-newer',
      `the store has layout ${stored.version}, this program knows up to ${wanted.version}: use the program that wrote it`,
    );
  if (stored.version < wanted.version)
    return refuse(
      'schema-foreign',
      `the store has layout ${stored.version}, this program writes ${wanted.version} and cannot convert it`,
    );
  return null;
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
  /** Throws StoreError (`full`, `failed`, `closed`); then nothing was written. */
  commit(writes: readonly Write[]): void;
  durable(): Promise<void>;
  snapshot(): StoreSnapshot;
  /** Bytes used on the device. */
  sizeBytes(): number;
  close(): Promise<void>;
}
