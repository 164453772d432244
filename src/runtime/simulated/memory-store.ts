/**
 * A disk in memory and the store on it, for simulations and tests. The disk outlives the stores opened on it, one at a
 * time; a crash leaves what was synced and, of the commits since, as many from the first on as the caller says.
 */
import { concatBytes } from '../../protocols/shared/bytes.ts';
import { SortedBytesMap } from '../../protocols/shared/sorted-bytes-map.ts';
import {
  checkWrites,
  schemaRefusal,
  StoreError,
  type RangeOptions,
  type Store,
  type StoreErrorCode,
  type StoreReader,
  type StoreSchema,
  type StoreSnapshot,
  type Write,
} from '../ports/store.ts';

type Table = SortedBytesMap<Uint8Array>;
type Tables = Map<string, Table>;

export interface MemoryDiskOptions {
  /** Bytes of keys and values that fit. Default: no limit. */
  readonly capacityBytes?: number;
  /** How long a sync takes: awaited by every one that has something to write. Default: one microtask. */
  readonly sync?: () => Promise<void>;
  /** A sync has taken hold; nobody has heard of it yet. */
  readonly onSynced?: () => void;
  /** A sync ended badly. */
  readonly onRefused?: (code: StoreErrorCode) => void;
  /** Sees every commit, in order. */
  readonly onCommit?: (writes: readonly Write[]) => void;
}

/** Synced commits that wait to be put with the others. */
const settlingMax = 4096;

const snapshotOf = (tables: Tables): Tables => new Map([...tables].map(([name, table]) => [name, table.snapshot()]));

/** By how many bytes the tables have grown. */
function apply(tables: Tables, writes: readonly Write[]): number {
  let grownBytes = 0;
  for (const { table: name, key, value } of writes) {
    let table = tables.get(name);
    if (table === undefined) tables.set(name, (table = new SortedBytesMap()));
    const previous = value === null ? table.delete(key) : table.set(key, value);
    if (previous !== undefined) grownBytes -= key.length + previous.length;
    if (value !== null) grownBytes += key.length + value.length;
  }
  return grownBytes;
}

function bytesIn(tables: Tables): number {
  let bytes = 0;
  for (const table of tables.values()) for (const [key, value] of table.entries()) bytes += key.length + value.length;
  return bytes;
}

function readerOf(tables: () => Tables): StoreReader {
  return {
    get: (table, key) => {
      const value = tables().get(table)?.get(key);
      return value === undefined ? undefined : concatBytes(value);
    },
    range: (table, options = {}) => ({
      [Symbol.iterator]: () => copiesOf(tables().get(table) ?? new SortedBytesMap(), options),
    }),
  };
}

/** Ranges of up to so many entries are read at once, the longer ones off a snapshot, which makes later writes dearer. */
const readAtOnceMax = 64;

function* copiesOf(table: Table, options: RangeOptions): Generator<readonly [Uint8Array, Uint8Array]> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const first: (readonly [Uint8Array, Uint8Array])[] = [];
  for (const entry of table.entries(options)) {
    if (first.length >= Math.min(limit, readAtOnceMax + 1)) break;
    first.push(entry);
  }
  const isWhole = first.length <= readAtOnceMax;
  let left = limit;
  for (const [key, value] of isWhole ? first : table.snapshot().entries(options)) {
    if (left-- <= 0) return;
    yield [key.slice(), value.slice()];
  }
}

/** Together in one allocation: each of its own would cost more than the copying. */
function copiesOfWrites(writes: readonly Write[]): readonly Write[] {
  let bytes = 0;
  for (const { key, value } of writes) bytes += key.length + (value?.length ?? 0);
  const whole = new Uint8Array(bytes);
  let at = 0;
  const copy = (part: Uint8Array): Uint8Array => {
    const copied = whole.subarray(at, at + part.length);
    copied.set(part);
    at += part.length;
    return copied;
  };
  return writes.map(({ table, key, value }) => ({ table, key: copy(key), value: value === null ? null : copy(value) }));
}

export class MemoryDisk {
  /** May be changed at any time: a smaller disk is full at the next sync, a larger one has room again. */
  capacityBytes: number;
  readonly #sync: () => Promise<void>;
  readonly #onCommit: (writes: readonly Write[]) => void;
  readonly #onSynced: () => void;
  readonly #onRefused: (code: StoreErrorCode) => void;
  /** What is synced, but for `#settling`. */
  #settled: Tables = new Map();
  /** Synced commits that have not been put into `#settled`: few ever look there. */
  #settling: (readonly Write[])[] = [];
  /** Commits since the last sync, in order. */
  #unsynced: (readonly Write[])[] = [];
  #schema: StoreSchema | null = null;
  #open: MemoryStore | null = null;
  #broken = false;

  constructor(options: MemoryDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#sync = options.sync ?? (() => Promise.resolve());
    this.#onCommit = options.onCommit ?? (() => undefined);
    this.#onSynced = options.onSynced ?? (() => undefined);
    this.#onRefused = options.onRefused ?? (() => undefined);
  }

