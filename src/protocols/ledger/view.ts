/**
 * What a module sees of the state while a block is executed: typed cells over the committed state, an overlay of what
 * this block changed, events, and rollback for transactions that fail.
 *
 * Keys are ASCII text `<module>/<table>/<rest>`, so they sort as their bytes do. Values are immutable: a module writes
 * a new value, it never changes one it read. A value is encoded once, when the block is done.
 */
import { compareText, equalBytes } from '../shared/bytes.ts';
import { type Codec, decode, encode } from '../shared/codec.ts';
import { invariant, InvariantError } from '../shared/errors.ts';
import type { LedgerEvent } from './events.ts';

/** Longest state key, bytes (the store's limit). */
const stateKeyBytesMax = 511;

/** The committed state of one height: raw namespaced keys (`module/…`) to canonical bytes. */
export interface StateReader {
  get(key: Uint8Array): Uint8Array | undefined;
  /** Entries whose keys start with `prefix`, ascending by key. */
  range(prefix: Uint8Array): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

/** One change of the state; null deletes. */
export interface StateWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** The empty state, below genesis. */
export const emptyState: StateReader = { get: () => undefined, range: () => [] };

export function stateKey(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) throw new InvariantError(`not a state key: ${JSON.stringify(text)}`);
    bytes[i] = code;
  }
  invariant(bytes.length > 0 && bytes.length <= stateKeyBytesMax, `a state key of ${bytes.length} bytes`);
  return bytes;
}

const decoder = new TextDecoder('latin1');

/** The text of a state key. */
const stateKeyText = (key: Uint8Array): string => decoder.decode(key);

/** A name for a family of values of one codec. `prefix` ends with a slash. */
export interface Table<T> {
  readonly prefix: string;
  readonly codec: Codec<T>;
}

export const table = <T>(prefix: string, codec: Codec<T>): Table<T> => {
  invariant(/^[a-z][a-z-]*\/([a-z-]+\/)+$/.test(prefix), `not a table prefix: ${prefix}`);
  return { prefix, codec };
};

interface Slot {
  /** undefined: absent. */
  value: unknown;
  /** What the committed state holds; undefined: nothing. */
  readonly committed: Uint8Array | undefined;
  dirty: boolean;
}

interface Overlay {
  readonly codec: Codec<unknown>;
  readonly slots: Map<string, Slot>;
}

interface Undo {
  readonly slot: Slot;
  readonly value: unknown;
  readonly dirty: boolean;
}

export interface EventInput {
  readonly module: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reading side of a {@link View}: what authorization and queries need. */
export interface ReadView {
  get<T>(from: Table<T>, key: string): T | undefined;
  scan<T>(from: Table<T>, keyPrefix?: string): Iterable<readonly [key: string, value: T]>;
}

/** One value of the committed state. */
export function readValue<T>(reader: StateReader, from: Table<T>, key: string): T | undefined {
  const bytes = reader.get(stateKey(from.prefix + key));
  return bytes === undefined ? undefined : decode(from.codec, bytes);
}

export class View implements ReadView {
  readonly #reader: StateReader;
  readonly #overlays = new Map<string, Overlay>();
  readonly #events: LedgerEvent[] = [];
  #transaction: number | null = null;
  #undo: Undo[] | undefined;
  #eventsBefore = 0;

  constructor(reader: StateReader) {
    this.#reader = reader;
  }

  #overlay<T>(from: Table<T>): Overlay {
    let overlay = this.#overlays.get(from.prefix);
    if (overlay === undefined) {
      overlay = { codec: from.codec as Codec<unknown>, slots: new Map() };
      this.#overlays.set(from.prefix, overlay);
    }
    return overlay;
  }

