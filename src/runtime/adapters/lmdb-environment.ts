/**
 * The one file that talks to lmdb: opening, reading, atomic durable batches, errors by name.
 *
 * Settings and why:
 * - `overlappingSync: false`: the environment is LMDB as its authors describe it. A transaction writes its pages, syncs
 *   them (fdatasync), then writes and syncs the meta page that makes them the current state (O_DSYNC); pages of the
 *   previous state are never overwritten. After a power loss the file holds the last complete transaction. The relaxed
 *   modes are not used: MDB_NOSYNC may leave a meta page that points at pages that were never written, and lmdb-js's own
 *   overlapping mode makes states visible before they are stored and tells a restart from a power loss by the boot id.
 * - no MDB_WRITEMAP: a full disk is an error of a write, not a SIGBUS, and stray writes cannot reach the file.
 * - `noMemInit` off: unused parts of pages hold zeros, never parts of our heap.
 *
 * All tables share one B-tree, under a two-byte table number: a table is made by the first batch that writes to it.
 */
import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { toUtf8 } from '../../protocols/shared/bytes.ts';
import { schemaRefusal, StoreError, type StoreErrorCode, type StoreSchema } from '../ports/store.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';

export type Entry = readonly [key: Uint8Array, value: Uint8Array];
/** A write of a full key (table number and key); null deletes. */
export type EntryWrite = readonly [key: Uint8Array, value: Uint8Array | null];
type ReadTransaction = ReturnType<RootDatabase['useReadTransaction']>;

export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: boolean;
}

const schemaKey = Uint8Array.of(0, 0, ...toUtf8('schema'));
const pageBytes = 4096;
/** Address space, not memory or disk: the file is as long as what is in it. */
const mapSizeDefault = 2 ** 38;

const codes = new Map<unknown, StoreErrorCode>([
  [28, 'full'], // ENOSPC
  [122, 'full'], // EDQUOT
  [-30792, 'full'], // MDB_MAP_FULL
  [-30797, 'corrupt'], // MDB_PAGE_NOTFOUND
  [-30796, 'corrupt'], // MDB_CORRUPTED
  [-30794, 'schema-foreign'], // MDB_VERSION_MISMATCH
  [-30793, 'schema-foreign'], // MDB_INVALID: not an LMDB file
]);

/** The StoreError of what lmdb or the file system threw. */
function toStoreError(cause: unknown, doing: string): StoreError {
  if (cause instanceof StoreError) return cause;
  const { code, message } = cause as { code?: unknown; message?: string };
  const named = code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : (codes.get(code) ?? 'failed');
  return new StoreError(named, `${doing}: ${message ?? String(cause)}`, { cause });
}

/** Its own bytes as a plain array: lmdb hands out Buffers that nobody else writes to. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export interface EnvironmentOptions {
  readonly directory: string;
  readonly schema: StoreSchema;
  /** Bytes that the file may grow to. Default 256 GiB. */
  readonly mapSizeBytes?: number | undefined;
}

export class LmdbEnvironment {
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;

  /** Makes the directory where it is missing. Throws StoreError `locked`, `schema-…`, `corrupt`, `full`, `failed`. */
  constructor({ directory, schema, mapSizeBytes }: EnvironmentOptions) {
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#lock = lockDirectory(directory);
    } catch (error) {
      throw toStoreError(error, `opening ${directory}`);
    }
    let root: RootDatabase<Uint8Array, Uint8Array> | undefined;
    try {
      root = open<Uint8Array, Uint8Array>({
        path: directory,
        ...{ noSubdir: false, permissionsMode: 0o600 },
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        mapSize: mapSizeBytes ?? mapSizeDefault,
        maxDbs: 1,
        maxReaders: 1024,
      });
      this.#root = root;
      this.#checkSchema(schema);
    } catch (error) {
      void root?.close();
      this.#lock.release();
      throw toStoreError(error, `opening ${directory}`);
    }
  }

  #checkSchema(wanted: StoreSchema): void {
    const stored = this.#root.getBinary(schemaKey);
    if (stored !== undefined) {
      const refusal = schemaRefusal(JSON.parse(stored.toString()) as StoreSchema, wanted);
      if (refusal !== null) throw new StoreError(refusal.code, `${this.#directory}: ${refusal.message}`);
      return;
    }
    for (const _ of this.#root.getRange({ limit: 1 }))
      throw new StoreError('schema-foreign', `${this.#directory} holds an LMDB file of another program`);
    const { kind, version, chainId } = wanted;
    this.#root.transactionSync(() => {
      this.#root.putSync(schemaKey, toUtf8(JSON.stringify({ kind, version, chainId })));
    });
  }

  get(key: Uint8Array, transaction?: ReadTransaction): Uint8Array | undefined {
    try {
      const found = this.#root.get(key, transaction === undefined ? undefined : { transaction });
      return found === undefined ? undefined : plain(found);
    } catch (error) {
      throw toStoreError(error, `reading ${this.#directory}`);
    }
  }

  /** A fixed view from this call on. `return()` must be called where the iteration is not finished. */
  entries({ from, to, reverse }: KeyRange, transaction?: ReadTransaction): Iterator<Entry, undefined> {
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse }
      : { start: from, end: to };
    const found = this.#root.getRange(transaction === undefined ? bounds : { ...bounds, transaction });
    const inner = found[Symbol.iterator]();
    return {
      next: () => {
        try {
          const next = inner.next();
          if (next.done === true) return { done: true, value: undefined };
          return { done: false, value: [plain(next.value.key), plain(next.value.value)] };
        } catch (error) {
          throw toStoreError(error, `reading ${this.#directory}`);
        }
      },
      return: () => {
        inner.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /** A view of the last batch that resolved; must be given to `endView`. */
  beginView(): ReadTransaction {
    this.#root.resetReadTxn();
    return this.#root.useReadTransaction();
  }

  endView(transaction: ReadTransaction): void {
    transaction.done();
  }

  /**
   * All writes in one transaction, written and synced by a thread of the pool. Resolves when they are on stable storage
   * and visible; after a rejection (StoreError) none of them is. One call at a time.
   */
  async write(writes: Iterable<EntryWrite>, bytes: number, count: number): Promise<void> {
    try {
      this.#checkRoom(bytes, count);
      const outcomes = new Set<Promise<boolean>>();
      for (const [key, value] of writes)
        outcomes.add(value === null ? this.#root.remove(key) : this.#root.put(key, value));
      await Promise.all(outcomes);
      // Reads of this turn must not be served by a transaction that began before.
      this.#root.resetReadTxn();
    } catch (error) {
      throw toStoreError(await commitErrorOf(error), `writing ${this.#directory}`);
    }
  }

  /** Refuses what the file system may not hold before it is tried: lmdb prints to stderr when a write fails. */
  #checkRoom(bytes: number, count: number): void {
    const { bavail, bsize } = statfsSync(this.#directory);
    // Every write may copy two pages, of those that are there, and adds what it holds.
    const copied = Math.min(2 * count * pageBytes, this.sizeBytes());
    const needed = 2 * bytes + copied + 16 * pageBytes;
    if (bavail * bsize >= needed) return;
    const details = { availableBytes: bavail * bsize, neededBytes: needed };
    throw new StoreError('full', `no space on the device of ${this.#directory}`, { details });
  }

  sizeBytes(): number {
    return statSync(join(this.#directory, 'data.mdb')).blocks * 512;
  }

  async close(): Promise<void> {
    try {
      await this.#root.close();
    } finally {
      this.#lock.release();
    }
  }
}

/** lmdb rejects with an error that carries the promise of the true one. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  if (commitError === undefined) return error;
  try {
    await commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