  /** Bytes of keys and values that are synced. */
  get syncedBytes(): number {
    return bytesIn(this.#synced());
  }

  /** A backup: another disk with what is synced here now, closed and whole. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk({
      ...{ capacityBytes: this.capacityBytes, sync: this.#sync },
      ...{ onCommit: this.#onCommit, onSynced: this.#onSynced, onRefused: this.#onRefused },
    });
    copy.#settled = snapshotOf(this.#synced());
    copy.#schema = this.#schema;
    return copy;
  }

  /** Throws StoreError `locked`, `schema-newer`, `schema-foreign`. */
  open(schema: StoreSchema): Store {
    if (this.#open !== null) throw new StoreError('locked', 'the disk is in use');
    const refusal = this.#schema === null ? null : schemaRefusal(this.#schema, schema);
    if (refusal !== null) throw refusal;
    this.#schema = schema;
    const tables = snapshotOf(this.#synced());
    this.#open = new MemoryStore(tables, {
      sync: this.#sync,
      isFull: (bytes) => bytes > this.capacityBytes,
      isBroken: () => this.#broken,
      onCommit: (writes) => {
        this.#unsynced.push(writes);
        this.#onCommit(writes);
      },
      onSynced: (count) => {
        for (const writes of this.#unsynced.splice(0, count)) this.#settling.push(writes);
        if (this.#settling.length > settlingMax) this.#synced();
        this.#onSynced();
      },
      unsyncedCount: () => this.#unsynced.length,
      onRefused: this.#onRefused,
      onClose: () => {
        this.#open = null;
      },
    });
    return this.#open;
  }

  /**
   * The process dies: the open store is gone (its pending promises never settle), the disk keeps what was synced and
   * the first `keep(count)` of the `count` commits since. Default: none of them.
   */
  crash(keep: (unsynced: number) => number = () => 0): void {
    const kept = this.#synced();
    for (const writes of this.#unsynced.slice(0, keep(this.#unsynced.length))) apply(kept, writes);
    this.#unsynced = [];
    this.#open?.abandon();
    this.#open = null;
  }

  /** From now on every sync fails, until `repair`. */
  break(): void {
    this.#broken = true;
  }

  repair(): void {
    this.#broken = false;
  }

  #synced(): Tables {
    for (const writes of this.#settling) apply(this.#settled, writes);
    this.#settling = [];
    return this.#settled;
  }
}

interface DiskSide {
  readonly sync: () => Promise<void>;
  readonly isFull: (bytes: number) => boolean;
  readonly isBroken: () => boolean;
  readonly onCommit: (writes: readonly Write[]) => void;
  readonly onSynced: (count: number) => void;
  readonly unsyncedCount: () => number;
  readonly onRefused: (code: StoreErrorCode) => void;
  readonly onClose: () => void;
}

class MemoryStore implements Store {
  readonly #tables: Tables;
  #bytes: number;
  readonly #reader: StoreReader;
  readonly #disk: DiskSide;
  #refusal: StoreError | null = null;
  #syncing: Promise<void> | null = null;
  /** The sync that starts when the present one ends, shared by everybody who asked meanwhile. */
  #next: Promise<void> | null = null;
  #abandoned = false;

  constructor(tables: Tables, disk: DiskSide) {
    this.#tables = tables;
    this.#bytes = bytesIn(tables);
    this.#disk = disk;
    this.#reader = readerOf(() => {
      this.#refuseWhere('closed');
      return this.#tables;
    });
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.#reader.get(table, key);
  }

  range(table: string, options?: RangeOptions): Iterable<readonly [Uint8Array, Uint8Array]> {
    return this.#reader.range(table, options);
  }

  commit(writes: readonly Write[]): void {
    this.#refuseWhere('closed', 'failed', 'full');
    checkWrites(writes);
    const copies = copiesOfWrites(writes);
    this.#bytes += apply(this.#tables, copies);
    this.#disk.onCommit(copies);
  }

  durable(): Promise<void> {
    if (this.#abandoned) return new Promise(() => undefined);
    if (this.#syncing === null) {
      this.#syncing = this.#syncOnce().finally(() => {
        this.#syncing = null;
      });
      return this.#syncing;
    }
    this.#next ??= this.#syncing.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    return this.#next;
  }

  snapshot(): StoreSnapshot {
    this.#refuseWhere('closed');
    let tables: Tables | null = snapshotOf(this.#tables);
    return {
      ...readerOf(() => {
        if (tables === null) throw new StoreError('closed', 'the snapshot was released');
        return tables;
      }),
      release: () => {
        tables = null;
      },
    };
  }

  sizeBytes(): number {
    return this.#bytes;
  }

  async close(): Promise<void> {
    if (this.#refusal?.code === 'closed') return;
    try {
      if (this.#refusal === null) await this.durable();
    } finally {
      if (!this.#abandoned) this.#disk.onClose();
      this.#refusal = new StoreError('closed', 'the store is closed');
    }
  }

  /** The process is gone: nothing of this store has an effect or an outcome any more. */
  abandon(): void {
    this.#abandoned = true;
    this.#refusal = new StoreError('closed', 'the process has crashed');
  }

  #startNext(): Promise<void> {
    this.#next = null;
    return this.durable();
  }

  async #syncOnce(): Promise<void> {
    this.#refuseWhere('closed', 'failed');
    // Commits of a later moment are not part of this sync.
    const count = this.#disk.unsyncedCount();
    if (count === 0) return;
    const bytes = this.#bytes;
    await this.#disk.sync();
    if (this.#isAbandoned()) await new Promise<never>(() => undefined);
    if (this.#disk.isBroken()) throw this.#refuse('failed', 'the device failed');
    if (this.#disk.isFull(bytes)) throw this.#refuse('full', 'no space on the device');
    this.#refusal = null;
    this.#disk.onSynced(count);
    // That may have been the end of the process.
    if (this.#isAbandoned()) await new Promise<never>(() => undefined);
  }

  #isAbandoned(): boolean {
    return this.#abandoned;
  }

  #refuse(code: StoreErrorCode, message: string): StoreError {
    this.#refusal = new StoreError(code, message);
    this.#disk.onRefused(code);
    return this.#refusal;
  }

  #refuseWhere(...codes: readonly StoreErrorCode[]): void {
    if (this.#refusal !== null && codes.includes(this.#refusal.code)) throw this.#refusal;
  }
}
