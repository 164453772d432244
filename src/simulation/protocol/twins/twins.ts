/**
 * Twins (Bano et al., arXiv 2004.10617): validators that run twice with one key, under every choice of leader and network
 * partition for each phase. Safety is looked at after every message, liveness after the last phase, when all can hear all.
 *
 * Phases after equal beginnings are played once, and so are those after different beginnings that led to the same state,
 * so that far more scenarios are covered than are executed; each covered scenario counts.
 *
 * Differences from the paper: a validator resends its latest messages when a phase begins, as it does all the time, so what
 * one partition cut is heard in the next; a time-out fires once a phase, where the machine lets a timer run.
 */
import { digestOf } from '../../../protocols/ibft/justification.ts';
import type { EncodedBlock } from '../../../protocols/ibft/messages.ts';
import { faultyCountMax } from '../../../protocols/ledger/validator-set.ts';
import { SeededRandom } from '../../../runtime/simulated/seeded-random.ts';
import { TraceHash } from '../../trace-hash.ts';
import type { HostState } from '../host-state.ts';
import type { Cast, Choice, ProtocolRuleName, ProtocolSchedule } from '../schedule.ts';
import { productionRules, type Rules, type Setting, settingOf } from '../setting.ts';
import { castOf, firstPhasesOf, phasesOf, type WeightedPhase } from './configurations.ts';
import { type Phase, PhaseRunner, type PhaseState } from './phases.ts';

export interface TwinsOptions {
  /** 4 to 7 for all scenarios; more with `sample`. */
  readonly validators: number;
  /** Phases, each with a leader and a partition: 1 to 10. */
  readonly rounds: number;
  /** Validators with a twin; f unless told otherwise, more is a negative control. */
  readonly twins?: number;
  /** Most groups of a partition; 2 unless told otherwise. */
  readonly groups?: number;
  /** So many scenarios of a seed instead of all. */
  readonly sample?: { readonly scenarios: number; readonly seed: number };
  readonly rules?: Rules;
  readonly ruleName?: ProtocolRuleName;
}

export interface TwinsCounts {
  /** Scenarios that were covered: sequences of leaders and partitions. */
  readonly scenarios: number;
  /** All there are with these options. */
  readonly scenariosInAll: number;
  readonly phasesPlayed: number;
  /** Different states after each phase, of those in which somebody has still to decide. */
  readonly states: readonly number[];
  readonly delivered: number;
  /** States from which the healed network was run until all had decided, and the most rounds that this took. */
  readonly healed: number;
  readonly healingRoundsMax: number;
}

interface TwinsFinding {
  readonly kind: 'safety' | 'liveness';
  readonly detail: string;
  readonly phases: readonly Phase[];
  /** Runs again with `replayProtocol`. */
  readonly schedule: ProtocolSchedule;
}

export interface TwinsResult extends TwinsCounts {
  readonly finding: TwinsFinding | null;
}

interface Node {
  readonly state: PhaseState;
  readonly phases: readonly Phase[];
  /** Scenarios that begin like this, in their first phases. */
  weight: number;
}

interface Counting {
  scenarios: number;
  phasesPlayed: number;
  states: number[];
  healed: number;
  healingRoundsMax: number;
}

/** Phases between two looks at the outside. */
const slice = 50;

class Twins {
  readonly counting: Counting = { scenarios: 0, phasesPlayed: 0, states: [], healed: 0, healingRoundsMax: 0 };
  readonly #options: TwinsOptions;
  readonly #cast: Cast;
  readonly #setting: Setting;
  readonly #runner: PhaseRunner;
  readonly #phases: readonly Phase[];
  #finding: TwinsFinding | null = null;

  constructor(options: TwinsOptions) {
    const { validators, groups = 2, twins = faultyCountMax(validators), rules = productionRules } = options;
    this.#options = options;
    this.#cast = castOf(validators, twins);
    this.#setting = settingOf(validators, { rules });
    this.#runner = new PhaseRunner(this.#cast, this.#setting);
    this.#phases = phasesOf(this.#cast, groups);
  }

