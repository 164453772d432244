/**
 * The Store port on lmdb.
 *
 * lmdb-js syncs a synchronous transaction before it returns, in every mode, on the event loop. So `commit` writes to an
 * overlay in memory, which every reader sees, and `durable` writes the whole overlay as one lmdb transaction in a thread
 * of the pool; everybody who asks while one is under way shares the next. What is on the disk is always a prefix of the
 * commits, because a transaction takes all of them up to a moment. A process that dies loses what was not durable and no
 * more. Reads look in three places, newest first: the overlay, the batch under way, the file.
 */
import { compareBytes, toUtf8 } from '../../protocols/shared/bytes.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import { SortedBytesMap } from '../../protocols/shared/sorted-bytes-map.ts';
import {
  checkWrites,
  StoreError,
  type RangeOptions,
  type Store,
  type StoreErrorCode,
  type StoreReader,
  type StoreSnapshot,
  type Write,
} from '../ports/store.ts';
import { LmdbEnvironment, type EnvironmentOptions, type KeyRange } from './lmdb-environment.ts';

/** Full keys (table number and key) with what was written last; null is a deletion. */
type Overlay = SortedBytesMap<Uint8Array | null>;
type OverlayEntry = readonly [key: Uint8Array, value: Uint8Array | null];
type Entry = readonly [key: Uint8Array, value: Uint8Array];
type View = ReturnType<LmdbEnvironment['beginView']>;

/** An overlay of so many bytes is written out without being asked for. */
const overlayBytesMax = 4 * 2 ** 20;
/** What nobody asked to be durable is written out after so long, so that it does not stay in memory for ever. */
const idleWriteMs = 200;
/** About what a map entry costs beside its bytes. */
const entryOverheadBytes = 64;

/** Numbers below are the adapter's own: 0 the schema, 1 the names of the tables. */
const tableNumberMin = 0x100;
export const tableNumberBytes = 2;
export const tableNamesFrom = Uint8Array.of(0, 1);
export const tableNamesTo = Uint8Array.of(0, 2);

function toTablePrefix(number: number): Uint8Array {
  return Uint8Array.of(number >>> 8, number & 0xff);
}

export function fullKey(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  const full = new Uint8Array(prefix.length + key.length);
  full.set(prefix);
  full.set(key, prefix.length);
  return full;
}

export function fullRange(prefix: Uint8Array, { from, to, reverse }: RangeOptions): KeyRange {
  const number = ((prefix[0] as number) << 8) | (prefix[1] as number);
  return {
    from: from === undefined ? prefix : fullKey(prefix, from),
    to: to === undefined ? toTablePrefix(number + 1) : fullKey(prefix, to),
    reverse: reverse === true,
  };
}

