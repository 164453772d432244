/** Crashes at every effect of one seed, in this process. */
import {
  crashAtEveryEffect,
  type EveryEffectOptions,
  type EveryEffectResult,
  type Scenario,
  ScenarioError,
} from '../../../simulation.ts';
import type { WrittenScenario } from './scenario-source.ts';
import { CommandError } from '../../terminal.ts';
import { explainScenarioError, type ScenarioSource } from './scenario-source.ts';

/** Plain data: child processes are told the same. */
export interface EveryEffectRequest {
  readonly work: 'every-effect';
  readonly source: ScenarioSource;
  readonly stride: number;
  readonly downMs: number;
}

export interface EveryEffectReport {
  readonly result: EveryEffectResult;
  readonly wallMs: number;
}

/** Rejects with CommandError where the scenario cannot be run, or does not hold even without a crash. */
export async function everyEffectOfSeed(
  scenario: WrittenScenario,
  seed: string,
  { source, stride, downMs }: EveryEffectRequest,
  watch: Pick<EveryEffectOptions, 'isOver' | 'onProgress'> = {},
): Promise<EveryEffectReport> {
  const startedMs = performance.now();
  try {
    const result = await crashAtEveryEffect(ofValidators(scenario), { seed, stride, downMs, ...watch });
    return { result, wallMs: performance.now() - startedMs };
  } catch (error) {
    if (error instanceof ScenarioError) throw explainScenarioError(error, source);
    throw error;
  }
}

/** Throws CommandError where it is of others. */
export function ofValidators(scenario: WrittenScenario): Scenario {
  if (!('start' in scenario)) return scenario;
  throw new CommandError('usage', `${scenario.name} is of actors of one’s own: every-effect is for validators`, [
    'the fault crash-at-effect kills a node at its n-th durable write or frame, whatever runs on it',
  ]);
}