  get counts(): TwinsCounts {
    const scenariosInAll = this.#phases.length ** this.#options.rounds;
    return { ...this.counting, scenariosInAll, delivered: this.#runner.delivered };
  }

  // --- all ---------------------------------------------------------------------------------------------------------

  *enumerate(): Generator<TwinsCounts, TwinsResult> {
    const { rounds, groups = 2 } = this.#options;
    let level: readonly Node[] = [{ state: this.#runner.start(), phases: [], weight: 1 }];
    for (let round = 0; round < rounds; round++) {
      const next = new Map<string, Node>();
      const isLast = round === rounds - 1;
      const choices: readonly WeightedPhase[] =
        round === 0 ? firstPhasesOf(this.#cast, groups) : this.#phases.map((phase) => ({ phase, weight: 1 }));
      for (const node of level)
        for (const { phase, weight } of choices) {
          const grown = this.#grow(node, phase, weight, next);
          if (grown !== null && isLast) this.#heal(grown);
          if (this.#finding !== null) return this.#result();
          if (this.counting.phasesPlayed % slice === 0) yield this.counts;
        }
      level = [...next.values()];
      this.counting.states.push(level.length);
      if (isLast) for (const { weight } of level) this.counting.scenarios += weight;
    }
    return this.#result();
  }

  /** Plays a phase. The new state, or null where it was reached before or all have decided. */
  #grow(node: Node, phase: Phase, weight: number, next: Map<string, Node>): Node | null {
    this.counting.phasesPlayed += 1;
    const { state, wrong } = this.#runner.play(node.state, phase);
    const phases = [...node.phases, phase];
    if (wrong !== null) this.#found('safety', wrong, phases);
    if (this.#runner.areDone(state)) {
      // Correct validators have nothing left to do, whatever the phases that could follow.
      const { rounds, sample } = this.#options;
      const left = sample === undefined ? this.#phases.length ** (rounds - phases.length) : 1;
      this.counting.scenarios += node.weight * weight * left;
      return null;
    }
    const key = keyOf(state);
    const known = next.get(key);
    if (known !== undefined) {
      known.weight += node.weight * weight;
      return null;
    }
    const grown: Node = { state, phases, weight: node.weight * weight };
    next.set(key, grown);
    return grown;
  }

  // --- some --------------------------------------------------------------------------------------------------------

  *sample(scenarios: number, seed: number): Generator<TwinsCounts, TwinsResult> {
    const random = new SeededRandom(seed);
    for (let scenario = 0; scenario < scenarios; scenario++) {
      let node: Node | null = { state: this.#runner.start(), phases: [], weight: 1 };
      for (let round = 0; round < this.#options.rounds && node !== null && this.#finding === null; round++) {
        const phase = this.#phases[Math.floor(random.fraction() * this.#phases.length)] as Phase;
        node = this.#grow(node, phase, 1, new Map());
      }
      if (node !== null && this.#finding === null) {
        this.#heal(node);
        this.counting.scenarios += 1;
      }
      if (this.#finding !== null) return this.#result();
      if (scenario % slice === 0) yield this.counts;
    }
    return this.#result();
  }

  // --- ends --------------------------------------------------------------------------------------------------------

  /** Enough for everyone to catch up with the highest round, and for each validator to lead once after that. */
  get #healingRoundsMax(): number {
    return this.#options.rounds + 2 * this.#cast.validators;
  }

  #heal(node: Node): void {
    const { rounds, wrong } = this.#runner.heal(node.state, this.#healingRoundsMax);
    this.counting.healed += 1;
    this.counting.healingRoundsMax = Math.max(this.counting.healingRoundsMax, rounds ?? 0);
    if (wrong !== null) this.#found('safety', wrong, node.phases, true);
    else if (rounds === null)
      this.#found(
        'liveness',
        `no decision within ${this.#healingRoundsMax} rounds of a healed network`,
        node.phases,
        true,
      );
  }

  #result(): TwinsResult {
    return { ...this.counts, finding: this.#finding };
  }

  #found(kind: TwinsFinding['kind'], detail: string, phases: readonly Phase[], isHealed = false): void {
    const choices: Choice[] = [];
    const runner = new PhaseRunner(this.#cast, this.#setting, (choice) => choices.push(choice));
    let state = runner.start();
    for (const phase of phases) ({ state } = runner.play(state, phase));
    if (isHealed) runner.heal(state, this.#healingRoundsMax);
    const { validators } = this.#cast;
    const leaders = phases.map(({ leader }) => leader);
    const after = Array.from({ length: this.#healingRoundsMax + 1 }, (_, round) => round % validators);
    const schedule: ProtocolSchedule = {
      ...{ rules: this.#options.ruleName ?? 'production', cast: this.#cast, heights: 1, quorum: null },
      ...{ proposerOrder: [...leaders, ...after], blocks: 'at-once', choices, calm: null },
    };
    this.#finding = { kind, detail, phases, schedule };
  }
}

/**
 * Equal keys go on alike: hosts, and the leaders of rounds that somebody is still in. 64 bits: that two of a million
 * states share a key by chance is less likely than one in ten million.
 */
function keyOf({ hosts, leaders }: PhaseState): string {
  const rounds = hosts.map(({ machine }) => machine?.round ?? leaders.length);
  const behind = leaders.slice(Math.min(...rounds));
  const hash = new TraceHash();
  hash.text(`${behind.join()} ${hosts.map(hostText).join('\n')}`);
  return hash.toString();
}

/** Follows from payloads or leaders; or durations, which nothing here waits for; or bounds, far away. */
const withoutEffect = new Set([
  ...['signature', 'facts', 'durable', 'live', 'chainId'],
  ...['expiries', 'durationMs', 'dueMs', 'linksHeld', 'keptBytes', 'accused'],
]);

function hostText(host: HostState): string {
  return JSON.stringify(host, (name, value: unknown) => {
    if (withoutEffect.has(name)) return undefined;
    if (name === 'block' && value !== null) return digestOf(value as EncodedBlock);
    return value instanceof Map ? [...(value as Map<number, unknown>)].sort(([a], [b]) => a - b) : value;
  });
}

function checkOptions({ validators, rounds, twins = 0, groups = 2 }: TwinsOptions): void {
  const whole = (name: string, value: number, least: number, most: number): void => {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`${name}: a whole number from ${least} to ${most} is expected, got ${value}`);
  };
  whole('validators', validators, 1, 31);
  whole('rounds', rounds, 1, 10);
  whole('twins', twins, 0, validators);
  whole('groups', groups, 1, 4);
}

/** Yields progress every few phases; leaving off is stopping. Throws RangeError for options that are none. */
export function twinning(options: TwinsOptions): Generator<TwinsCounts, TwinsResult> {
  checkOptions(options);
  const twins = new Twins(options);
  const { sample } = options;
  return sample === undefined ? twins.enumerate() : twins.sample(sample.scenarios, sample.seed);
}

/** `twinning` to its end; to stop early, use the generator. */
export function twins(options: TwinsOptions & { readonly onProgress?: (counts: TwinsCounts) => void }): TwinsResult {
  const running = twinning(options);
  for (let next = running.next(); ; next = running.next()) {
    if (next.done === true) return next.value;
    options.onProgress?.(next.value);
  }
}
