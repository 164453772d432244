/**
 * Crash at every effect: a run is done once to count what every validator does that others may come to know of, its
 * durable writes and the frames that it sends, and then once for each of these, with that validator dying right before
 * it takes hold and right after. Everything that is always checked is checked in each of these runs: no conflicting
 * signature, no prepared certificate forgotten, no acknowledged transaction lost, blocks again within the bound.
 */
import { invariant } from '../../protocols/shared/errors.ts';
import { type Fault, faults as makeFault, liarsOf } from './faults/index.ts';
import type { NodeEffect, SimulatedNode } from './node.ts';
import { effectsPeriod, recoveryMs, type Scenario, ScenarioError } from './scenario.ts';
import { runScenario, type SimulationHost, type SimulationOptions, type SimulationResult } from './simulate.ts';

type CrashAtEffect = Extract<Fault, { kind: 'crash-at-effect' }>;

export interface EveryEffectOptions extends Pick<SimulationOptions, 'seed' | 'ports'> {
  /** How long the validator stays down, ms. Default 500. */
  readonly downMs?: number;
  /** Only every so-and-so-many-th effect, and of a validator's first ones one chosen by its number. Default 1: all. */
  readonly stride?: number;
  /** After each run with a crash. */
  readonly onProgress?: (progress: EveryEffectProgress) => void;
  /** Asked before each run with a crash: true ends the matter there. */
  readonly isOver?: () => boolean;
}

interface EveryEffectProgress {
  readonly done: number;
  readonly total: number;
  readonly crash: CrashAtEffect;
  readonly result: SimulationResult;
}

/** Effects of one validator in the run without these crashes. */
interface EffectCount {
  readonly node: number;
  readonly writes: number;
  readonly sends: number;
}

export interface EveryEffectResult {
  readonly scenario: string;
  readonly seed: string;
  readonly effects: readonly EffectCount[];
  /** Runs with a crash that were to be made, and how many were. */
  readonly planned: number;
  readonly runs: number;
  /** Those in which something did not hold: `faults` of its result, given to the same scenario and seed, repeat it. */
  readonly violations: readonly { readonly crash: CrashAtEffect; readonly result: SimulationResult }[];
  /** Crashes whose effect did not come. None, unless something in the simulation is not a function of the seed. */
  readonly missed: readonly CrashAtEffect[];
  readonly ok: boolean;
}

const died = 'crashed at an effect';

/** Throws ScenarioError where the scenario is not as it must be, or something does not hold even without a crash. */
export async function crashAtEveryEffect(
  host: SimulationHost,
  scenario: Scenario,
  options: EveryEffectOptions,
): Promise<EveryEffectResult> {
  const { seed, ports, onProgress, isOver, stride = 1 } = options;
  invariant(Number.isInteger(stride) && stride >= 1, 'a stride is a whole number from 1');
  const mayEndFromMs = effectsPeriod(scenario)[1];
  const common = { seed, mayEndFromMs, ...(ports === undefined ? {} : { ports }) };
  const { counters, result: base } = await countEffects(host, scenario, common, options);
  const crashes = crashesAt(counters, scenario, options);
  const violations: { crash: CrashAtEffect; result: SimulationResult }[] = [];
  const missed: CrashAtEffect[] = [];
  let runs = 0;
  for (const crash of crashes) {
    if (isOver?.() === true) break;
    const result = await runScenario(host, { ...scenario, ...base.network, faults: [...base.faults, crash] }, common);
    runs += 1;
    if (!result.ok) violations.push({ crash, result });
    else if ((result.counts[died] ?? 0) === 0) missed.push(crash);
    onProgress?.({ done: runs, total: crashes.length, crash, result });
  }
  return {
    ...{ scenario: scenario.name, seed: base.seed, planned: crashes.length },
    effects: counters.map(({ node, counts }) => ({ node, writes: counts.write, sends: counts.send })),
    ...{ runs, violations, missed, ok: violations.length === 0 && missed.length === 0 },
  };
}

/** An effect that never comes. */
const never = 1e9;

/**
 * The run that counts has the fault of the others too, at an effect that never comes: when a network has to be well again hangs on
 * its faults, so that without it the runs would not be the same up to the crash.
 */
async function countEffects(
  host: SimulationHost,
  scenario: Scenario,
  options: SimulationOptions,
  { downMs }: EveryEffectOptions,
): Promise<{ readonly counters: readonly EffectCounter[]; readonly result: SimulationResult }> {
  const { faults, network } = await runScenario(host, scenario, options);
  const idle = makeFault.crashAtEffect({
    ...{ node: 0, effect: 'send', nth: never, when: 'before' },
    ...crashPeriod(scenario, downMs),
  });
  const counted = { ...scenario, ...network, faults: [...faults, idle] };
  const counters: EffectCounter[] = [];
  const [fromMs, untilMs] = effectsPeriod(scenario);
  const watch = (nodes: readonly SimulatedNode[]): void => {
    for (const node of nodes) {
      const counter = new EffectCounter(node.index);
      counters.push(counter);
      const onEffect = ({ kind, phase }: NodeEffect): void => {
        const nowMs = node.time.trueMs;
        if (phase !== 'during' && nowMs >= fromMs && nowMs < untilMs) counter.add(kind, phase, nowMs);
      };
      node.watchEffects({ halves: false, onEffect });
    }
  };
  const result = { ...(await runScenario(host, counted, { ...options, onNodes: watch })), faults };
  if (!result.ok) throw new ScenarioError(scenario.name, `seed ${result.seed}`, 'does not hold even without a crash');
  const liars = liarsOf(result.faults);
  return { counters: counters.filter(({ node }) => !liars.has(node)), result };
}

interface CrashPoint extends Pick<CrashAtEffect, 'effect' | 'nth' | 'when'> {
  readonly node: number;
}

/**
 * The effects of one node, and the points between them at which it may die. Beginnings and ends are counted each by itself, as the
 * fault does: a write that began before the period may end in it.
 */
class EffectCounter {
  readonly node: number;
  /** Those that ended. */
  readonly counts = { write: 0, send: 0 };
  readonly points: CrashPoint[] = [];
  readonly #begun = { write: 0, send: 0 };
  #lastMs = -1;

  constructor(node: number) {
    this.node = node;
  }

  add(effect: 'write' | 'send', when: 'before' | 'after', nowMs: number): void {
    const counts = when === 'before' ? this.#begun : this.counts;
    counts[effect] += 1;
    const point = { node: this.node, effect, nth: counts[effect], when };
    // Right before a frame of the same moment is right after the effect before it.
    if (when === 'after' || effect === 'write' || nowMs > this.#lastMs) this.points.push(point);
    if (when === 'after') this.#lastMs = nowMs;
  }
}

function crashPeriod(scenario: Scenario, downMs = 500): Pick<CrashAtEffect, 'downMs' | 'atMs' | 'forMs'> {
  const [atMs, untilMs] = effectsPeriod(scenario);
  return { downMs, atMs, forMs: Math.min(untilMs + downMs, scenario.durationMs - recoveryMs) - atMs };
}

function crashesAt(
  counters: readonly EffectCounter[],
  scenario: Scenario,
  { stride = 1, downMs }: EveryEffectOptions,
): readonly CrashAtEffect[] {
  const period = crashPeriod(scenario, downMs);
  const isChosen = ({ node, nth }: CrashPoint): boolean =>
    (nth - 1 - (node % stride)) % stride === 0 && nth > node % stride;
  return counters.flatMap(({ points }) =>
    points.filter(isChosen).map((point) => makeFault.crashAtEffect({ ...point, ...period })),
  );
}
