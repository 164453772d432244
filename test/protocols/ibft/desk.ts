/**
 * One machine on a desk: gives it inputs, signs what it asks to sign (unless told not to), answers block checks with
 * "valid" (unless told not to), and keeps every effect in order.
 */
import { createMachine, transition } from '../../../src/protocols/ibft/machine.ts';
import type {
  BlockCheck,
  Effect,
  HeightFacts,
  Input,
  JournalRecord,
  MachineState,
  MachineVerdict,
  TimerKind,
  Verified,
} from '../../../src/protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock } from '../../../src/protocols/ibft/messages.ts';
import { invariant } from '../../../src/protocols/shared/errors.ts';
import { round as toRound } from '../../../src/protocols/shared/brands.ts';
import { blockOf, chain, factsOf, keyOf, keysOf, noRecords, signatureOf } from './world.ts';

export interface DeskOptions {
  readonly count?: number;
  /** null: observer. */
  readonly self?: number | null;
  readonly facts?: Partial<HeightFacts>;
  readonly records?: readonly JournalRecord[];
  /** Indices of live peers; all by default. */
  readonly live?: readonly number[];
  readonly signs?: boolean;
  /** Answer to `check-block`; null: none is given. */
  readonly check?: BlockCheck | null;
  /** The block that this validator builds; null: none. */
  readonly builds?: EncodedBlock | null;
}

/** The signed message that a `sign` effect asks for. */
export function signedMessage(
  effect: Extract<Effect, { type: 'sign' }>,
  author: number,
  authorKey = keyOf(author),
): Verified<ConsensusMessage> {
  const { kind, ...content } = effect.payload;
  const payload = { ...content, author: authorKey, signature: signatureOf(author) };
  const { block, roundChanges, prepares } = effect.beside;
  const beside =
    kind === 'proposal' ? { block, roundChanges, prepares } : kind === 'round-change' ? { block, prepares } : {};
  return { type: kind, payload, ...beside } as unknown as Verified<ConsensusMessage>;
}

export class Desk {
  state: MachineState;
  /** Everything since the start. */
  readonly effects: Effect[] = [];
  verdict: MachineVerdict = { kind: 'accepted' };
  readonly #timers = new Map<TimerKind, Extract<Effect, { type: 'set-timer' }>>();
  readonly #self: number;
  readonly #signs: boolean;
  readonly #check: BlockCheck | null;
  readonly #builds: EncodedBlock | null;

  constructor(options: DeskOptions = {}) {
    const count = options.count ?? 4;
    this.#self = options.self ?? 0;
    this.#signs = options.signs ?? true;
    this.#check = options.check === undefined ? { kind: 'valid' } : options.check;
    this.#builds = options.builds === undefined ? blockOf({ proposer: this.#self, salt: 77 }) : options.builds;
    const live = options.live?.map(keyOf) ?? keysOf(count).filter((key) => key !== keyOf(this.#self));
    const started = createMachine({
      chainId: chain,
      self: options.self === null ? null : keyOf(this.#self),
      facts: factsOf(count, options.facts),
      records: options.records ?? noRecords,
      live,
    });
    this.state = started.state;
    this.#perform(started.effects);
  }

  /** Gives one input and whatever its effects ask back. The verdict is the input's. */
  give(input: Input): MachineVerdict {
    const next = transition(this.state, input);
    this.state = next.state;
    this.#perform(next.effects);
    this.verdict = next.verdict;
    return next.verdict;
  }

  receive(message: Verified<ConsensusMessage>, peer = message.payload.author): MachineVerdict {
    return this.give({ type: 'message', message, peer });
  }

  expire(timer: TimerKind, round: number = this.state.round): MachineVerdict {
    this.#timers.delete(timer);
    return this.give({ type: 'timer-expired', timer, height: this.state.facts.height, round: toRound(round) });
  }

  /** Effects of one type. */
  all<Type extends Effect['type']>(type: Type): Extract<Effect, { type: Type }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: Type }> => effect.type === type);
  }

  last<Type extends Effect['type']>(type: Type): Extract<Effect, { type: Type }> {
    const found = this.all(type).at(-1);
    invariant(found !== undefined, `no ${type} effect`);
    return found;
  }

  /** What it asked to sign, as `kind@round`, in order. */
  get signed(): readonly string[] {
    return this.all('sign').map(({ payload }) => `${payload.kind}@${payload.round}`);
  }

  /** Reason of the last verdict, or 'accepted'. */
  get reason(): string {
    return this.verdict.kind === 'accepted' ? 'accepted' : this.verdict.reason;
  }

  /** The running timer of a kind, or null. */
  running(timer: TimerKind): Extract<Effect, { type: 'set-timer' }> | null {
    return this.#timers.get(timer) ?? null;
  }

  #perform(effects: readonly Effect[]): void {
    const queue: Input[] = [];
    const take = (list: readonly Effect[]): void => {
      this.effects.push(...list);
      for (const effect of list) {
        if (effect.type === 'set-timer') this.#timers.set(effect.timer, effect);
        if (effect.type === 'cancel-timer') this.#timers.delete(effect.timer);
      }
      for (const effect of list) {
        const answer = this.#answer(effect);
        if (answer !== null) queue.push(answer);
      }
    };
    take(effects);
    for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
      const next = transition(this.state, input);
      this.state = next.state;
      take(next.effects);
    }
  }

  #answer(effect: Effect): Input | null {
    switch (effect.type) {
      case 'sign':
        return this.#signs ? { type: 'signed', message: signedMessage(effect, this.#self) } : null;
      case 'check-block': {
        const { height, digest } = effect;
        return this.#check === null ? null : { type: 'block-checked', height, digest, result: this.#check };
      }
      case 'build-block': {
        const { height, round } = effect;
        return this.#builds === null ? null : { type: 'block-built', height, round, block: this.#builds };
      }
      default:
        return null;
    }
  }
}
