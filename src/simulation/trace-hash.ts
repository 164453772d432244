/**
 * One number for a whole run: every callback, payload, draw and store write goes into it, in order. Two runs that differ
 * anywhere differ here (but for one chance in 2^64). Not a cryptographic hash: nobody attacks it.
 */
import type { Random } from '../runtime/ports/random.ts';
import type { Write } from '../runtime/ports/store.ts';

/** What a record is about, so that equal numbers of different kinds do not look alike. */
const traceKinds = { step: 1, callback: 2, frame: 3, draw: 4, commit: 5, fault: 6, crash: 7, event: 8 } as const;
type TraceKind = keyof typeof traceKinds;

export class TraceHash {
  #a = 0x243f6a88;
  #b = 0x85a308d3;

  /** Words are taken as 32-bit integers. */
  record(kind: TraceKind, node: number, word: number): void {
    this.#mix((traceKinds[kind] << 24) ^ node);
    this.#mix(word);
  }

  /** A time in milliseconds, fractions included to the microsecond. */
  time(milliseconds: number): void {
    const microseconds = Math.round(milliseconds * 1000);
    this.#mix(microseconds | 0);
    this.#mix(Math.floor(microseconds / 0x1_0000_0000));
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#mix(length);
    const whole = length & ~3;
    for (let at = 0; at < whole; at += 4) {
      const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
      this.#mix(low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24));
    }
    let rest = 0;
    for (let at = whole; at < length; at++) rest = (rest << 8) | (bytes[at] as number);
    if (whole < length) this.#mix(rest);
  }

  text(text: string): void {
    this.#mix(text.length);
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
  }

  commit(node: number, writes: readonly Write[]): void {
    this.record('commit', node, writes.length);
    for (const { table, key, value } of writes) {
      this.text(table);
      this.bytes(key);
      if (value === null) this.#mix(-1);
      else this.bytes(value);
    }
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#a) + hex(this.#b);
  }

  #mix(word: number): void {
    const a = Math.imul(this.#a ^ word, 0x9e3779b1);
    const b = Math.imul(this.#b ^ word, 0x85ebca77);
    this.#a = a ^ (b >>> 15);
    this.#b = b ^ (a >>> 13);
  }
}

/** Every draw goes into the trace. */
export class TracedRandom implements Random {
  readonly #random: Random;
  readonly #trace: TraceHash;
  readonly #node: number;

  constructor(random: Random, trace: TraceHash, node: number) {
    this.#random = random;
    this.#trace = trace;
    this.#node = node;
  }

  bytes(count: number): Uint8Array {
    const bytes = this.#random.bytes(count);
    this.#trace.record('draw', this.#node, count);
    this.#trace.bytes(bytes);
    return bytes;
  }

  fraction(): number {
    const fraction = this.#random.fraction();
    this.#trace.record('draw', this.#node, fraction * 0x1_0000_0000);
    return fraction;
  }
}
