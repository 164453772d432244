/** What the adversary says: messages made of what was sent, true and false claims, to some and not to others. */
import type { PayloadKind } from '../../protocols/ibft/messages.ts';
import type { Draw } from '../draw.ts';
import type { BlockName, Choice, Forgery, MessageName } from './schedule.ts';

type Known = Readonly<Record<PayloadKind, MessageName[]>>;

/** Names kept of each kind. */
const knownMax = 64;

export class Adversary {
  readonly #draw: Draw;
  readonly #members: readonly number[];
  readonly #everyone: readonly number[];
  readonly #known: Known = { proposal: [], prepare: [], commit: [], 'round-change': [] };

  constructor(draw: Draw, members: readonly number[], instances: number) {
    this.#draw = draw;
    this.#members = members;
    this.#everyone = Array.from({ length: instances }, (_, instance) => instance);
  }

  /** It hears everything that leaves anyone. */
  hear(name: MessageName): void {
    const names = this.#known[name.kind];
    names.push(name);
    if (names.length > knownMax) names.shift();
  }

  /** A message at the place of some correct validator. */
  speak(height: number, round: number): Extract<Choice, { do: 'forge' }> {
    const draw = this.#draw;
    const kind = draw.pick<PayloadKind>(['proposal', 'prepare', 'commit', 'round-change']);
    const at = Math.max(0, round + draw.pick([0, 0, 0, 1, -1]));
    const to = this.#everyone.filter(() => draw.chance(0.6));
    return { do: 'forge', by: draw.pick(this.#members), to, message: this.#forgery(kind, height, at) };
  }

  #forgery(kind: PayloadKind, height: number, round: number): Forgery {
    const draw = this.#draw;
    const place = { kind, height, round };
    switch (kind) {
      case 'prepare':
      case 'commit':
        return { ...place, block: this.#block(height, round) };
      case 'proposal': {
        if (round === 0) return { ...place, block: draw.chance(0.8) ? this.#fresh() : this.#block(height, 0) };
        const preparedRound = draw.between(0, round - 1);
        return {
          ...place,
          block: draw.chance(0.5) ? this.#fresh() : this.#block(height, preparedRound),
          roundChanges: this.#some('round-change', height, round),
          prepares: draw.chance(0.5) ? this.#prepares(height, preparedRound) : [],
        };
      }
      case 'round-change': {
        if (round === 0 || draw.chance(0.5)) return { ...place, block: null };
        const preparedRound = draw.between(0, round - 1);
        const prepares = this.#prepares(height, preparedRound);
        return { ...place, block: this.#block(height, preparedRound), preparedRound, prepares };
      }
    }
  }

  #fresh(): BlockName {
    return { salt: this.#draw.between(0, 3), valid: this.#draw.chance(0.7) };
  }

  /** Some block that was proposed, preferably in this round. */
  #block(height: number, round: number): BlockName {
    const proposals = this.#known.proposal.filter((name) => name.height === height);
    const fitting = proposals.filter((name) => name.round === round);
    if (fitting.length > 0 && this.#draw.chance(0.8)) return this.#draw.pick(fitting);
    return proposals.length > 0 ? this.#draw.pick(proposals) : this.#fresh();
  }

  /** Those of a round; or one of them many times, or those of all rounds together. */
  #prepares(height: number, round: number): readonly MessageName[] {
    const right = this.#some('prepare', height, round);
    const trick = this.#draw.between(0, 9);
    const [first] = right;
    if (trick === 0 && first !== undefined) return this.#everyone.map(() => first);
    if (trick !== 1) return right;
    const all = this.#known.prepare.filter((name) => name.height === height);
    return all.filter((name, at) => all.findIndex(({ from }) => from === name.from) === at);
  }

  /** Most of what was sent there, each author once as far as names tell. */
  #some(kind: 'prepare' | 'round-change', height: number, round: number): readonly MessageName[] {
    const least = this.#draw.chance(0.7) ? 0 : 0.3;
    const fitting = this.#known[kind].filter((name) => name.height === height && name.round === round);
    const once = fitting.filter((name, at) => fitting.findIndex(({ from }) => from === name.from) === at);
    return once.filter(() => !this.#draw.chance(least));
  }
}
