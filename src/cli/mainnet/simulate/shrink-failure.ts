/** From a run that failed to the smallest that still does: found, told, saved. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Scenario, simulate, type SimulationResult } from '../../../simulation.ts';
import { shrinkCase, type Shrunk, type SimulationCase } from '../../../simulation/shrink.ts';
import { formatSystemSchedule } from '../../../simulation/system-schedule.ts';
import type { Terminal } from '../../terminal.ts';
import { printFaults } from './print-run.ts';
import { Progress } from './progress.ts';

export interface ShrinkRequest {
  readonly scenario: Scenario;
  readonly failed: SimulationResult;
  /** Virtual time of the run, where it was not the scenario's. */
  readonly durationMs: number | null;
  readonly runsMax: number;
  readonly stop: AbortSignal;
}

/** The run as it was, every fault told. */
export function caseOf(scenario: Scenario, result: SimulationResult, durationMs: number | null): SimulationCase {
  return {
    scenario: { ...scenario, durationMs: durationMs ?? scenario.durationMs, faults: result.faults },
    seed: result.seed,
  };
}

/** Null where the failure does not come again: then it is no function of the seed. */
export async function shrinkFailure(request: ShrinkRequest, terminal: Terminal): Promise<Shrunk | null> {
  const { scenario, failed, durationMs, runsMax, stop } = request;
  const progress = new Progress();
  const given = caseOf(scenario, failed, durationMs);
  terminal.err(`shrinking seed ${failed.seed}: ${failed.faults.length} faults, ${scenario.validators} validators`);
  const shrunk = await shrinkCase(given, {
    run: (candidate) => simulate(candidate.scenario, { seed: candidate.seed }),
    runsMax,
    isEnough: () => stop.aborted,
    onProgress: ({ runs, smallest }) => progress.show(runs, runsMax, `${smallest.scenario.faults.length} faults left`),
  });
  progress.clear();
  return shrunk;
}

export function printShrunk({ smallest, violation, runs, isMinimal }: Shrunk, terminal: Terminal): void {
  const { scenario, seed } = smallest;
  const why = isMinimal ? 'nothing more can be left out' : 'the budget ended here';
  terminal.out();
  terminal.out(`${terminal.paint('bold', 'smallest failing run')} (${runs} runs tried, ${why})`);
  const load = `${scenario.transfersPerSecond ?? 5} transfers a second`;
  terminal.out(`  seed ${seed}, ${scenario.validators} validators, ${scenario.durationMs / 1000} s, ${load}`);
  printFaults(scenario.faults, terminal);
  terminal.out(`  ${terminal.paint('red', violation.checker)} at ${violation.atMs.toFixed(1)} ms: ${violation.detail}`);
}

export function saveShrunk(file: string, { smallest, violation }: Shrunk, note: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, formatSystemSchedule({ run: smallest, found: violation, note }));
}
