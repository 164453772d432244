/** Sets of messages as bits, and a table keyed by a number and such a set. */
import { invariant } from '../../../protocols/shared/errors.ts';

/** 32-bit words of a set. */
export const maskWords = 4;
export const messagesMax = 32 * maskWords;

/** `maskWords` whole 32-bit numbers. */
export type Mask = Int32Array;

export const emptyMask = (): Mask => new Int32Array(maskWords);
export const hasBit = (mask: Mask, bit: number): boolean => (((mask[bit >> 5] as number) >>> (bit & 31)) & 1) === 1;

/** All bits. */
const everything: Mask = new Int32Array(maskWords).fill(-1);

export function setBit(mask: Mask, bit: number): void {
  mask[bit >> 5] = (mask[bit >> 5] as number) | (1 << (bit & 31));
}

export function bitsOf(mask: Mask): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < messagesMax; bit++) if (hasBit(mask, bit)) bits.push(bit);
  return bits;
}

export const sameMask = (a: Mask, b: Mask): boolean => a.every((word, at) => word === b[at]);

export function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

const entryWords = maskWords + 2;

/** Open addressing; keys are never removed one by one. */
export class MaskTable {
  #entries = new Int32Array(1024 * entryWords);
  #capacity = 1024;
  #size = 0;

  clear(): void {
    this.#entries = new Int32Array(1024 * entryWords);
    this.#capacity = 1024;
    this.#size = 0;
  }

  /** The value of (key, set ∩ relevant), or −1. */
  get(key: number, set: Mask, relevant: Mask): number {
    const at = this.#find(key, set, relevant);
    return (this.#entries[at] as number) === 0 ? -1 : (this.#entries[at + entryWords - 1] as number);
  }

  /** Keys and values are at least 0. */
  set(key: number, set: Mask, relevant: Mask, value: number): void {
    invariant(value >= 0, 'values are not negative');
    if (this.#size * 2 > this.#capacity) this.#grow();
    const at = this.#find(key, set, relevant);
    if (this.#entries[at] === 0) this.#size += 1;
    this.#entries[at] = key + 1;
    for (let word = 0; word < maskWords; word++)
      this.#entries[at + 1 + word] = (set[word] as number) & (relevant[word] as number);
    this.#entries[at + entryWords - 1] = value;
  }

  #find(key: number, set: Mask, relevant: Mask): number {
    let hash = mix(0x243f6a88, key);
    for (let word = 0; word < maskWords; word++) hash = mix(hash, (set[word] as number) & (relevant[word] as number));
    const entries = this.#entries;
    for (let slot = hash & (this.#capacity - 1); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = slot * entryWords;
      if (entries[at] === 0) return at;
      if (entries[at] !== key + 1) continue;
      let word = 0;
      while (word < maskWords && entries[at + 1 + word] === ((set[word] as number) & (relevant[word] as number)))
        word += 1;
      if (word === maskWords) return at;
    }
  }

  #grow(): void {
    const old = this.#entries;
    this.#capacity *= 2;
    this.#entries = new Int32Array(this.#capacity * entryWords);
    this.#size = 0;
    for (let at = 0; at < old.length; at += entryWords) {
      const key = old[at] as number;
      if (key === 0) continue;
      this.set(key - 1, old.subarray(at + 1, at + 1 + maskWords), everything, old[at + entryWords - 1] as number);
    }
  }
}

/** Sets by number; 0 is the empty one. */
export class MaskNumbers {
  readonly #masks: Mask[] = [emptyMask()];
  readonly #numbers = new MaskTable();
  readonly #unions = new Map<number, number>();

  constructor() {
    this.#numbers.set(0, emptyMask(), everything, 0);
  }

  mask(number: number): Mask {
    return this.#masks[number] as Mask;
  }

  of(mask: Mask): number {
    const known = this.#numbers.get(0, mask, everything);
    if (known >= 0) return known;
    this.#numbers.set(0, mask, everything, this.#masks.length);
    return this.#masks.push(mask.slice()) - 1;
  }

  union(a: number, b: number): number {
    if (a === b || b === 0) return a;
    const key = a * 0x100_0000 + b;
    const known = this.#unions.get(key);
    if (known !== undefined) return known;
    const other = this.mask(b);
    const union = this.of(this.mask(a).map((word, at) => word | (other[at] as number)));
    this.#unions.set(key, union);
    return union;
  }
}
