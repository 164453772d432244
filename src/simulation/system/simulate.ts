/** Runs a scenario under a seed and says what came of it. */
import { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { NactGlobals } from '../../runtime/ports/nact-globals.ts';
import type { PolicyContent } from '../../protocols/policy/content.ts';
import { type CheckerName, checkerNamesFor, continuousCheckers } from './checkers/index.ts';
import { Draw } from '../draw.ts';
import type { OnEvent } from '../events.ts';
import { calmAtMs, type Fault } from './faults/index.ts';
import type { SimulatedNode } from './node.ts';
import type { Nact } from './node-process.ts';
import type { LogLine } from './observer.ts';
import {
  calmMs,
  checkFaults,
  checkScenario,
  defaults,
  type DrawnNetwork,
  drawNetwork,
  recoveryMs,
  type Scenario,
} from './scenario.ts';
import type { Stepper } from '../stepper.ts';
import { countsOf } from './sometimes.ts';
import { swarmFaults } from './swarm.ts';
import type { NodePorts, ValidatorProgram } from './validator-node.ts';
import { ValidatorNetwork } from './validator-network.ts';
import type { Violation } from './violation.ts';
import { World } from './world.ts';

/** What simulations take from the program that they run in. */
export interface SimulationHost {
  readonly stepper: Stepper;
  /** A private instance of nact on these globals. */
  readonly loadNact: (globals: NactGlobals) => Nact;
  /** The policies that traffic lights begin with. */
  readonly policies: () => Promise<PolicyContent>;
}

export interface SimulationOptions {
  readonly seed: number | string;
  /** Virtual time, in place of the scenario's. */
  readonly durationMs?: number;
  /** Gives a node other ports than its own: to plant defects, or to watch. */
  readonly ports?: (ports: NodePorts, node: number) => NodePorts;
  /** From this moment on there is no new load, and the run ends as soon as it has nothing more to show. Default: it does not. */
  readonly mayEndFromMs?: number;
  /** Keeps what the nodes log, from `info` on. */
  readonly keepLog?: boolean;
  /** Before the first step: to watch what the nodes do. */
  readonly onNodes?: (nodes: readonly SimulatedNode[]) => void;
  /** Watches the run, for a picture of it. Costs time; changes nothing. */
  readonly onEvent?: OnEvent;
}

interface Verdict {
  readonly checker: CheckerName;
  /** `not-reached`: what it looks at comes later in a run than this one has come. */
  readonly outcome: 'holds' | 'violated' | 'not-reached';
  /** Empty where it is not violated. */
  readonly violations: readonly Violation[];
}

export interface SimulationResult {
  readonly scenario: string;
  readonly seed: string;
  /** 16 hexadecimal digits over everything that happened. The same for the same code, scenario and seed, everywhere. */
  readonly traceHash: string;
  readonly ok: boolean;
  readonly verdicts: readonly Verdict[];
  /** What of the network the seed drew, where the scenario leaves it to it. */
  readonly network: DrawnNetwork;
  readonly faults: readonly Fault[];
  /** Blocks decided. */
  readonly heights: number;
  /** Fewer heights say little. */
  readonly isTelling: boolean;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly transactions: { readonly submitted: number; readonly acknowledged: number; readonly rejected: number };
  /** From a linked quorum after the last fault to the next block, ms. */
  readonly recoveryMs: number | null;
  /** What has happened how often: faults, rounds by cause, refusals of the sign-guard. */
  readonly counts: Readonly<Record<string, number>>;
  /** Empty where it was not asked for. */
  readonly log: readonly LogLine[];
}

const tellingHeights = 20;

/** Throws ScenarioError where the scenario or what it draws is not as it must be. */
export async function runScenario(
  host: SimulationHost,
  given: Scenario,
  options: SimulationOptions,
): Promise<SimulationResult> {
  checkScenario(given);
  const { durationMs = given.durationMs } = options;
  const seed = String(options.seed);
  const network = drawNetwork(given, (label) => new Draw(new SeededRandom(`${given.name}/${seed}`).fork(label)));
  const scenario = { ...given, ...network };
  const faults = faultsOf(scenario, seed, durationMs);
  checkFaults(scenario, faults, durationMs);
  const log: LogLine[] = [];
  const policies = (scenario.decisionsPerSecond ?? 0) > 0 ? await host.policies() : null;
  const world = createWorld(host, scenario, {
    policies,
    ...{ seed, durationMs, faults, mayEndFromMs: options.mayEndFromMs ?? wellFromMs(scenario, faults, durationMs) },
    ports: options.ports ?? ((ports) => ports),
    onEvent: options.onEvent ?? null,
    onLog: (line) => {
      if (options.keepLog === true && line.level !== 'debug') log.push(line);
    },
  });
  options.onNodes?.(world.nodes);
  await host.stepper.run(world.step, world.onLeak, world.onRejected);
  world.finish();
  const { violations } = world;
  const { agreement, acknowledgements, load, recovery } = world.application;
  const names = checkerNamesFor(scenario);
  const reached = world.isOver ? names : continuousCheckers;
  return {
    ...{ scenario: scenario.name, seed, network, faults, log },
    traceHash: world.trace.toString(),
    ok: isAsExpected(scenario, violations),
    verdicts: names.map((checker) => {
      const own = violations.filter((violation) => violation.checker === checker);
      const unbroken = reached.includes(checker) ? 'holds' : 'not-reached';
      return { checker, outcome: own.length > 0 ? 'violated' : unbroken, violations: own };
    }),
    heights: agreement.highest,
    isTelling: agreement.highest >= tellingHeights,
    steps: world.steps,
    simulatedMs: world.elapsedMs,
    transactions: { submitted: load.submitted, acknowledged: acknowledgements.count, rejected: load.rejected },
    recoveryMs: recovery.tookMs,
    counts: countsOf(world.observer.counts, scenario.faults === 'swarm'),
  };
}

/** When a run that may end before its time is looked at first: short ones say little. */
const wellFromMs = ({ endsWhenWell }: Scenario, faults: readonly Fault[], durationMs: number): number | null =>
  endsWhenWell === true ? Math.max(calmAtMs(faults), durationMs - 2 * recoveryMs) : null;

interface RunOptions {
  readonly policies: PolicyContent | null;
  readonly seed: string;
  readonly durationMs: number;
  readonly faults: readonly Fault[];
  readonly mayEndFromMs: number | null;
  readonly ports: (ports: NodePorts, node: number) => NodePorts;
  readonly onLog: (line: LogLine) => void;
  readonly onEvent: OnEvent | null;
}

function createWorld(host: SimulationHost, scenario: Scenario & DrawnNetwork, { seed, ports, ...options }: RunOptions) {
  const { name, validators, standbys, delayMs = defaults.delayMs, syncMs = defaults.syncMs } = scenario;
  return new World<ValidatorProgram, ValidatorNetwork>(
    { ...options, nodes: validators, standbys, seed: `${name}/${seed}`, delayMs, syncMs, loadNact: host.loadNact },
    (world) => new ValidatorNetwork(world, { ...options, scenario, ports }),
  );
}

/** A negative control is as expected where what must be violated is, and nothing else. */
const isAsExpected = ({ violates }: Scenario, violations: readonly Violation[]): boolean =>
  violates === undefined
    ? violations.length === 0
    : violations.length > 0 && violations.every(({ checker }) => violates.includes(checker));

function faultsOf(
  { faults, validators, standbys }: Scenario & DrawnNetwork,
  seed: string,
  durationMs: number,
): readonly Fault[] {
  if (Array.isArray(faults)) return faults as readonly Fault[];
  const period = { validators, standbys, fromMs: calmMs, untilMs: durationMs - recoveryMs };
  const draw = new Draw(new SeededRandom(`${seed}/faults`));
  return faults === 'swarm'
    ? swarmFaults(draw, period)
    : (faults as Exclude<typeof faults, readonly Fault[]>)(draw, period);
}
