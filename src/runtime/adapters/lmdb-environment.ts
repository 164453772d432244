/**
 * The one file that talks to lmdb: opening, reading, atomic durable batches, errors by name.
 *
 * Settings and why:
 * - `overlappingSync: false`: the environment is LMDB as its authors describe it. A transaction writes its pages, syncs
 *   them (fdatasync), then writes and syncs the meta page that makes them the current state (O_DSYNC); pages of the
 *   previous state are never overwritten. After a power loss the file holds the last complete transaction. The relaxed
 *   modes are not used: MDB_NOSYNC may leave a meta page that points at pages that were never written, and lmdb-js's own
 *   overlapping mode makes states visible before they are stored and tells a restart from a power loss by the boot id.
 * - no MDB_WRITEMAP: stray writes cannot reach the file.
 * - `noMemInit` off: unused parts of pages hold zeros, never parts of our heap.
 *
 * All tables share one B-tree, under a two-byte table number: a table is made by the first batch that writes to it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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

export const schemaKey = Uint8Array.of(0, 0, ...toUtf8('schema'));
/** The file grows by multiples of this. */
const growthBytes = 2 ** 20;
/** Address space, not memory or disk: the file is as long as what is in it. */
const mapBytes = 2 ** 38;

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
  /** Bytes that the store may take on the device; `full` beyond. Default 256 GiB. */
  readonly sizeMaxBytes?: number | undefined;
}

export class LmdbEnvironment {
  readonly #directory: string;
  readonly #file: string;
  readonly #sizeMaxBytes: number;
  readonly #lock: DirectoryLock;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;

  /** Makes the directory where it is missing. Throws StoreError `locked`, `schema-…`, `corrupt`, `full`, `failed`. */
  constructor({ directory, schema, sizeMaxBytes }: EnvironmentOptions) {
    this.#directory = resolve(directory);
    this.#file = join(this.#directory, 'data.mdb');
    this.#sizeMaxBytes = sizeMaxBytes ?? mapBytes;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#lock = lockDirectory(directory);
    } catch (error) {
      throw toStoreError(error, `opening ${directory}`);
    }
    let root: RootDatabase<Uint8Array, Uint8Array> | undefined;
    try {
      reserveFirstPages(this.#directory, this.#file);
      checkFormat(this.#file);
      root = open<Uint8Array, Uint8Array>({
        path: directory,
        ...{ noSubdir: false, permissionsMode: 0o600 },
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        mapSize: mapBytes,
        // Every batch below is one transaction of its own; lmdb's batches by turn lose track of one promise each.
        eventTurnBatching: false,
        maxDbs: 1,
        maxReaders: 256,
      });
      this.#root = root;
      this.#checkSchema(schema);
    } catch (error) {
      void root?.close();
      this.#lock.release();
      throw toStoreError(error, `opening ${directory}`);
    }
  }

  /** Pages in use or free to be used again; the file may be longer. */
  #usage(): { usedBytes: number; pageBytes: number } {
    const { lastPageNumber, pageSize } = this.#root.getStats() as { lastPageNumber: number; pageSize: number };
    return { usedBytes: (lastPageNumber + 1) * pageSize, pageBytes: pageSize };
  }

  #checkSchema(wanted: StoreSchema): void {
    const { size } = statSync(this.#file);
    const { usedBytes } = this.#usage();
    // Pages beyond the end of the file cannot be read through the memory map without a SIGBUS.
    if (usedBytes > size)
      throw new StoreError('corrupt', `${this.#file} has lost its end: ${size} of ${usedBytes} bytes`);
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
    // The name of a new file is as durable as its directory, and that one's name as the directory above.
    for (const directory of [this.#directory, dirname(this.#directory)]) syncDirectory(directory);
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
      await this.#makeRoom(bytes, count);
      await this.#root.batch(() => {
        for (const [key, value] of writes) {
          if (value === null) void this.#root.remove(key);
          else void this.#root.put(key, value);
        }
      });
    } catch (error) {
      throw toStoreError(await commitErrorOf(error), `writing ${this.#directory}`);
    }
    // Reads of this turn must not be served by a transaction that began before.
    this.#root.resetReadTxn();
  }

  /**
   * Lengthens the file with zeros so that so many writes of so many bytes in all surely fit: a full device then shows
   * here, as a plain error. lmdb-js must not meet it: it writes its message about a failed page write beyond the end of
   * a buffer. It also makes batches cheaper to sync, since the length of the file seldom changes.
   */
  async #makeRoom(bytes: number, count: number): Promise<void> {
    const { usedBytes, pageBytes } = this.#usage();
    // Every write may copy two pages, of those that are there, and adds what it holds.
    const neededBytes = usedBytes + Math.min(2 * count * pageBytes, usedBytes) + 2 * bytes + 16 * pageBytes;
    const { size } = statSync(this.#file);
    if (neededBytes <= size) return;
    if (neededBytes > this.#sizeMaxBytes)
      throw new StoreError('full', `${this.#directory} would grow beyond its ${this.#sizeMaxBytes} bytes`);
    const length = Math.min(Math.ceil(neededBytes / growthBytes) * growthBytes, this.#sizeMaxBytes);
    try {
      await appendZeros(this.#file, size, length);
    } catch (error) {
      // The growth may be refused where what is needed now was granted.
      if (statSync(this.#file).size < neededBytes) throw error;
    }
  }

  sizeBytes(): number {
    return statSync(this.#file).blocks * 512;
  }

  async close(): Promise<void> {
    try {
      await this.#root.close();
    } finally {
      this.#lock.release();
    }
  }
}

/**
 * LMDB is only given files whose first pages the device has room for: it fills its lock file (at most 64 KiB for our
 * number of readers) through a memory map, where a full device is a SIGBUS. The directory's lock must be held.
 */
function reserveFirstPages(directory: string, file: string): void {
  const zeros = new Uint8Array(2 ** 16);
  const lockFile = join(directory, 'lock.mdb');
  if ((statSync(lockFile, { throwIfNoEntry: false })?.size ?? 0) < zeros.length) writeFileSync(lockFile, zeros);
  if (existsSync(file)) return;
  const probe = join(directory, 'probe');
  try {
    writeFileSync(probe, zeros);
  } finally {
    rmSync(probe, { force: true });
  }
}

/** LMDB's mark and format number, where the fork in lmdb-js has them in the first page. It crashes on other files. */
function checkFormat(file: string): void {
  const header = new Uint8Array(32);
  if (!existsSync(file) || statSync(file).size === 0) return;
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const view = new DataView(header.buffer);
  if (view.getUint32(24, true) !== 0xbeefc0de || view.getUint16(28, true) !== 2)
    throw new StoreError('schema-foreign', `${file} is not a file of this kind of store`);
}

async function appendZeros(file: string, from: number, to: number): Promise<void> {
  const zeros = new Uint8Array(2 ** 18);
  const handle = await openFile(file, 'r+');
  try {
    for (let at = from; at < to; ) {
      const { bytesWritten } = await handle.write(zeros, 0, Math.min(zeros.length, to - at), at);
      at += bytesWritten;
    }
  } finally {
    await handle.close();
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
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
