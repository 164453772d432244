/** What a simulation is to go through. A scenario is data: a file that exports one reads like a table. */
import { faultyCountMax } from '../../protocols/ledger/validator-set.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { Draw } from '../draw.ts';
import { checkerNames } from './checkers/index.ts';
import type { FaultBase, FaultKind, FieldCheck } from './faults/fault-kind.ts';
import { type Fault, faultKind, faultKinds, liarsOf } from './faults/index.ts';

/** When the faults of a run may begin and by when they must have ended, and for how many nodes they are. */
export interface FaultPeriod {
  readonly validators: number;
  readonly standbys: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Scenario {
  readonly name: string;
  /** What is to be seen, in a sentence. */
  readonly expects: string;
  /** Of several every seed draws one. */
  readonly validators: number | readonly number[];
  /** Nodes that follow, and may be voted in; numbered after the validators. Of several every seed draws one. Default 0. */
  readonly standbys?: number | readonly number[];
  /** Virtual time of a run, the recovery after the last fault included. */
  readonly durationMs: number;
  /** The run ends as soon as everything is well again after the last fault. `durationMs` is the most then. */
  readonly endsWhenWell?: boolean;
  /** Of several every seed draws one. Default 2,000. */
  readonly blockTimeMs?: number | readonly number[];
  readonly roundTimeoutBaseMs?: number;
  /** Time of flight of a frame, least and most. Default 5 to 50 ms. */
  readonly delayMs?: readonly [least: number, most: number];
  /** Time that a sync of a disk takes, least and most. Default 1 to 8 ms. */
  readonly syncMs?: readonly [least: number, most: number];
  /** Of several every seed draws one. Default 5. */
  readonly transfersPerSecond?: number | readonly number[];
  /** Pairs of parties that make agreements and dispute about them before the court. Default 0: there is no court. */
  readonly disputants?: number;
  /** Each validator runs a traffic light, and so many decisions are asked for. Default 0: there are no lights. */
  readonly decisionsPerSecond?: number;
  /** Other policy sets are published and attested meanwhile, and rules retired. Default: none. */
  readonly changesPolicies?: boolean;
  /** Each validator runs an execution cluster, and so many workloads are submitted. Needs `disputants` and `decisionsPerSecond`. */
  readonly workloads?: number;
  /** From when to when `every-effect` crashes validators. Default: from 10 s on, until 40 s before the end. */
  readonly effectsMs?: readonly [from: number, until: number];
  /** A negative control: more than may be is wrong with its validators, and these checkers, and no others, must see it. */
  readonly violates?: readonly string[];
  /** `swarm`: every seed draws its own mix. */
  readonly faults: readonly Fault[] | 'swarm' | ((draw: Draw, period: FaultPeriod) => readonly Fault[]);
}

/** What a seed draws of the lists of a scenario. */
export interface DrawnNetwork {
  readonly validators: number;
  readonly standbys: number;
  readonly blockTimeMs: number;
  readonly transfersPerSecond: number;
}

/** A scenario whose network is one, not several to draw from. */
export interface SettledScenario extends Scenario {
  readonly validators: number;
  readonly standbys?: number;
  readonly transfersPerSecond?: number;
}

export class ScenarioError extends CodedError<'bad-scenario'> {
  override readonly name = 'ScenarioError';
  /** The field, `faults[3].kind` for example. */
  readonly where: string;
  readonly problem: string;

