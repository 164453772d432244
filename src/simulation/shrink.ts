/**
 * Shrinking: from a run in which something was violated to a smaller one in which the same checker sees the same thing.
 * Greedy delta debugging (Zeller and Hildebrandt, IEEE TSE 2002): fewer faults first, then fewer validators, simpler faults,
 * less load and a shorter run, over again until nothing more can be left out or the budget of runs is used up. Every
 * subsystem of a simulation draws from a random stream of its own, so leaving out a fault does not shift the others.
 */
import { faultAmong, simplerFaults } from './simpler-faults.ts';
import type { ActorScenario } from './system/actors/actor-scenario.ts';
import { type Fault, faultKind, nodesHitBy } from './system/faults/index.ts';
import { calmMs, defaults, recoveryMs, ScenarioError, type SettledScenario } from './system/scenario.ts';
import type { Violation } from './system/violation.ts';

/** Of validators, or of whatever actors it starts. */
export type AnyScenario = SettledScenario | ActorScenario<unknown>;

/** A run as data: nothing in it is drawn any more but by the simulation itself. */
export interface SimulationCase<S extends AnyScenario = SettledScenario> {
  readonly scenario: S & { readonly faults: readonly Fault[] };
  readonly seed: string;
}

interface ShrinkProgress<S extends AnyScenario> {
  readonly runs: number;
  readonly runsMax: number;
  readonly smallest: SimulationCase<S>;
}

/** Of a run, what shrinking looks at. */
interface Checked {
  readonly verdicts: readonly { readonly violations: readonly Violation[] }[];
}

interface ShrinkOptions<S extends AnyScenario> {
  /** Runs one candidate to its end. Its ScenarioErrors mean that the candidate cannot be. */
  readonly run: (candidate: SimulationCase<S>) => Promise<Checked>;
  /** Default 300. */
  readonly runsMax?: number;
  readonly onProgress?: (progress: ShrinkProgress<S>) => void;
  /** Asked before every run; true ends the search with what there is. */
  readonly isEnough?: () => boolean;
}

export interface Shrunk<S extends AnyScenario = SettledScenario> {
  readonly smallest: SimulationCase<S>;
  /** Of the smallest. */
  readonly violation: Violation;
  readonly runs: number;
  /** False where the budget ended before everything was tried. */
  readonly isMinimal: boolean;
}

const validatorsLeast = 4;
/** Another network is another run: under more than one seed it may still show what is looked for. */
const seedsTried = 4;

const firstViolation = ({ verdicts }: Checked): Violation | undefined =>
  verdicts.flatMap(({ violations }) => violations)[0];

/** What was seen, whatever the heights, rounds, nodes and hashes: another failure of the same checker is another one. */
function kindOf({ checker, detail }: Violation): string {
  const [line = ''] = detail.split('\n');
  return `${checker}: ${line.replace(/[0-9a-f]{8,}|[0-9]+/g, '#')}`;
}

/** Whether at most f validators forget or lie: more than that may break what holds otherwise, and show something else. */
function isBearable(faults: readonly Fault[], validators: number): boolean {
  const few = faults.filter(({ kind }) => faultKind(kind)?.swarm?.among === 'few');
  return new Set(few.flatMap(nodesHitBy)).size <= Math.floor((validators - 1) / 3);
}

/** What a network of validators has that can be made smaller: nobody knows how many nodes actors of one's own need. */
const networkOf = (scenario: AnyScenario): SettledScenario | null => ('start' in scenario ? null : scenario);

/** Null where the given run violates nothing. */
export async function shrinkCase<S extends AnyScenario = SettledScenario>(
  given: SimulationCase<S>,
  options: ShrinkOptions<S>,
): Promise<Shrunk<S> | null> {
  const violation = firstViolation(await options.run(given));
  if (violation === undefined) return null;
  return new Shrinking(given, violation, options).toTheEnd();
}

class Shrinking<S extends AnyScenario> {
  readonly #options: ShrinkOptions<S>;
  readonly #runsMax: number;
  #smallest: SimulationCase<S>;
  #violation: Violation;
  #runs = 1;

  constructor(given: SimulationCase<S>, violation: Violation, options: ShrinkOptions<S>) {
    this.#options = options;
    this.#runsMax = options.runsMax ?? 300;
    this.#smallest = given;
    this.#violation = violation;
  }

  async toTheEnd(): Promise<Shrunk<S>> {
    for (let before: SimulationCase<S> | null = null; before !== this.#smallest && this.#goesOn(); ) {
      before = this.#smallest;
      await this.#leaveOutLater();
      await this.#leaveOutFaults();
      await this.#leaveOutValidators();
      await this.#simplifyFaults();
      await this.#lowerLoad();
      await this.#endEarlier();
    }
    return {
      ...{ smallest: this.#smallest, violation: this.#violation, runs: this.#runs },
      isMinimal: this.#goesOn(),
    };
  }

  get #faults(): readonly Fault[] {
    return this.#smallest.scenario.faults;
  }

