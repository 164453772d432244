import type { Random } from '../ports/random.ts';

/** Delays that double from `minMs` to `maxMs`, each drawn from its upper half so that peers do not dial in step. */
export class BackOff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: Random;
  #nextMs: number;

  constructor(minMs: number, maxMs: number, random: Random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
    this.#nextMs = minMs;
  }

  /** At least `minMs`, at most `maxMs`. */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(this.#maxMs, delayMs * 2);
    return Math.max(this.#minMs, delayMs * (0.5 + 0.5 * this.#random.fraction()));
  }

  reset(): void {
    this.#nextMs = this.#minMs;
  }
}
