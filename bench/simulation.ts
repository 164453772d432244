/**
 * How fast simulations run, on one core.
 *
 * - protocol level: messages delivered to production machines a second, under the swarm of faults that a search draws
 *   (losses, crashes between any two effects, twins, an adversary) with every check on and a calm phase after each run;
 *   and without any fault.
 * - system level: simulated seconds a second of processor time under the swarm of `everything` at its full length, every
 *   checker on: the median over seeds, for seven validators without load, at 5 and at 50 transfers a second, and for four.
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
interface SystemSetting {
  readonly validators: number;
  readonly transfersPerSecond: number;
}
/** That of the target comes first. */
const systemSettings: readonly [SystemSetting, ...SystemSetting[]] = [
  { validators: 7, transfersPerSecond: 50 },
  { validators: 7, transfersPerSecond: 5 },
  { validators: 7, transfersPerSecond: 0 },
  { validators: 4, transfersPerSecond: 5 },
];
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

interface SystemRow extends SystemSetting {
  readonly level: 'system';
  readonly seed: number;
  readonly faults: number;
  readonly heights: number;
  readonly simulatedSeconds: number;
  readonly perSecond: number;
}

async function measureSystem(setting: SystemSetting, seed: number): Promise<SystemRow> {
  const scenario = { ...everything, ...setting, standbys: 0, endsWhenWell: false };
  const start = process.cpuUsage();
  const result = await simulate(scenario, { seed });
  const simulatedSeconds = result.simulatedMs / 1000;
  const perSecond = rounded(simulatedSeconds / processorSeconds(start));
  if (!result.ok) throw new Error(`seed ${seed} of ${scenario.name} with ${setting.validators} validators is violated`);
  const { faults, heights: decided } = result;
  return {
    ...{ level: 'system', ...setting, seed, faults: faults.length, heights: decided },
    ...{ simulatedSeconds: rounded(simulatedSeconds), perSecond },
  };
}

interface SystemTypical extends SystemSetting {
  readonly perSecond: number;
}

/** The median over the seeds of one setting. */
function typicalOf(rows: readonly SystemRow[], { validators, transfersPerSecond }: SystemSetting): number {
  const ofSetting = rows.filter(
    (row) => row.validators === validators && row.transfersPerSecond === transfersPerSecond,
  );
  return median(ofSetting.map(({ perSecond }) => perSecond));
}

export async function run(): Promise<void> {
  const protocol: ProtocolRow[] = [];
  for (const validators of sizes) {
    protocol.push(measureProtocol(validators, allFaults, protocolSeconds));
    protocol.push(measureProtocol(validators, noFaults, protocolSeconds));
  }
  const system: SystemRow[] = [];
  // Until the engine has compiled what runs often.
  for (const seed of systemSeeds.slice(0, 2)) await measureSystem(systemSettings[0], seed);
  for (const setting of systemSettings) {
    for (const seed of systemSeeds) system.push(await measureSystem(setting, seed));
  }
  const typical = systemSettings.map((setting) => ({ ...setting, perSecond: typicalOf(system, setting) }));
  const [{ validators, perSecond }] = typical as [SystemTypical, ...SystemTypical[]];
  const slowest = Math.min(...protocol.filter((row) => row.validators <= validators).map((row) => row.perSecond));
  report(
    'simulation',
    'Simulations: messages a second at the protocol level, simulated seconds a second at the system level',
    {
      settings: { heights, protocolSeconds, scenario: everything.name, typical },
      rows: [...protocol, ...system],
      judgements: [
        {
          what: 'messages delivered a second, 4 and 7 validators, the slower of swarm and none',
          measured: slowest,
          target: `≥ ${protocolTarget}`,
          met: slowest >= protocolTarget,
        },
        {
          what: 'simulated seconds a second, 7 validators at 50 transfers a second, median of the seeds',
          measured: perSecond,
          target: `≥ ${systemTarget}`,
          met: perSecond >= systemTarget,
        },
      ],
    },
  );
}
