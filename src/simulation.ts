/**
 * The deterministic simulator: production actors on virtual time, network and disks, under faults that a seed decides.
 *
 * ```ts
 * const result = await simulate(scenario({ name: 'split', …, faults: [faults.partition({ … })] }), { seed: 42 });
 * console.log(result.ok, result.traceHash);
 * ```
 *
 * A scenario of `validators` runs this package's network; one with `nodes` and `start` runs whatever actors it starts.
 */
import { createStepper } from './runtime/adapters/microtask-stepper.ts';
import { readNactSource } from './runtime/adapters/nact-source.ts';
import type { ActorScenario } from './simulation/system/actors/actor-scenario.ts';
import { agreement, eventually, never, watching } from './simulation/system/actors/event-checkers.ts';
import {
  type ActorSimulationOptions,
  type ActorSimulationResult,
  runActorScenario,
} from './simulation/system/actors/simulate-actors.ts';
import { checkerNames } from './simulation/system/checkers/index.ts';
import {
  crashAtEveryEffect as crashAtEveryEffectOn,
  type EveryEffectOptions,
  type EveryEffectResult,
} from './simulation/system/every-effect.ts';
import type { Scenario } from './simulation/system/scenario.ts';
import {
  runScenario,
  type SimulationHost,
  type SimulationOptions,
  type SimulationResult,
} from './simulation/system/simulate.ts';

export type { ActorNode, ActorScenario } from './simulation/system/actors/actor-scenario.ts';
export type { EventChecker, EventWatch, SeenEvent } from './simulation/system/actors/event-checkers.ts';
export type { ActorSimulationOptions, ActorSimulationResult } from './simulation/system/actors/simulate-actors.ts';
export type { EveryEffectOptions, EveryEffectResult } from './simulation/system/every-effect.ts';
export { type Fault, faults } from './simulation/system/faults/index.ts';
export { type Scenario, ScenarioError } from './simulation/system/scenario.ts';
export type { SimulationOptions, SimulationResult } from './simulation/system/simulate.ts';
export type { NodePorts } from './simulation/system/validator-node.ts';

/** Checkers of the events that actors of one's own emit, and the names of those that watch over validators always. */
export const checkers = { agreement, never, eventually, watching, ofValidators: checkerNames } as const;

/** Fixes a scenario's types where it is written; gives it back as it is. */
export function scenario(written: Scenario): Scenario;
export function scenario<Event = never>(written: ActorScenario<Event>): ActorScenario<Event>;
export function scenario<S>(written: S): S {
  return written;
}

/** Rejects with ScenarioError where the scenario is not as it must be. One at a time in a process: real time is shut out. */
export function simulate(given: Scenario, options: SimulationOptions): Promise<SimulationResult>;
export function simulate<Event>(
  given: ActorScenario<Event>,
  options: ActorSimulationOptions,
): Promise<ActorSimulationResult<Event>>;
export function simulate<Event>(
  given: Scenario | ActorScenario<Event>,
  options: SimulationOptions,
): Promise<SimulationResult | ActorSimulationResult<Event>> {
  return 'start' in given ? runActorScenario(createHost(), given, options) : runScenario(createHost(), given, options);
}

/**
 * One run for every durable write and every frame of every correct validator, in which it dies right there. Rejects with
 * ScenarioError where something does not hold even without that.
 */
export function crashAtEveryEffect(given: Scenario, options: EveryEffectOptions): Promise<EveryEffectResult> {
  return crashAtEveryEffectOn(createHost(), given, options);
}

function createHost(): SimulationHost {
  const source = readNactSource();
  return {
    stepper: createStepper(),
    loadNact: (globals) => source.load(globals),
    // Cedar is loaded by those alone who need it.
    policies: async () => (await import('./runtime/shipped-pack.ts')).readDefaultPack(),
  };
}
