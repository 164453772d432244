/**
 * Global states, each stored once: the numbers of its hosts' states, and the state it was reached from. Compared number by
 * number, so that no two states are ever mistaken for one. Memory a state: 4 bytes a host, 4 for the parent, 4 to 11 in
 * the table.
 */
import { mix } from './mask.ts';

const chunkStates = 1 << 16;

export class StateStore {
  readonly width: number;
  readonly #canonical: (state: Int32Array, into: Int32Array) => void;
  readonly #chunks: Int32Array[] = [];
  readonly #probe: Int32Array;
  readonly #stored: Int32Array;
  readonly #raw: Int32Array;
  #table = new Int32Array(1 << 12);
  #size = 0;

  /** `canonical` writes the one form of all states that are alike. */
  constructor(width: number, canonical: (state: Int32Array, into: Int32Array) => void) {
    this.width = width;
    this.#canonical = canonical;
    this.#probe = new Int32Array(width);
    this.#stored = new Int32Array(width);
    this.#raw = new Int32Array(width);
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#chunks.length * chunkStates * (this.width + 1) * 4 + this.#table.byteLength;
  }

  read(index: number, into: Int32Array): void {
    const chunk = this.#chunks[Math.floor(index / chunkStates)] as Int32Array;
    const at = (index % chunkStates) * (this.width + 1);
    for (let place = 0; place < this.width; place++) into[place] = chunk[at + place] as number;
  }

  /** −1 for the first. */
  parent(index: number): number {
    const chunk = this.#chunks[Math.floor(index / chunkStates)] as Int32Array;
    return chunk[(index % chunkStates) * (this.width + 1) + this.width] as number;
  }

  /** Whether the state is new; if so it is kept. */
  add(state: Int32Array, parent: number): boolean {
    if (this.#size * 2 >= this.#table.length) this.#grow();
    this.#canonical(state, this.#probe);
    const slot = this.#slotOf(this.#probe);
    if (this.#table[slot] !== 0) return false;
    this.#table[slot] = this.#size + 1;
    if (this.#size % chunkStates === 0) this.#chunks.push(new Int32Array(chunkStates * (this.width + 1)));
    const chunk = this.#chunks.at(-1) as Int32Array;
    const at = (this.#size % chunkStates) * (this.width + 1);
    chunk.set(state, at);
    chunk[at + this.width] = parent;
    this.#size += 1;
    return true;
  }

  #hash(state: Int32Array): number {
    let hash = 0x243f6a88;
    for (let place = 0; place < this.width; place++) hash = mix(hash, state[place] as number);
    return mix(hash, hash >>> 13);
  }

  #slotOf(canonical: Int32Array): number {
    const last = this.#table.length - 1;
    for (let slot = this.#hash(canonical) & last; ; slot = (slot + 1) & last) {
      const index = this.#table[slot] as number;
      if (index === 0) return slot;
      this.read(index - 1, this.#raw);
      this.#canonical(this.#raw, this.#stored);
      let place = 0;
      while (place < this.width && this.#stored[place] === canonical[place]) place += 1;
      if (place === this.width) return slot;
    }
  }

  #grow(): void {
    this.#table = new Int32Array(this.#table.length * 2);
    for (let index = 0; index < this.#size; index++) {
      this.read(index, this.#raw);
      this.#canonical(this.#raw, this.#stored);
      let slot = this.#hash(this.#stored) & (this.#table.length - 1);
      while (this.#table[slot] !== 0) slot = (slot + 1) & (this.#table.length - 1);
      this.#table[slot] = index + 1;
    }
  }
}
