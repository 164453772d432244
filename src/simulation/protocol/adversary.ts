/** What the adversary says: messages made of what was sent, true and false claims, to some and not to others. */
import type { ConsensusMessage, PayloadKind } from '../../protocols/ibft/messages.ts';
import type { Draw } from '../draw.ts';
import type { BlockName, Choice, Forgery, MessageName } from './schedule.ts';

interface Heard {
  readonly name: MessageName;
  /** Of a round change with a certificate. */
  readonly preparedRound: number | null;
}

/** Names kept of each kind. */
const knownMax = 64;

export interface Place {
  readonly height: number;
  readonly round: number;
  /** A round near by in which one of the adversary's validators proposes: it, and the validator. */
  readonly turn: { readonly round: number; readonly by: number } | null;
}

export class Adversary {
  readonly #draw: Draw;
  readonly #members: readonly number[];
  readonly #instances: number;
  readonly #known: Readonly<Record<PayloadKind, Heard[]>> = {
    proposal: [],
    prepare: [],
    commit: [],
    'round-change': [],
  };

  constructor(draw: Draw, members: readonly number[], instances: number) {
    this.#draw = draw;
    this.#members = members;
    this.#instances = instances;
  }

  /** It hears everything that leaves anyone. */
  hear(name: MessageName, message: ConsensusMessage): void {
    const heard = this.#known[name.kind];
    heard.push({ name, preparedRound: message.type === 'round-change' ? message.payload.preparedRound : null });
    if (heard.length > knownMax) heard.shift();
  }

  /** A message at the place of some correct validator. */
  speak({ height, round, turn }: Place): Extract<Choice, { do: 'forge' }> {
    const draw = this.#draw;
    const everyone = Array.from({ length: this.#instances }, (_, instance) => instance);
    const to = draw.chance(0.4) ? everyone : everyone.filter(() => draw.chance(0.6));
    if (turn !== null && draw.chance(0.5))
      return { do: 'forge', by: turn.by, to, message: this.#proposal(height, turn.round) };
    const at = Math.max(0, round + draw.pick([0, 0, 0, 1, -1]));
    const kind = draw.pick<PayloadKind>(['proposal', 'prepare', 'commit', 'round-change', 'round-change']);
    return { do: 'forge', by: draw.pick(this.#members), to, message: this.#forgery(kind, height, at) };
  }

  #forgery(kind: PayloadKind, height: number, round: number): Forgery {
    if (kind === 'proposal') return this.#proposal(height, round);
    if (kind === 'round-change') return this.#roundChange(height, round);
    return { kind, height, round, block: this.#block(height, round) };
  }

  #proposal(height: number, round: number): Forgery {
    const draw = this.#draw;
    const place = { kind: 'proposal', height, round } as const;
    if (round === 0) return { ...place, block: draw.chance(0.8) ? this.#fresh() : this.#block(height, 0) };
    const changes = this.#once(this.#at('round-change', height, round));
    const prepared = changes.filter(({ preparedRound }) => preparedRound !== null);
    const chosen = draw.chance(0.7) && prepared.length > 0 ? draw.pick(prepared) : null;
    // Round changes that say more than the proposal are left out, but not always.
    const least = chosen?.preparedRound ?? -1;
    const isHiding = draw.chance(0.7);
    const quoted = changes.filter(({ preparedRound }) => !isHiding || (preparedRound ?? -1) <= least);
    const prepares = chosen === null ? [] : this.#once(this.#at('prepare', height, least));
    return {
      ...place,
      block: chosen === null ? this.#fresh() : chosen.name,
      roundChanges: this.#distorted(quoted),
      prepares: this.#distorted(prepares),
    };
  }

  #roundChange(height: number, round: number): Forgery {
    const draw = this.#draw;
    const place = { kind: 'round-change', height, round } as const;
    if (round === 0 || draw.chance(0.4)) return { ...place, block: null };
    const preparedRound = draw.between(0, round - 1);
    // A certificate of all that anyone ever prepared, in whichever round.
    const all = this.#known.prepare.filter(({ name }) => name.height === height);
    const heard = draw.chance(0.2) ? draw.shuffle(all) : this.#at('prepare', height, preparedRound);
    const prepares = this.#distorted(this.#once(heard));
    return { ...place, block: this.#block(height, preparedRound), preparedRound, prepares };
  }

  #fresh(): BlockName {
    const [salt, valid] = [this.#draw.between(0, 3), this.#draw.chance(0.7)];
    return this.#draw.chance(0.1) ? { salt, valid, stray: true } : { salt, valid };
  }

  /** Some block that was proposed, preferably in this round. */
  #block(height: number, round: number): BlockName {
    const proposals = this.#known.proposal.filter(({ name }) => name.height === height);
    const fitting = proposals.filter(({ name }) => name.round === round);
    if (fitting.length > 0 && this.#draw.chance(0.8)) return this.#draw.pick(fitting).name;
    return proposals.length > 0 ? this.#draw.pick(proposals).name : this.#fresh();
  }

  #at(kind: 'prepare' | 'round-change', height: number, round: number): readonly Heard[] {
    return this.#known[kind].filter(({ name }) => name.height === height && name.round === round);
  }

  #once(heard: readonly Heard[]): readonly Heard[] {
    return heard.filter(({ name }, at) => heard.findIndex((other) => other.name.from === name.from) === at);
  }

  /** As it is, or one short, or one twice, or a part of it. */
  #distorted(heard: readonly Heard[]): readonly MessageName[] {
    const names = heard.map(({ name }) => name);
    const [first] = names;
    switch (this.#draw.between(0, 7)) {
      case 0:
        return names.slice(1);
      case 1:
        return first === undefined ? names : [...names, first];
      case 2:
        return first === undefined ? names : [...names.slice(1), ...names.slice(-1)];
      case 3:
        return names.filter(() => this.#draw.chance(0.7));
      default:
        return names;
    }
  }
}
