/** The state at height 0, and what a genesis document must satisfy. Source: consensus design, preamble and "Validator set". */
import type { ChainId, PublicKey } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { invariant } from '../shared/errors.ts';
import type { Application } from './application.ts';
import { chainIdOf, type Genesis } from './genesis.ts';
import type { JsonProblem } from './json-codec.ts';
import type { SignatureRule } from './module.ts';
import { genesisCourtProblems } from './modules/court/genesis-court.ts';
import { genesisPoliciesProblems } from './modules/policies/genesis-policies.ts';
import { parameterProblems, protocolVersionSupported } from './modules/parameters.ts';
import { readNextSet } from './modules/validator-state.ts';
import { possessionSigningBytes } from './possession.ts';
import { type TreeUpdate, updateTree } from './state-tree.ts';
import { emptyLogEdge, type LogEdge } from './transparency-log.ts';
import type { ValidatorSet } from './validator-set.ts';
import { emptyState, type StateWrite, View } from './view.ts';

/** Fewest validators of a mainnet. */
export const mainnetValidatorsMin = 4;

const amountMax = 0xffffffffffffffffn;

function orderProblems(path: string, keys: readonly PublicKey[]): JsonProblem[] {
  const problems: JsonProblem[] = [];
  keys.forEach((key, index) => {
    const before = keys[index - 1];
    if (before === undefined || compareText(before, key) < 0) return;
    const message = before === key ? `${key} appears twice` : 'not in ascending order of the keys';
    problems.push({ path: `${path}[${index}]`, message });
  });
  return problems;
}

function validatorProblems(genesis: Genesis, signatures: SignatureRule): JsonProblem[] {
  const problems: JsonProblem[] = [];
  const vrfKeys = new Set<PublicKey>();
  genesis.validators.forEach((validator, index) => {
    const { publicKey, vrfPublicKey, possession } = validator;
    const add = (field: string, message: string): number =>
      problems.push({ path: `validators[${index}].${field}`, message });
    if (!signatures.isAdmissible(publicKey)) add('publicKey', 'not an admissible ed25519 key');
    if (!signatures.isAdmissible(vrfPublicKey)) add('vrfPublicKey', 'not an admissible ed25519 key');
    if (vrfKeys.has(vrfPublicKey)) add('vrfPublicKey', `${vrfPublicKey} appears twice`);
    vrfKeys.add(vrfPublicKey);
    const message = possessionSigningBytes(genesis.chainName, publicKey, vrfPublicKey);
    if (!signatures.verify(publicKey, message, possession)) add('possession', 'does not prove possession of the key');
    if (validator.name === '') add('name', 'empty');
  });
  return problems;
}

/**
 * Everything that is wrong with a genesis document; empty where it is sound.
 *
 * @param options.devnet allows fewer than four validators
 */
export function genesisProblems(
  genesis: Genesis,
  signatures: SignatureRule,
  options: { readonly devnet: boolean },
): readonly JsonProblem[] {
  const count = genesis.validators.length;
  const problems: JsonProblem[] = [];
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(genesis.chainName)) {
    problems.push({ path: 'chainName', message: 'lower-case letters, digits and hyphens expected' });
  }
  if (genesis.protocolVersion < 1 || genesis.protocolVersion > protocolVersionSupported) {
    const message = `${genesis.protocolVersion}; this program executes 1 to ${protocolVersionSupported}`;
    problems.push({ path: 'protocolVersion', message });
  }
  for (const { name, message } of parameterProblems(genesis.parameters, count)) {
    problems.push({ path: `parameters.${name}`, message });
  }
  const least = options.devnet ? 1 : mainnetValidatorsMin;
  if (count < least) problems.push({ path: 'validators', message: `${count} validators, at least ${least} needed` });
  problems.push(
    ...orderProblems(
      'validators',
      genesis.validators.map(({ publicKey }) => publicKey),
    ),
    ...orderProblems(
      'accounts',
      genesis.accounts.map(({ publicKey }) => publicKey),
    ),
    ...orderProblems('governors', genesis.governors),
    ...validatorProblems(genesis, signatures),
  );
  const arbitrators = genesis.court?.arbitrators ?? [];
  problems.push(
    ...orderProblems(
      'court.arbitrators',
      arbitrators.map(({ account }) => account),
    ),
    ...(genesis.court === undefined ? [] : genesisCourtProblems(genesis.court)),
    ...(genesis.policies === undefined ? [] : genesisPoliciesProblems(genesis.policies)),
  );
  const accountKeys = [
    ...genesis.accounts.map(({ publicKey }) => publicKey),
    ...genesis.governors,
    ...arbitrators.map(({ account }) => account),
    ...(genesis.policies?.rule?.evaluators ?? []),
  ];
  for (const key of accountKeys) {
    if (!signatures.isAdmissible(key)) problems.push({ path: 'accounts', message: `${key} is not an admissible key` });
  }
  const supply =
    genesis.accounts.reduce((sum, { balance }) => sum + balance, 0n) +
    genesis.validators.reduce((sum, { bond }) => sum + bond, 0n) +
    arbitrators.reduce((sum, { bond }) => sum + bond, 0n);
  if (supply > amountMax) problems.push({ path: 'accounts', message: `a supply of ${supply} is above 2^64 − 1` });
  return problems;
}

export interface GenesisState {
  readonly chainId: ChainId;
  readonly stateWrites: readonly StateWrite[];
  /** At version 0. */
  readonly tree: TreeUpdate;
  readonly logEdge: LogEdge;
  /** Decides block 1. */
  readonly validators: ValidatorSet;
}

/** The state at height 0 of a document without {@link genesisProblems}. */
export function genesisState(application: Application, genesis: Genesis): GenesisState {
  const view = new View(emptyState);
  for (const module of application.modules) module.genesis?.(genesis, view);
  invariant(view.events().length === 0, 'genesis has no events');
  const stateWrites = view.writes();
  const tree = updateTree({ node: () => undefined }, null, 0, stateWrites);
  return {
    chainId: chainIdOf(genesis),
    stateWrites,
    tree,
    logEdge: emptyLogEdge,
    validators: readNextSet(view),
  };
}