/** One sorted sequence of several: of equal keys the entry of the first source counts, and deletions are left out. */
function* merge(sources: readonly Iterator<OverlayEntry>[], reverse: boolean): Generator<Entry> {
  const heads = sources.map((source) => source.next());
  for (;;) {
    let chosen: OverlayEntry | null = null;
    for (const head of heads) {
      if (head.done === true) continue;
      const order = chosen === null ? -1 : compareBytes(head.value[0], chosen[0]);
      if (chosen === null || (reverse ? order > 0 : order < 0)) chosen = head.value;
    }
    if (chosen === null) return;
    for (const [index, head] of heads.entries())
      if (head.done !== true && compareBytes(head.value[0], chosen[0]) === 0)
        heads[index] = (sources[index] as Iterator<OverlayEntry>).next();
    const [key, value] = chosen;
    if (value !== null) yield [key, value];
  }
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** Opens or makes the store in `directory`. Throws StoreError `locked`, `schema-newer`, `schema-foreign`, `corrupt`, `full`, `failed`. */
export function openLmdbStore(options: EnvironmentOptions): Store {
  return new LmdbStore(new LmdbEnvironment(options));
}

class LmdbStore implements Store {
  readonly #environment: LmdbEnvironment;
  readonly #tables = new Map<string, Uint8Array>();
  #overlay: Overlay = new SortedBytesMap();
  #overlayBytes = 0;
  /** The batch under way: sealed. */
  #batch: Overlay = new SortedBytesMap();
  #batchBytes = 0;
  #waiting: Waiting[] = [];
  #writing = false;
  #idleTimer: NodeJS.Timeout | null = null;
  /** Why commits are refused. `full` is lifted by the next batch that succeeds, the rest never. */
  #refusal: StoreError | null = null;
  #closing: Promise<void> | null = null;
  /** Ends of snapshots and iterations under way: lmdb must not be closed under them. */
  readonly #ends = new Set<() => void>();

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
    const names = environment.entries({ from: tableNamesFrom, to: tableNamesTo, reverse: false });
    const decoder = new TextDecoder();
    for (let next = names.next(); next.done !== true; next = names.next())
      this.#tables.set(decoder.decode(next.value[0].subarray(tableNumberBytes)), next.value[1]);
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.#get([this.#overlay, this.#batch], undefined, table, key);
  }

  range(table: string, options: RangeOptions = {}): Iterable<Entry> {
    return {
      [Symbol.iterator]: () => this.#range(() => [this.#overlay.snapshot(), this.#batch], undefined, table, options),
    };
  }

  commit(writes: readonly Write[]): void {
    this.#refuseClosed();
    if (this.#refusal !== null) throw this.#refusal;
    checkWrites(writes);
    for (const { table, key, value } of writes) this.#put(fullKey(this.#prefix(table), key), value?.slice() ?? null);
    if (this.#writing) return;
    if (this.#overlayBytes >= overlayBytesMax) this.#startWriting();
    else this.#idleTimer ??= setTimeout(() => this.#startWriting(), idleWriteMs).unref();
  }

  durable(): Promise<void> {
    if (this.#closing !== null) return Promise.reject(new StoreError('closed', 'the store is closed'));
    return this.#written();
  }

  snapshot(): StoreSnapshot {
    this.#refuseClosed();
    const layers = [this.#overlay.snapshot(), this.#batch];
    let view: View | null = this.#environment.beginView();
    const end = (): void => {
      if (view !== null) this.#environment.endView(view);
      view = null;
      this.#ends.delete(end);
    };
    this.#ends.add(end);
    const held = (): View => {
      if (view === null) throw new StoreError('closed', 'the snapshot was released');
      return view;
    };
    const reader: StoreReader = {
      get: (table, key) => this.#get(layers, held(), table, key),
      range: (table, options = {}) => ({ [Symbol.iterator]: () => this.#range(() => layers, held(), table, options) }),
    };
    return { ...reader, release: end };
  }

  sizeBytes(): number {
    return this.#environment.sizeBytes();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    try {
      await this.#written();
    } finally {
      for (const end of [...this.#ends]) end();
      await this.#environment.close();
    }
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw new StoreError('closed', 'the store is closed');
  }

  /** The table's number, given and recorded with the first write to it. */
  #prefix(table: string): Uint8Array {
    let prefix = this.#tables.get(table);
    if (prefix === undefined) {
      const number = tableNumberMin + this.#tables.size;
      invariant(number < 0xffff, 'more than 65,000 tables');
      prefix = toTablePrefix(number);
      this.#tables.set(table, prefix);
      this.#put(fullKey(tableNamesFrom, toUtf8(table)), prefix);
    }
    return prefix;
  }

  #put(key: Uint8Array, value: Uint8Array | null): void {
    this.#overlay.set(key, value);
    this.#overlayBytes += key.length + (value?.length ?? 0) + entryOverheadBytes;
  }

  #get(layers: readonly Overlay[], view: View | undefined, table: string, key: Uint8Array): Uint8Array | undefined {
    this.#refuseClosed();
    const prefix = this.#tables.get(table);
    if (prefix === undefined || key.length === 0) return undefined;
    const full = fullKey(prefix, key);
    for (const layer of layers) {
      const value = layer.get(full);
      if (value !== undefined) return value?.slice();
    }
    return this.#environment.get(full, view);
  }

  *#range(
    layersNow: () => readonly Overlay[],
    view: View | undefined,
    table: string,
    options: RangeOptions,
  ): Generator<Entry> {
    this.#refuseClosed();
    const prefix = this.#tables.get(table);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    if (prefix === undefined || left <= 0) return;
    const range = fullRange(prefix, options);
    // Both in this turn: the layers and the file are of one moment.
    const stored = this.#environment.entries(range, view);
    const iteration = { ended: false };
    const end = (): void => {
      if (iteration.ended) return;
      iteration.ended = true;
      this.#ends.delete(end);
      stored.return?.();
    };
    this.#ends.add(end);
    try {
      const overlays = layersNow()
        .filter((layer) => layer.size > 0)
        .map((layer) => layer.entries(range));
      for (const [key, value] of merge([...overlays, stored], range.reverse)) {
        yield [key.slice(tableNumberBytes), value.slice()];
        if (--left === 0) return;
        if (iteration.ended) throw new StoreError('closed', 'the store was closed during an iteration');
      }
    } finally {
      end();
    }
  }

  /** Resolves when all that is committed now is on stable storage. */
  #written(): Promise<void> {
    if (this.#refusal !== null && this.#refusal.code !== 'full') return Promise.reject(this.#refusal);
    if (this.#overlay.size === 0 && this.#batch.size === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#startWriting();
    });
  }

  #startWriting(): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    if (this.#writing) return;
    this.#writing = true;
    // Not at once: who commits and waits in the same turn shares the batch.
    queueMicrotask(() => void this.#writeBatches());
  }

  async #writeBatches(): Promise<void> {
    do {
      const waiting = this.#waiting;
      this.#waiting = [];
      const failure = await this.#writeBatch();
      for (const { resolve, reject } of waiting) {
        if (failure === null) resolve();
        else reject(failure);
      }
    } while (this.#waiting.length > 0 || (this.#refusal === null && this.#overlayBytes >= overlayBytesMax));
    this.#writing = false;
  }

  async #writeBatch(): Promise<StoreError | null> {
    if (this.#refusal !== null && this.#refusal.code !== 'full') return this.#refusal;
    this.#batch = this.#overlay;
    this.#batchBytes = this.#overlayBytes;
    this.#overlay = new SortedBytesMap();
    this.#overlayBytes = 0;
    try {
      if (this.#batch.size > 0)
        await this.#environment.write(this.#batch.entries(), this.#batchBytes, this.#batch.size);
      this.#refusal = null;
      this.#batch = new SortedBytesMap();
      return null;
    } catch (error) {
      return this.#onFailure(error as StoreError);
    }
  }

  /** Nothing of the batch was stored. Where the device is full it is tried again, with what came after on top. */
  #onFailure(error: StoreError): StoreError {
    const code: StoreErrorCode = error.code === 'full' || error.code === 'corrupt' ? error.code : 'failed';
    this.#refusal = new StoreError(code, error.message, { cause: error });
    if (code === 'full') {
      const retried = this.#batch.snapshot();
      for (const [key, value] of this.#overlay.entries()) retried.set(key, value);
      this.#overlay = retried;
      this.#overlayBytes += this.#batchBytes;
      this.#batch = new SortedBytesMap();
    }
    return this.#refusal;
  }
}