  constructor(scenario: string, where: string, problem: string) {
    super('bad-scenario', `scenario ${scenario}: ${where}: ${problem}`);
    this.where = where;
    this.problem = problem;
  }
}

/** Faults begin after this. */
export const calmMs = 10_000;

/** The end of a run belongs to recovery: links come back within redials of 10 s and handshakes of 5 s, then blocks do. */
export const recoveryMs = 40_000;

export const defaults = {
  standbys: 0,
  blockTimeMs: 2000,
  transfersPerSecond: 5,
  delayMs: [5, 50],
  syncMs: [1, 8],
} as const;

const validatorsMax = 31;
const disputantsMax = 20;
const workloadsMax = 100;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** When validators are crashed at every effect. */
export const effectsPeriod = ({ effectsMs, durationMs }: Scenario): readonly [from: number, until: number] =>
  effectsMs ?? [calmMs, durationMs - recoveryMs];

/** At least one. */
function listOf(value: number | readonly number[]): readonly number[] {
  if (typeof value === 'number') return [value];
  return Array.isArray(value) && value.length > 0 ? (value as readonly number[]) : [Number.NaN];
}

/** Each from a stream of its own: `drawOf` gives that of a name. */
export function drawNetwork(scenario: Scenario, drawOf: (name: string) => Draw): DrawnNetwork {
  const { validators, standbys, blockTimeMs, transfersPerSecond } = { ...defaults, ...scenario };
  return {
    validators: drawOf('validators').pick(listOf(validators)),
    standbys: drawOf('standbys').pick(listOf(standbys)),
    blockTimeMs: drawOf('block time').pick(listOf(blockTimeMs)),
    transfersPerSecond: drawOf('transfers per second').pick(listOf(transfersPerSecond)),
  };
}

/** Throws ScenarioError where something is not as it must be, whatever the types said. */
export function checkScenario(scenario: Scenario): void {
  const { name, validators, standbys, durationMs, transfersPerSecond, blockTimeMs } = { ...defaults, ...scenario };
  const refuse = (where: string, problem: string): never => {
    throw new ScenarioError(typeof name === 'string' ? name : '(without a name)', where, problem);
  };
  if (typeof name !== 'string') refuse('name', 'a text is expected');
  if (!listOf(validators).every((count) => isWhole(count, 4, validatorsMax))) {
    refuse('validators', `a whole number from 4 to ${validatorsMax}, or a list of these`);
  }
  if (!listOf(standbys).every((count) => isWhole(count, 0, validatorsMax))) {
    refuse('standbys', `a whole number from 0 to ${validatorsMax}, or a list of these`);
  }
  if (!isWhole(durationMs, calmMs + recoveryMs, 1e9)) {
    refuse('durationMs', `a whole number of milliseconds, at least ${calmMs + recoveryMs}`);
  }
  if (!listOf(transfersPerSecond).every((count) => count >= 0 && count <= 1000)) {
    refuse('transfersPerSecond', 'a number from 0 to 1000, or a list of these');
  }
  const { decisionsPerSecond = 0, changesPolicies = false } = scenario;
  if (!(decisionsPerSecond >= 0 && decisionsPerSecond <= 1000)) refuse('decisionsPerSecond', 'a number from 0 to 1000');
  if (changesPolicies && decisionsPerSecond === 0) refuse('changesPolicies', 'there are no lights to see it');
  const { workloads = 0, disputants = 0 } = scenario;
  if (!isWhole(workloads, 0, workloadsMax)) refuse('workloads', `a whole number from 0 to ${workloadsMax}`);
  if (workloads > 0 && (decisionsPerSecond === 0 || disputants === 0)) {
    refuse('workloads', 'without agreements and lights nothing is admitted');
  }
  if (!isWhole(disputants, 0, disputantsMax)) {
    refuse('disputants', `a whole number from 0 to ${disputantsMax}`);
  }
  if (!listOf(blockTimeMs).every((time) => isWhole(time, 1, 60_000))) {
    refuse('blockTimeMs', 'a whole number from 1 to 60000, or a list of these');
  }
  for (const field of ['delayMs', 'syncMs'] as const) {
    const [least = 0, most = 0] = scenario[field] ?? [];
    if (!(least >= 0 && least <= most && most <= 60_000)) refuse(field, 'two numbers, the lower one first');
  }
  const [from, until] = effectsPeriod(scenario);
  if (!(isWhole(from, 0, until) && isWhole(until, from, durationMs - recoveryMs))) {
    refuse('effectsMs', `two whole numbers, the lower one first, at most ${durationMs - recoveryMs}`);
  }
  const { faults, violates = [] } = scenario;
  if (!Array.isArray(violates) || !violates.every((name) => checkerNames.some((known) => known === name))) {
    refuse('violates', `names of checkers: ${checkerNames.join(', ')}`);
  }
  if (!Array.isArray(faults) && faults !== 'swarm' && typeof faults !== 'function') {
    refuse('faults', 'a list, a function that gives one, or "swarm"');
  }
}

/** Throws ScenarioError that names the place of what is wrong. */
export function checkFaults(
  scenario: Pick<SettledScenario, 'name' | 'validators' | 'standbys' | 'violates'>,
  faults: readonly Fault[],
  durationMs: number,
): void {
  const { name, validators, standbys = 0 } = scenario;
  faults.forEach((fault, index) => {
    const refuse = (field: string, problem: string): never => {
      throw new ScenarioError(name, `faults[${index}]${field === '' ? '' : `.${field}`}`, problem);
    };
    if (typeof fault !== 'object' || (fault as unknown) === null) return refuse('', 'a fault is expected');
    const { kind, atMs, forMs } = fault;
    const known = faultKind(kind) ?? refuse('kind', `"${kind}" is no fault; these are: ${kindNames()}`);
    if (!isWhole(atMs, 0, 1e9)) refuse('atMs', 'a whole number of milliseconds');
    if (!isWhole(forMs, 0, 1e9)) refuse('forMs', 'a whole number of milliseconds');
    if (known.mayLast === true) {
      if (atMs + forMs > durationMs) refuse('forMs', `ends ${atMs + forMs} ms after the start, after the run`);
    } else if (atMs + forMs > durationMs - recoveryMs) {
      const need = Math.ceil((atMs + forMs + recoveryMs) / 1000);
      refuse('forMs', `ends ${atMs + forMs} ms after the start; recovery needs the run to last ${need} s`);
    }
    checkFields(known, fault, validators + standbys, refuse);
  });
  const liars = liarsOf(faults).size;
  const faultyMax = faultyCountMax(validators);
  if (liars > faultyMax && scenario.violates === undefined) {
    const problem = `${liars} of ${validators} validators lie, at most ${faultyMax} may where nothing is to be violated`;
    throw new ScenarioError(name, 'faults', problem);
  }
}

const kindNames = (): string => faultKinds.map(({ kind }) => kind).join(', ');

function checkFields(
  { kind, fields }: FaultKind<FaultBase>,
  fault: FaultBase,
  validators: number,
  refuse: (field: string, problem: string) => never,
): void {
  const checks: Readonly<Record<string, FieldCheck>> = fields;
  const values: Readonly<Record<string, unknown>> = { ...fault };
  for (const [field, check] of Object.entries(checks)) {
    const problem = check(values[field], fault, { validators });
    if (problem !== null) refuse(field, problem);
  }
  const known = ['kind', 'atMs', 'forMs', ...Object.keys(checks)];
  const unknown = Object.keys(values).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(unknown, `a ${kind} has no such field; it has: ${known.join(', ')}`);
}
