/** One seed of a simulation, in this process. */
import {
  type ActorSimulationResult,
  ScenarioError,
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from '../../../simulation.ts';
import { explainScenarioError, type ScenarioSource, type WrittenScenario } from './scenario-source.ts';

/** Plain data: child processes are told the same. */
export interface RunRequest {
  readonly work: 'run';
  readonly source: ScenarioSource;
  /** Virtual time, in place of the scenario's. */
  readonly durationMs: number | null;
  readonly keepLog: boolean;
  /** Run every seed twice and compare. */
  readonly twice: boolean;
}

/** Of validators, or of a scenario's own actors. */
export type AnyResult = SimulationResult | ActorSimulationResult<unknown>;

export interface RunReport {
  readonly result: AnyResult;
  readonly wallMs: number;
  /** The trace of the second run, where it is another one. */
  readonly otherTrace: string | null;
}

export const isPassed = ({ result, otherTrace }: RunReport): boolean => result.ok && otherTrace === null;

/** Either kind of scenario. Rejects with ScenarioError where it is not as it must be. */
export const simulateAny = (
  scenario: WrittenScenario,
  options: Omit<SimulationOptions, 'ports'>,
): Promise<AnyResult> => ('start' in scenario ? simulate(scenario, options) : simulate(scenario, options));

/** Rejects with CommandError where the scenario cannot be run. */
export async function runSeed(scenario: WrittenScenario, seed: string, request: RunRequest): Promise<RunReport> {
  const options = {
    seed,
    keepLog: request.keepLog,
    ...(request.durationMs === null ? {} : { durationMs: request.durationMs }),
  };
  const startedMs = performance.now();
  try {
    const result = await simulateAny(scenario, options);
    const wallMs = performance.now() - startedMs;
    const again = request.twice ? await simulateAny(scenario, options) : result;
    return { result, wallMs, otherTrace: again.traceHash === result.traceHash ? null : again.traceHash };
  } catch (error) {
    if (error instanceof ScenarioError) throw explainScenarioError(error, request.source);
    throw error;
  }
}
