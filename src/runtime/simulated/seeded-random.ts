/**
 * A deterministic stream of randomness: xoshiro128** (Blackman and Vigna, 2018), its state filled by splitmix32 from an
 * FNV-1a hash of the seed. The same seed gives the same stream on every machine. Not for keys.
 */
import type { Random } from '../ports/random.ts';

const rotateLeft = (value: number, count: number): number => (value << count) | (value >>> (32 - count));

/** 32-bit FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export class SeededRandom implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string | number | bigint) {
    this.#seed = String(seed);
    // Two hashes over different texts: seeds that collide in one 32-bit hash still differ in the other.
    const first = splitmix(hashText(this.#seed));
    const second = splitmix(hashText(`${this.#seed}/second`));
    this.#a = first();
    this.#b = second();
    this.#c = first();
    this.#d = second() | 1; // an all-zero state would stay zero
  }

  /** The generator in a given state (not all zero), as the published algorithm names its four words. */
  static fromState(a: number, b: number, c: number, d: number): SeededRandom {
    const random = new SeededRandom([a, b, c, d].join());
    random.#a = a;
    random.#b = b;
    random.#c = c;
    random.#d = d;
    return random;
  }

  /** A stream of its own, a function of this stream's seed and `label` only: drawing from one never shifts another. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${label}`);
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** 53 bits. */
  fraction(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      let word = this.uint32();
      for (let i = at; i < Math.min(at + 4, count); i++) {
        bytes[i] = word & 0xff;
        word >>>= 8;
      }
    }
    return bytes;
  }
}

function splitmix(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
