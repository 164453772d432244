/**
 * Who hears what: partitions, and for the first rounds of a height a set of receivers for each kind of message and round.
 * The schedules published against BFT protocols are of that form: few of them come out of losing messages one by one.
 */
import type { PayloadKind } from '../../protocols/ibft/messages.ts';
import type { Draw } from '../draw.ts';

const kindCodes: Readonly<Record<PayloadKind, number>> = { proposal: 0, prepare: 1, commit: 2, 'round-change': 3 };

/** one-hears: a single instance hears everyone. one-deaf: all but a single one do. */
type Pattern = 'all' | 'none' | 'one-group' | 'one-hears' | 'one-deaf' | 'few' | 'many';
const patterns: readonly Pattern[] = [
  ...(['all', 'all', 'all', 'none', 'one-group', 'one-group'] as const),
  ...(['one-hears', 'one-hears', 'one-deaf', 'few', 'many'] as const),
];

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly single: number;
  readonly groups: readonly number[];
}

export class Reach {
  readonly #draw: Draw;
  readonly #instances: number;
  readonly #patternedRounds: number;
  /** By height, round and kind: whether `to` hears `from`, at from·instances + to; null: everyone hears everyone. */
  readonly #heard = new Map<number, readonly boolean[] | null>();
  /** By height and round. */
  readonly #isolated = new Map<number, number>();
  /** Group of each instance; null: all are linked. */
  #groups: readonly number[] | null = null;

  constructor(draw: Draw, instances: number, patternedRounds: number) {
    this.#draw = draw;
    this.#instances = instances;
    this.#patternedRounds = patternedRounds;
  }

  /** New groups, or all linked again: who each instance is linked with. */
  repartition(): readonly (readonly number[])[] {
    const all = Array.from({ length: this.#instances }, (_, instance) => instance);
    const last = this.#draw.pick([1, 1, 2]);
    const isCut = this.#groups === null || this.#draw.chance(0.5);
    const groups = isCut ? all.map(() => this.#draw.between(0, last)) : null;
    this.#groups = groups;
    return all.map((instance) =>
      all.filter((other) => other !== instance && (groups === null || groups[other] === groups[instance])),
    );
  }

  isLinked(from: number, to: number): boolean {
    return this.#groups === null || this.#groups[from] === this.#groups[to];
  }

  isHeard(kind: PayloadKind, height: number, round: number, from: number, to: number): boolean {
    if (round >= this.#patternedRounds) return true;
    const place = (height * this.#patternedRounds + round) * 4 + kindCodes[kind];
    const isolated = this.#isolatedIn(height, round);
    if (from === isolated || to === isolated) return false;
    let heard = this.#heard.get(place);
    if (heard === undefined) {
      heard = this.#drawPattern();
      this.#heard.set(place, heard);
    }
    return heard === null || heard[from * this.#instances + to] === true;
  }

  /** Often one instance takes no part in a round at all; −1: everyone does. */
  #isolatedIn(height: number, round: number): number {
    const place = height * this.#patternedRounds + round;
    let isolated = this.#isolated.get(place);
    if (isolated === undefined) {
      isolated = this.#draw.chance(0.4) ? this.#draw.between(0, this.#instances - 1) : -1;
      this.#isolated.set(place, isolated);
    }
    return isolated;
  }

  #drawPattern(): readonly boolean[] | null {
    const pattern = this.#draw.pick(patterns);
    if (pattern === 'all') return null;
    const all = Array.from({ length: this.#instances }, (_, instance) => instance);
    const groups = all.map(() => this.#draw.between(0, 1));
    const single = this.#draw.pick(all);
    return all.flatMap((from) => all.map((to) => this.#passes(pattern, { from, to, single, groups })));
  }

  #passes(pattern: Exclude<Pattern, 'all'>, { from, to, single, groups }: Edge): boolean {
    switch (pattern) {
      case 'none':
        return false;
      case 'one-group':
        return groups[from] === 1 && groups[to] === 1;
      case 'one-hears':
        return to === single;
      case 'one-deaf':
        return to !== single;
      case 'few':
        return this.#draw.chance(0.25);
      case 'many':
        return this.#draw.chance(0.75);
    }
  }
}
