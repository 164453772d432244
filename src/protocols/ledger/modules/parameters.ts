/** The chain's parameters in state, and what values they may have. Written by governance, read by every module. */
import { uint } from '../../shared/codec.ts';
import { invariant } from '../../shared/errors.ts';
import { type ChainParameters, parametersCodec } from '../genesis.ts';
import { isQuorumReachable } from '../validator-set.ts';
import { type ReadView, table, type View } from '../view.ts';

/** The newest protocol version that this program executes. */
export const protocolVersionSupported = 1;

export type ParameterName = keyof ChainParameters;

const dayMs = 86_400_000;
const blocksMax = 1_000_000_000;

/** Least and most value of each parameter. */
export const parameterBounds: Readonly<Record<ParameterName, readonly [min: number, max: number]>> = {
  blockTimeMs: [0, dayMs],
  emptyBlockPeriodMs: [1, dayMs],
  finalityThreshold: [1, 100],
  roundTimeoutBaseMs: [10, dayMs],
  roundTimeoutMaxMs: [10, dayMs],
  voteLapseBlocks: [1, blocksMax],
  evidenceAgeBlocks: [1, blocksMax],
  unbondingBlocks: [1, blocksMax],
  trustPeriodBlocks: [1, blocksMax],
  checkpointIntervalBlocks: [1, blocksMax],
};

export const parameterNames = Object.keys(parameterBounds) as readonly ParameterName[];

export interface ParameterProblem {
  readonly name: ParameterName;
  readonly message: string;
}

/** Everything that is wrong with these parameters for a set of this many validators. */
export function parameterProblems(parameters: ChainParameters, validatorCount: number): readonly ParameterProblem[] {
  const problems: ParameterProblem[] = [];
  for (const name of parameterNames) {
    const [min, max] = parameterBounds[name];
    const value = parameters[name];
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      problems.push({ name, message: `a whole number from ${min} to ${max} expected, found ${value}` });
    }
  }
  const { roundTimeoutBaseMs, roundTimeoutMaxMs, unbondingBlocks, evidenceAgeBlocks, trustPeriodBlocks } = parameters;
  if (roundTimeoutMaxMs < roundTimeoutBaseMs) {
    problems.push({ name: 'roundTimeoutMaxMs', message: `${roundTimeoutMaxMs} is below roundTimeoutBaseMs` });
  }
  // A bond must outlive the evidence against its holder, and evidence the time in which an old set is believed.
  if (unbondingBlocks < evidenceAgeBlocks) {
    problems.push({ name: 'unbondingBlocks', message: `${unbondingBlocks} is below evidenceAgeBlocks` });
  }
  if (evidenceAgeBlocks < trustPeriodBlocks) {
    problems.push({ name: 'evidenceAgeBlocks', message: `${evidenceAgeBlocks} is below trustPeriodBlocks` });
  }
  if (validatorCount > 0 && !isQuorumReachable(validatorCount, parameters.finalityThreshold)) {
    const message = `the quorum of ${validatorCount} validators at ${parameters.finalityThreshold} % cannot be met with the tolerated number of them down`;
    problems.push({ name: 'finalityThreshold', message });
  }
  return problems;
}

const parametersTable = table('governance/parameters/', parametersCodec);
const versions = table('governance/version/', uint);

/** The parameters of the next block (during execution: of this one). */
export function readParameters(view: ReadView): ChainParameters {
  const parameters = view.get(parametersTable, 'current');
  invariant(parameters !== undefined, 'a state without parameters');
  return parameters;
}

export const writeParameters = (view: View, parameters: ChainParameters): void => {
  view.set(parametersTable, 'current', parameters);
};

/** The protocol version of the next block (during execution: of this one). */
export function readProtocolVersion(view: ReadView): number {
  const version = view.get(versions, 'current');
  invariant(version !== undefined, 'a state without a protocol version');
  return version;
}

export const writeProtocolVersion = (view: View, version: number): void => {
  view.set(versions, 'current', version);
};
