/**
 * How fast simulations run, on one core.
 *
 * - protocol level: messages delivered to production machines a second, under the swarm of faults that a search draws
 *   (losses, crashes between any two effects, twins, an adversary) with every check on and a calm phase after each run;
 *   and without any fault.
 * - system level: simulated seconds a second of processor time for seven validators under the swarm of `everything` at 50
 *   transfers a second, every checker on: the median over seeds.
 *
 * Processor time, not wall time, so that a figure holds on a busy machine.
 */
import { type ProtocolFaults, allFaults } from '../src/simulation/protocol/mix.ts';
import { searchProtocol } from '../src/simulation/protocol/search.ts';
import { productionRules } from '../src/simulation/protocol/setting.ts';
import { simulate } from '../src/simulation.ts';
import everything from '../simulations/everything.ts';
import { median, report, rounded } from './support/results.ts';

const heights = 3;
const warmUpSeconds = 2;
const protocolSeconds = 4;
const sizes = [4, 7, 13, 31];
const systemSeeds = [1, 2, 3, 4, 5];
const systemValidators = 7;
const transfersPerSecond = 50;
const protocolTarget = 100_000;
const systemTarget = 300;

const noFaults: ProtocolFaults = { messages: false, crashes: false, twins: 0, adversaries: 0, dead: false };

function processorSeconds(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

interface ProtocolRow {
  readonly level: 'protocol';
  readonly validators: number;
  readonly faults: 'swarm' | 'none';
  readonly runs: number;
  readonly delivered: number;
  readonly perSecond: number;
}

/** Searches until the time is up. */
function measureProtocol(validators: number, faults: ProtocolFaults, seconds: number): ProtocolRow {
  const search = { validators, heights, faults, rules: productionRules, seed: 'bench' };
  const during = (most: number) => {
    const start = process.cpuUsage();
    const result = searchProtocol({ ...search, runs: 1_000_000, onRun: () => processorSeconds(start) < most });
    return { ...result, spentSeconds: processorSeconds(start) };
  };
  during(warmUpSeconds);
  const { runs, delivered, finding, spentSeconds } = during(seconds);
  if (finding !== null) throw new Error(`seed ${finding.seed} violates ${finding.violations[0]?.check ?? 'a check'}`);
  const perSecond = Math.round(delivered / spentSeconds);
  const name = faults === allFaults ? 'swarm' : 'none';
  return { level: 'protocol', validators, faults: name, runs, delivered, perSecond };
}

interface SystemRow {
  readonly level: 'system';
  readonly validators: number;
  readonly seed: number;
  readonly faults: number;
  readonly heights: number;
  readonly simulatedSeconds: number;
  readonly perSecond: number;
}

async function measureSystem(seed: number): Promise<SystemRow> {
  const scenario = { ...everything, validators: systemValidators, transfersPerSecond };
  const start = process.cpuUsage();
  const result = await simulate(scenario, { seed });
  const simulatedSeconds = result.simulatedMs / 1000;
  const perSecond = rounded(simulatedSeconds / processorSeconds(start));
  if (!result.ok) throw new Error(`seed ${seed} of ${scenario.name} with ${systemValidators} validators is violated`);
  const { faults, heights: decided } = result;
  return {
    ...{ level: 'system', validators: systemValidators, seed, faults: faults.length, heights: decided },
    ...{ simulatedSeconds: rounded(simulatedSeconds), perSecond },
  };
}

export async function run(): Promise<void> {
  const protocol: ProtocolRow[] = [];
  for (const validators of sizes) {
    protocol.push(measureProtocol(validators, allFaults, protocolSeconds));
    protocol.push(measureProtocol(validators, noFaults, protocolSeconds));
  }
  const system: SystemRow[] = [];
  for (const seed of systemSeeds) system.push(await measureSystem(seed));
  const slowest = Math.min(...protocol.filter((row) => row.validators <= systemValidators).map((row) => row.perSecond));
  const typical = median(system.map(({ perSecond }) => perSecond));
  report(
    'simulation',
    'Simulations: messages a second at the protocol level, simulated seconds a second at the system level',
    {
      settings: { heights, protocolSeconds, transfersPerSecond, scenario: everything.name },
      rows: [...protocol, ...system],
      judgements: [
        {
          what: 'messages delivered a second, 4 and 7 validators, the slower of swarm and none',
          measured: slowest,
          target: `≥ ${protocolTarget}`,
          met: slowest >= protocolTarget,
        },
        {
          what: 'simulated seconds a second, 7 validators, median of the seeds',
          measured: typical,
          target: `≥ ${systemTarget}`,
          met: typical >= systemTarget,
        },
      ],
    },
  );
}
