/**
 * A map from byte strings to values in key order: sorted arrays ("chunks") of bounded length under a sorted directory.
 * A snapshot shares the chunks; whichever side writes first copies the one chunk that it touches. With n keys a lookup
 * costs O(log n) comparisons, a write O(log n + chunk length), a snapshot O(n / chunk length) pointer copies.
 */
import { compareBytes } from './bytes.ts';

interface Chunk<V> {
  /** Only the map that holds this very token may change the chunk in place. */
  owner: object;
  keys: Uint8Array[];
  values: V[];
}

export interface SortedRange {
  /** First key, inclusive. */
  readonly from?: Uint8Array | undefined;
  /** Last key, exclusive. */
  readonly to?: Uint8Array | undefined;
  /** From the highest key down. */
  readonly reverse?: boolean | undefined;
}

const chunkLengthMax = 256;

/**
 * Index of the first key that is not below `key`. Keys in between share with it what both ends of the search do, which is
 * not compared again: long prefixes are common here.
 */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  let sharedLow = 0;
  let sharedHigh = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = keys[middle] as Uint8Array;
    const length = Math.min(candidate.length, key.length);
    let at = Math.min(sharedLow, sharedHigh);
    while (at < length && candidate[at] === key[at]) at += 1;
    const isBelow = at < length ? (candidate[at] as number) < (key[at] as number) : candidate.length < key.length;
    if (isBelow) {
      low = middle + 1;
      sharedLow = at;
    } else {
      high = middle;
      sharedHigh = at;
    }
  }
  return low;
}

const isAt = (keys: readonly Uint8Array[], index: number, key: Uint8Array): boolean =>
  index < keys.length && compareBytes(keys[index] as Uint8Array, key) === 0;

/** Keys and values are kept as given, not copied: they must not be changed afterwards. */
export class SortedBytesMap<V> {
  #owner: object = {};
  /** Never empty chunks, in key order. */
  #chunks: Chunk<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): V | undefined {
    const chunk = this.#chunks[this.#chunkIndex(key)];
    if (chunk === undefined) return undefined;
    const index = lowerBound(chunk.keys, key);
    return isAt(chunk.keys, index, key) ? chunk.values[index] : undefined;
  }

  /** Returns what was there. */
  set(key: Uint8Array, value: V): V | undefined {
    if (this.#chunks.length === 0) {
      this.#chunks.push({ owner: this.#owner, keys: [key], values: [value] });
      this.#size = 1;
      return undefined;
    }
    const at = this.#chunkIndex(key);
    const chunk = this.#own(at);
    const index = lowerBound(chunk.keys, key);
    if (isAt(chunk.keys, index, key)) {
      const previous = chunk.values[index];
      chunk.values[index] = value;
      return previous;
    }
    chunk.keys.splice(index, 0, key);
    chunk.values.splice(index, 0, value);
    this.#size += 1;
    if (chunk.keys.length > chunkLengthMax) this.#split(at, chunk, index === chunk.keys.length - 1);
    return undefined;
  }

  /** Returns what was there. */
  delete(key: Uint8Array): V | undefined {
    const at = this.#chunkIndex(key);
    const found = this.#chunks[at];
    if (found === undefined) return undefined;
    const index = lowerBound(found.keys, key);
    if (!isAt(found.keys, index, key)) return undefined;
    const chunk = this.#own(at);
    chunk.keys.splice(index, 1);
    const [previous] = chunk.values.splice(index, 1);
    this.#size -= 1;
    if (chunk.keys.length === 0) this.#chunks.splice(at, 1);
    return previous;
  }

  /** The map as it is now; later writes to either side do not show in the other. */
  snapshot(): SortedBytesMap<V> {
    const copy = new SortedBytesMap<V>();
    copy.#chunks = this.#chunks.slice();
    copy.#size = this.#size;
    this.#owner = {};
    return copy;
  }

  /** In key order. The map must not be written to while the iteration lasts: iterate a snapshot where it may be. */
  *entries(range: SortedRange = {}): Generator<readonly [key: Uint8Array, value: V]> {
    if (range.reverse === true) yield* this.#descending(range.from, range.to);
    else yield* this.#ascending(range.from, range.to);
  }

  *#ascending(from: Uint8Array | undefined, to: Uint8Array | undefined): Generator<readonly [Uint8Array, V]> {
    let at = from === undefined ? 0 : this.#chunkIndex(from);
    let index = from === undefined ? 0 : lowerBound(this.#chunks[at]?.keys ?? [], from);
    for (; at < this.#chunks.length; at++, index = 0) {
      const { keys, values } = this.#chunks[at] as Chunk<V>;
      for (; index < keys.length; index++) {
        const key = keys[index] as Uint8Array;
        if (to !== undefined && compareBytes(key, to) >= 0) return;
        yield [key, values[index] as V];
      }
    }
  }

  *#descending(from: Uint8Array | undefined, to: Uint8Array | undefined): Generator<readonly [Uint8Array, V]> {
    const last = this.#chunks.length - 1;
    let at = to === undefined ? last : Math.min(this.#chunkIndex(to), last);
    let end = to === undefined ? undefined : lowerBound(this.#chunks[at]?.keys ?? [], to);
    for (; at >= 0; at--, end = undefined) {
      const { keys, values } = this.#chunks[at] as Chunk<V>;
      for (let index = (end ?? keys.length) - 1; index >= 0; index--) {
        const key = keys[index] as Uint8Array;
        if (from !== undefined && compareBytes(key, from) < 0) return;
        yield [key, values[index] as V];
      }
    }
  }

  /** The chunk in which `key` is or belongs: the last one that does not begin above it, else the first. */
  #chunkIndex(key: Uint8Array): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#chunks[middle] as Chunk<V>).keys[0] as Uint8Array, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #own(at: number): Chunk<V> {
    const chunk = this.#chunks[at] as Chunk<V>;
    if (chunk.owner === this.#owner) return chunk;
    const copy = { owner: this.#owner, keys: chunk.keys.slice(), values: chunk.values.slice() };
    this.#chunks[at] = copy;
    return copy;
  }

  #split(at: number, chunk: Chunk<V>, ascending: boolean): void {
    // Keys that come in order fill chunks to the brim instead of leaving them half empty.
    const middle = ascending ? chunk.keys.length - 1 : chunk.keys.length >>> 1;
    const upper = { owner: this.#owner, keys: chunk.keys.splice(middle), values: chunk.values.splice(middle) };
    this.#chunks.splice(at + 1, 0, upper);
  }
}
