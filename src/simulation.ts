/**
 * The deterministic simulator: production actors on virtual time, network and disks, under faults that a seed decides.
 *
 * ```ts
 * const result = await simulate(scenario, { seed: 42 });
 * console.log(result.ok, result.traceHash);
 * ```
 */
import { createStepper } from './runtime/adapters/microtask-stepper.ts';
import { readNactSource } from './runtime/adapters/nact-source.ts';
import type { Scenario } from './simulation/system/scenario.ts';
import { runScenario, type SimulationOptions, type SimulationResult } from './simulation/system/simulate.ts';

export type { NodePorts } from './simulation/system/validator-node.ts';
export { type Scenario, ScenarioError } from './simulation/system/scenario.ts';
export type { SimulationOptions, SimulationResult } from './simulation/system/simulate.ts';

/** Rejects with ScenarioError where the scenario is not as it must be. One at a time in a process: real time is shut out. */
export function simulate(scenario: Scenario, options: SimulationOptions): Promise<SimulationResult> {
  const source = readNactSource();
  return runScenario({ stepper: createStepper(), loadNact: (globals) => source.load(globals) }, scenario, options);
}