  #goesOn(): boolean {
    return this.#runs < this.#runsMax && this.#options.isEnough?.() !== true;
  }

  /** What begins after the violation has no part in it, unless a checker that looks at the end saw it. */
  async #leaveOutLater(): Promise<void> {
    const { atMs } = this.#violation;
    const earlier = this.#faults.filter((fault) => fault.atMs <= atMs);
    if (earlier.length < this.#faults.length) await this.#takeFaults(earlier);
  }

  async #leaveOutFaults(): Promise<void> {
    for (let size = this.#faults.length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < this.#faults.length && this.#goesOn(); ) {
        const rest = [...this.#faults.slice(0, at), ...this.#faults.slice(at + size)];
        if (!(await this.#takeFaults(rest))) at += size;
      }
    }
  }

  async #leaveOutValidators(): Promise<void> {
    const { scenario, seed } = this.#smallest;
    const inAll = networkOf(scenario)?.validators ?? 0;
    for (let validators = validatorsLeast; validators < inAll && this.#goesOn(); validators++) {
      const faults = this.#faults.map((fault) => faultAmong(fault, validators));
      if (!isBearable(faults, validators) && isBearable(this.#faults, inAll)) continue;
      for (let attempt = 0; attempt < seedsTried; attempt++) {
        const other = attempt === 0 ? seed : `${seed}.${attempt}`;
        if (await this.#take({ scenario: changed(scenario, { validators, faults }), seed: other })) return;
      }
    }
  }

  async #simplifyFaults(): Promise<void> {
    for (let index = 0; index < this.#faults.length; index++) {
      for (let simplified = true; simplified && this.#goesOn(); ) {
        simplified = false;
        const current = this.#faults[index];
        if (current === undefined) return;
        for (const simpler of simplerFaults(current)) {
          simplified = await this.#takeFaults(this.#faults.map((fault) => (fault === current ? simpler : fault)));
          if (simplified || !this.#goesOn()) break;
        }
      }
    }
  }

  async #lowerLoad(): Promise<void> {
    const { scenario } = this.#smallest;
    const network = networkOf(scenario);
    if (network === null) return;
    for (const transfersPerSecond of [0, 1, 2]) {
      if (transfersPerSecond >= (network.transfersPerSecond ?? defaults.transfersPerSecond)) return;
      if (await this.#takeScenario(changed(scenario, { transfersPerSecond }))) return;
    }
  }

  /** The shortest that leaves the faults room, and recovery after them. */
  async #endEarlier(): Promise<void> {
    const { scenario } = this.#smallest;
    const { beforeMs, afterMs } = calmsOf(scenario);
    const overMs = Math.max(beforeMs, ...this.#faults.map(({ atMs, forMs }) => atMs + forMs));
    const durationMs = overMs + afterMs;
    if (durationMs < scenario.durationMs) await this.#takeScenario(changed(scenario, { durationMs }));
  }

  #takeFaults(faults: readonly Fault[]): Promise<boolean> {
    return this.#takeScenario({ ...this.#smallest.scenario, faults });
  }

  #takeScenario(scenario: SimulationCase<S>['scenario']): Promise<boolean> {
    return this.#take({ ...this.#smallest, scenario });
  }

  /** Goes on from the candidate where it shows the same. */
  async #take(candidate: SimulationCase<S>): Promise<boolean> {
    if (!this.#goesOn()) return false;
    const { run, onProgress } = this.#options;
    this.#runs += 1;
    const result = await runIfPossible(run, candidate);
    const violation = result === null ? undefined : firstViolation(result);
    const isSame = result !== null && violation !== undefined && kindOf(violation) === kindOf(this.#violation);
    if (isSame) {
      this.#smallest = candidate;
      this.#violation = violation;
    }
    onProgress?.({ runs: this.#runs, runsMax: this.#runsMax, smallest: this.#smallest });
    return isSame;
  }
}

type Change = Partial<Pick<SettledScenario, 'validators' | 'transfersPerSecond' | 'durationMs'>> & {
  readonly faults?: readonly Fault[];
};

/** Changes only what scenarios of that kind have. */
const changed = <S extends AnyScenario>(
  scenario: SimulationCase<S>['scenario'],
  change: Change,
): SimulationCase<S>['scenario'] => ({ ...scenario, ...change });

/** Times without faults at both ends of a run, ms. */
const calmsOf = (scenario: AnyScenario): { readonly beforeMs: number; readonly afterMs: number } =>
  'start' in scenario ? { beforeMs: 1, afterMs: scenario.calmMs ?? 0 } : { beforeMs: calmMs, afterMs: recoveryMs };

async function runIfPossible<S extends AnyScenario>(
  run: ShrinkOptions<S>['run'],
  candidate: SimulationCase<S>,
): Promise<Checked | null> {
  try {
    return await run(candidate);
  } catch (error) {
    if (error instanceof ScenarioError) return null;
    throw error;
  }
}
