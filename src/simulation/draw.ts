/** Choices of one seed. */
import { invariant } from '../protocols/shared/errors.ts';
import type { Random } from '../runtime/ports/random.ts';

/** A stream that others can be made of, by name, without shifting it. */
interface ForkingRandom extends Random {
  fork(label: string): ForkingRandom;
}

export class Draw {
  readonly #random: ForkingRandom;

  constructor(random: ForkingRandom) {
    this.#random = random;
  }

  /** Choices of their own: a function of the seed and the label only. */
  fork(label: string): Draw {
    return new Draw(this.#random.fork(label));
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random.fraction() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    invariant(list.length > 0, 'nothing to pick from');
    return list[this.between(0, list.length - 1)] as T;
  }

  /** In a random order. */
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.between(0, at);
      [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T];
    }
    return shuffled;
  }
}
