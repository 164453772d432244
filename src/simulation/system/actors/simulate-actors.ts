/** Runs a scenario of one's own actors under a seed and says what came of it. */
import { SeededRandom } from '../../../runtime/simulated/seeded-random.ts';
import { Draw } from '../../draw.ts';
import type { OnEvent } from '../../events.ts';
import { type Fault, faultKind } from '../faults/index.ts';
import type { LogLine } from '../observer.ts';
import { defaults, type FaultPeriod } from '../scenario.ts';
import type { SimulationHost } from '../simulate.ts';
import { swarmFaults } from '../swarm.ts';
import type { Violation } from '../violation.ts';
import { World } from '../world.ts';
import { ActorNodes, type ActorProgram } from './actor-nodes.ts';
import {
  type ActorScenario,
  type AnyActorScenario,
  checkActorFaults,
  checkActorScenario,
  ownCheckerNames,
} from './actor-scenario.ts';
import type { SeenEvent } from './event-checkers.ts';

export interface ActorSimulationOptions {
  readonly seed: number | string;
  /** Virtual time, in place of the scenario's. */
  readonly durationMs?: number;
  /** Keeps what the nodes log, from `info` on. */
  readonly keepLog?: boolean;
  /** Watches the run, for a picture of it. Costs time; changes nothing. */
  readonly onEvent?: OnEvent;
}

export interface ActorSimulationResult<Event> {
  readonly scenario: string;
  readonly seed: string;
  /** 16 hexadecimal digits over everything that happened. The same for the same code, scenario and seed, everywhere. */
  readonly traceHash: string;
  readonly ok: boolean;
  /** The scenario's checkers, then those of every run. A run ends with its first violation. */
  readonly verdicts: readonly {
    readonly checker: string;
    /** `not-reached`: the run did not come to its end, and nothing was violated until then. */
    readonly outcome: 'holds' | 'violated' | 'not-reached';
    readonly violations: readonly Violation[];
  }[];
  readonly faults: readonly Fault[];
  readonly events: readonly SeenEvent<Event>[];
  readonly steps: number;
  readonly simulatedMs: number;
  /** What has happened how often: faults by kind, actors that threw and were started again. */
  readonly counts: Readonly<Record<string, number>>;
  /** Empty where it was not asked for. */
  readonly log: readonly LogLine[];
}

/** Throws ScenarioError where the scenario or what it draws is not as it must be. */
export async function runActorScenario<Event>(
  host: SimulationHost,
  scenario: ActorScenario<Event>,
  options: ActorSimulationOptions,
): Promise<ActorSimulationResult<Event>> {
  checkActorScenario(scenario);
  const { name, nodes, calmMs = 0, delayMs = defaults.delayMs, syncMs = defaults.syncMs } = scenario;
  const { durationMs = scenario.durationMs } = options;
  const seed = String(options.seed);
  const faults = faultsOf(scenario, seed, { validators: nodes, standbys: 0, fromMs: 0, untilMs: durationMs - calmMs });
  checkActorFaults(scenario, faults, durationMs);
  const log: LogLine[] = [];
  const onLog = (line: LogLine): void => {
    if (options.keepLog === true && line.level !== 'debug') log.push(line);
  };
  const world = new World<ActorProgram, ActorNodes<Event>>(
    {
      ...{ nodes, seed: `${name}/${seed}`, durationMs, delayMs, syncMs, faults, loadNact: host.loadNact, onLog },
      onEvent: options.onEvent ?? null,
    },
    (created) => new ActorNodes(created, scenario),
  );
  await host.stepper.run(world.step, world.onLeak, world.onRejected);
  world.finish();
  const { violations, observer } = world;
  const restarts = world.nodes.reduce((sum, { actorFailures }) => sum + actorFailures, 0);
  const counts = [...observer.counts, ...(restarts > 0 ? [['actor restarts', restarts] as const] : [])];
  return {
    ...{ scenario: name, seed, faults, log, events: world.application.events },
    traceHash: world.trace.toString(),
    ok: violations.length === 0,
    verdicts: [...scenario.checkers.map((checker) => checker.name), ...ownCheckerNames].map((checker) => {
      const own = violations.filter((violation) => violation.checker === checker);
      const unbroken = world.elapsedMs >= durationMs ? 'holds' : 'not-reached';
      return { checker, outcome: own.length > 0 ? 'violated' : unbroken, violations: own };
    }),
    steps: world.steps,
    simulatedMs: world.elapsedMs,
    counts: Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function faultsOf({ faults }: AnyActorScenario, seed: string, period: FaultPeriod): readonly Fault[] {
  if (Array.isArray(faults)) return faults as readonly Fault[];
  const draw = new Draw(new SeededRandom(`${seed}/faults`));
  if (faults !== 'swarm') return (faults as Exclude<typeof faults, readonly Fault[]>)(draw, period);
  return swarmFaults(draw, period).filter(({ kind }) => faultKind(kind)?.ofValidators !== true);
}
