/**
 * Crash at every effect: a run is done once to count what every validator does that others may come to know of, its
 * durable writes and the frames that it sends, and then once for each of these, with that validator dying right before
 * it takes hold and right after. Everything that is always checked is checked in each of these runs: no conflicting
 * signature, no prepared certificate forgotten, no acknowledged transaction lost, blocks again within the bound.
 */
import { invariant } from '../../protocols/shared/errors.ts';
import { type Fault, faults as makeFault, liarsOf } from './faults/index.ts';
import type { NodeEffect, SimulatedNode } from './node.ts';
import { calmMs, recoveryMs, type Scenario, ScenarioError } from './scenario.ts';
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
  const common = { seed, ...(ports === undefined ? {} : { ports }) };
  const { counts, result: base } = await countEffects(host, scenario, common);
  const crashes = crashesAt(counts, scenario, options);
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
    ...{ scenario: scenario.name, seed: base.seed, effects: counts, planned: crashes.length },
    ...{ runs, violations, missed, ok: violations.length === 0 && missed.length === 0 },
  };
}

/** Crashes begin here: what comes before is the start of the network. */
const fromMs = calmMs;

async function countEffects(
  host: SimulationHost,
  scenario: Scenario,
  options: SimulationOptions,
): Promise<{ readonly counts: readonly EffectCount[]; readonly result: SimulationResult }> {
  const counters: { readonly node: number; write: number; send: number }[] = [];
  const untilMs = scenario.durationMs - recoveryMs;
  const watch = (nodes: readonly SimulatedNode[]): void => {
    for (const node of nodes) {
      const counter = { node: node.index, write: 0, send: 0 };
      counters.push(counter);
      const onEffect = ({ kind, phase }: NodeEffect): void => {
        const nowMs = node.time.trueMs;
        if (phase === 'after' && nowMs >= fromMs && nowMs < untilMs) counter[kind] += 1;
      };
      node.watchEffects({ halves: false, onEffect });
    }
  };
  const result = await runScenario(host, scenario, { ...options, onNodes: watch });
  if (!result.ok) throw new ScenarioError(scenario.name, `seed ${result.seed}`, 'does not hold even without a crash');
  const liars = liarsOf(result.faults);
  const counts = counters.filter(({ node }) => !liars.has(node));
  return { counts: counts.map(({ node, write, send }) => ({ node, writes: write, sends: send })), result };
}

function crashesAt(
  counts: readonly EffectCount[],
  scenario: Scenario,
  { stride = 1, downMs = 500 }: EveryEffectOptions,
): readonly CrashAtEffect[] {
  const forMs = scenario.durationMs - recoveryMs - fromMs;
  return counts.flatMap(({ node, writes, sends }) =>
    (['write', 'send'] as const).flatMap((effect) => {
      const count = effect === 'write' ? writes : sends;
      const first = 1 + (node % stride);
      const chosen = Array.from({ length: count }, (_, index) => index + 1).filter(
        (nth) => nth >= first && (nth - first) % stride === 0,
      );
      return chosen.flatMap((nth) =>
        (['before', 'after'] as const).map((when) =>
          makeFault.crashAtEffect({ node, effect, nth, when, downMs, atMs: fromMs, forMs }),
        ),
      );
    }),
  );
}