  #slot<T>(from: Table<T>, key: string): Slot {
    const { slots } = this.#overlay(from);
    let slot = slots.get(key);
    if (slot === undefined) {
      const committed = this.#reader.get(stateKey(from.prefix + key));
      slot = { value: committed === undefined ? undefined : decode(from.codec, committed), committed, dirty: false };
      slots.set(key, slot);
    }
    return slot;
  }

  #put<T>(to: Table<T>, key: string, value: T | undefined): void {
    const slot = this.#slot(to, key);
    this.#undo?.push({ slot, value: slot.value, dirty: slot.dirty });
    slot.value = value;
    slot.dirty = true;
  }

  get<T>(from: Table<T>, key: string): T | undefined {
    return this.#slot(from, key).value as T | undefined;
  }

  set<T>(to: Table<T>, key: string, value: T): void {
    this.#put(to, key, value);
  }

  delete<T>(from: Table<T>, key: string): void {
    this.#put(from, key, undefined);
  }

  /**
   * The entries of a table whose keys start with `keyPrefix`, ascending, as they are now; the keys lack the table's
   * prefix. Lazy: what is not consumed is not read. The table must not be written while it is scanned.
   */
  *scan<T>(from: Table<T>, keyPrefix = ''): Generator<readonly [key: string, value: T]> {
    const { slots } = this.#overlay(from);
    const ours = [...slots.keys()].filter((key) => key.startsWith(keyPrefix)).sort(compareText);
    let next = 0;
    const oursBelow = function* (bound: string | undefined): Generator<readonly [string, T]> {
      for (; next < ours.length; next++) {
        const key = ours[next] as string;
        if (bound !== undefined && key >= bound) return;
        const value = slots.get(key)?.value;
        if (value !== undefined) yield [key, value as T];
      }
    };
    for (const [raw, bytes] of this.#reader.range(stateKey(from.prefix + keyPrefix))) {
      const key = stateKeyText(raw).slice(from.prefix.length);
      yield* oursBelow(key);
      if (!slots.has(key)) yield [key, decode(from.codec, bytes)];
    }
    yield* oursBelow(undefined);
  }

  emit(event: EventInput): void {
    const attributes = Object.entries(event.attributes).map(([name, value]) => ({ name, value }));
    this.#events.push({ module: event.module, kind: event.kind, transaction: this.#transaction, attributes });
  }

  /** What follows, until {@link commit} or {@link rollback}, belongs to the transaction at `index` of the block. */
  begin(index: number): void {
    invariant(this.#undo === undefined, 'a transaction is open already');
    this.#undo = [];
    this.#transaction = index;
    this.#eventsBefore = this.#events.length;
  }

  /** Keeps what the open transaction did. Returns the number of its events. */
  commit(): number {
    invariant(this.#undo !== undefined, 'no transaction is open');
    this.#undo = undefined;
    this.#transaction = null;
    return this.#events.length - this.#eventsBefore;
  }

  /** Undoes every write and event since {@link begin}. */
  rollback(): void {
    const undo = this.#undo;
    invariant(undo !== undefined, 'no transaction is open');
    for (let i = undo.length - 1; i >= 0; i--) {
      const { slot, value, dirty } = undo[i] as Undo;
      slot.value = value;
      slot.dirty = dirty;
    }
    this.#events.length = this.#eventsBefore;
    this.#undo = undefined;
    this.#transaction = null;
  }

  events(): readonly LedgerEvent[] {
    return this.#events;
  }

  /** What differs from the committed state, ascending by key. */
  writes(): readonly StateWrite[] {
    const changed: (readonly [key: string, value: Uint8Array | null])[] = [];
    for (const [prefix, { codec, slots }] of this.#overlays) {
      for (const [key, slot] of slots) {
        if (!slot.dirty) continue;
        if (slot.value === undefined) {
          if (slot.committed !== undefined) changed.push([prefix + key, null]);
          continue;
        }
        const bytes = encode(codec, slot.value);
        if (slot.committed === undefined || !equalBytes(bytes, slot.committed)) changed.push([prefix + key, bytes]);
      }
    }
    changed.sort((a, b) => compareText(a[0], b[0]));
    return changed.map(([key, value]) => ({ key: stateKey(key), value }));
  }
}
