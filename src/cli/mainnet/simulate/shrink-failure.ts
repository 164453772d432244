/** From a run that failed to the smallest that still does: found, told, saved. */
import { type AnyScenario, shrinkCase, type Shrunk, type SimulationCase } from '../../../simulation/shrink.ts';
import { formatActorSchedule, formatSystemSchedule } from '../../../simulation/system-schedule.ts';
import { defaults } from '../../../simulation/system/scenario.ts';
import type { Terminal } from '../../terminal.ts';
import { printFaults } from './print-run.ts';
import { Progress } from './progress.ts';
import { type AnyResult, simulateAny } from './run-one.ts';
import type { WrittenScenario } from './scenario-source.ts';

export interface ShrinkRequest {
  readonly scenario: WrittenScenario;
  readonly failed: AnyResult;
  /** Virtual time of the run, where it was not the scenario's. */
  readonly durationMs: number | null;
  readonly runsMax: number;
  readonly stop: AbortSignal;
}

/** The run as it was, with the network and every fault that its seed drew. */
export function caseOf(
  scenario: WrittenScenario,
  result: AnyResult,
  durationMs: number | null,
): SimulationCase<AnyScenario> {
  const drawn = { ...('network' in result ? result.network : {}), faults: result.faults };
  // Of validators the network is drawn by now.
  const settled = { ...scenario, ...drawn, durationMs: durationMs ?? scenario.durationMs };
  return { scenario: settled as SimulationCase<AnyScenario>['scenario'], seed: result.seed };
}

/** Null where the failure does not come again: then it is no function of the seed. */
export async function shrinkFailure(request: ShrinkRequest, terminal: Terminal): Promise<Shrunk<AnyScenario> | null> {
  const { scenario, failed, durationMs, runsMax, stop } = request;
  const progress = new Progress();
  const given = caseOf(scenario, failed, durationMs);
  terminal.err(`shrinking seed ${failed.seed}: ${failed.faults.length} faults, ${nodesOf(given.scenario)}`);
  const shrunk = await shrinkCase(given, {
    run: (candidate) => simulateAny(candidate.scenario, { seed: candidate.seed }),
    runsMax,
    isEnough: () => stop.aborted,
    onProgress: ({ runs, smallest }) => progress.show(runs, runsMax, `${smallest.scenario.faults.length} faults left`),
  });
  progress.clear();
  return shrunk;
}

export function printShrunk({ smallest, violation, runs, isMinimal }: Shrunk<AnyScenario>, terminal: Terminal): void {
  const { scenario, seed } = smallest;
  const why = isMinimal ? 'nothing more can be left out' : 'the budget ended here';
  terminal.out();
  terminal.out(`${terminal.paint('bold', 'smallest failing run')} (${runs} runs tried, ${why})`);
  const load =
    'start' in scenario ? '' : `, ${scenario.transfersPerSecond ?? defaults.transfersPerSecond} transfers a second`;
  terminal.out(`  seed ${seed}, ${nodesOf(scenario)}, ${scenario.durationMs / 1000} s${load}`);
  printFaults(scenario.faults, terminal);
  terminal.out(`  ${terminal.paint('red', violation.checker)} at ${violation.atMs.toFixed(1)} ms: ${violation.detail}`);
}

export function scheduleOf({ smallest, violation }: Shrunk<AnyScenario>, note: string): string {
  const { scenario, seed } = smallest;
  const saved = { found: violation, note };
  return 'start' in scenario
    ? formatActorSchedule({ run: { scenario, seed }, ...saved })
    : formatSystemSchedule({ run: { scenario, seed }, ...saved });
}

const nodesOf = (scenario: AnyScenario): string =>
  'start' in scenario ? `${scenario.nodes} nodes` : `${scenario.validators} validators`;
