/** One seed of a simulation, in this process. */
import { type Scenario, ScenarioError, simulate, type SimulationResult } from '../../../simulation.ts';
import { explainScenarioError, type ScenarioSource } from './scenario-source.ts';

/** Plain data: child processes are told the same. */
export interface RunRequest {
  readonly source: ScenarioSource;
  /** Virtual time, in place of the scenario's. */
  readonly durationMs: number | null;
  readonly keepLog: boolean;
  /** Run every seed twice and compare. */
  readonly twice: boolean;
}

export interface RunReport {
  readonly result: SimulationResult;
  readonly wallMs: number;
  /** The trace of the second run, where it is another one. */
  readonly otherTrace: string | null;
}

export const isPassed = ({ result, otherTrace }: RunReport): boolean => result.ok && otherTrace === null;

/** Rejects with CommandError where the scenario cannot be run. */
export async function runSeed(scenario: Scenario, seed: string, request: RunRequest): Promise<RunReport> {
  const options = {
    seed,
    keepLog: request.keepLog,
    ...(request.durationMs === null ? {} : { durationMs: request.durationMs }),
  };
  const startedMs = performance.now();
  try {
    const result = await simulate(scenario, options);
    const wallMs = performance.now() - startedMs;
    const again = request.twice ? await simulate(scenario, options) : result;
    return { result, wallMs, otherTrace: again.traceHash === result.traceHash ? null : again.traceHash };
  } catch (error) {
    if (error instanceof ScenarioError) throw explainScenarioError(error, request.source);
    throw error;
  }
}
