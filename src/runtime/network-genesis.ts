/** The genesis that a manifest asks for, and whether a manifest still describes the chain that a genesis started. */
import type { Digest, PublicKey } from '../protocols/shared/brands.ts';
import { compareText, fromHex } from '../protocols/shared/bytes.ts';
import type { ChainParameters, Genesis, GenesisAccount, GenesisValidator } from '../protocols/ledger/genesis.ts';
import type { GenesisCourt } from '../protocols/ledger/modules/court/genesis-court.ts';
import { protocolVersionSupported } from '../protocols/ledger/modules/parameters.ts';
import type { GenesisPolicies } from '../protocols/ledger/modules/policies/genesis-policies.ts';
import type { LoadedManifest } from './manifest.ts';
import type { ManifestChain } from './manifest-network.ts';
import type { Problem } from './manifest-problems.ts';
import { formatDuration } from './manifest-shape.ts';
import type { NodeIdentity } from './network-keys.ts';

const parametersOf = (chain: ManifestChain): ChainParameters => ({
  blockTimeMs: chain.blockTime,
  emptyBlockPeriodMs: chain.emptyBlockPeriod,
  finalityThreshold: chain.finalityThreshold,
  roundTimeoutBaseMs: chain.roundTimeout,
  roundTimeoutMaxMs: chain.roundTimeoutMax,
  voteLapseBlocks: chain.voteLapseBlocks,
  evidenceAgeBlocks: chain.evidenceAgeBlocks,
  unbondingBlocks: chain.unbondingBlocks,
  trustPeriodBlocks: chain.trustPeriodBlocks,
  checkpointIntervalBlocks: chain.checkpointIntervalBlocks,
});

export interface GenesisInputs {
  readonly loaded: LoadedManifest;
  /** Of the validators of the first set. */
  readonly identities: readonly NodeIdentity[];
  readonly accounts: readonly GenesisAccount[];
  readonly governors: readonly PublicKey[];
  readonly networkAuthority: Digest | null;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly court?: GenesisCourt;
  readonly policies?: GenesisPolicies;
}

export function makeGenesis(inputs: GenesisInputs): Genesis {
  const { chain } = inputs.loaded.manifest.spec;
  const bond = chain.genesis?.validatorBond ?? 0n;
  const validators = inputs.identities.flatMap((identity): GenesisValidator[] => {
    const { name, publicKey, vrfPublicKey, possession } = identity;
    if (vrfPublicKey === null || possession === null) return [];
    return [{ publicKey, vrfPublicKey, name, possession: fromHex(possession), bond }];
  });
  return {
    chainName: inputs.loaded.manifest.metadata.name,
    time: inputs.time,
    protocolVersion: protocolVersionSupported,
    parameters: parametersOf(chain),
    validators: validators.sort((a, b) => compareText(a.publicKey, b.publicKey)),
    accounts: [...inputs.accounts].sort((a, b) => compareText(a.publicKey, b.publicKey)),
    governors: [...inputs.governors].sort(compareText),
    networkAuthority: inputs.networkAuthority,
    previous: null,
    ...(inputs.court === undefined ? {} : { court: inputs.court }),
    ...(inputs.policies === undefined ? {} : { policies: inputs.policies }),
  };
}

/** Each parameter of the chain by its name in a manifest. */
const comparedParameters = [
  ['blockTime', 'blockTimeMs', formatDuration],
  ['emptyBlockPeriod', 'emptyBlockPeriodMs', formatDuration],
  ['finalityThreshold', 'finalityThreshold', String],
  ['roundTimeout', 'roundTimeoutBaseMs', formatDuration],
  ['roundTimeoutMax', 'roundTimeoutMaxMs', formatDuration],
  ['voteLapseBlocks', 'voteLapseBlocks', String],
  ['evidenceAgeBlocks', 'evidenceAgeBlocks', String],
  ['unbondingBlocks', 'unbondingBlocks', String],
  ['trustPeriodBlocks', 'trustPeriodBlocks', String],
  ['checkpointIntervalBlocks', 'checkpointIntervalBlocks', String],
] as const satisfies readonly (readonly [keyof ManifestChain, keyof ChainParameters, (value: number) => string])[];

/** Everything in which the manifest contradicts the chain that is already there. */
export function genesisDifferences(loaded: LoadedManifest, genesis: Genesis): readonly Problem[] {
  const problems: Problem[] = [];
  const report = (path: string, message: string, found: string, allowed: string): void => {
    problems.push({ code: 'genesis-differs', origin: loaded.originOf(path), path, message, found, allowed });
  };
  const { metadata, spec } = loaded.manifest;
  if (metadata.name !== genesis.chainName) {
    const message = 'the data directory holds another chain';
    report('metadata.name', message, metadata.name, `${genesis.chainName}, or another defaults.dataDir`);
  }
  const asked = parametersOf(spec.chain);
  for (const [field, parameter, asText] of comparedParameters) {
    if (asked[parameter] === genesis.parameters[parameter]) continue;
    const message = 'the chain was started with another value, which only its governance can change';
    report(`spec.chain.${field}`, message, asText(asked[parameter]), asText(genesis.parameters[parameter]));
  }
  const inManifest = loaded.nodes.filter((node) => node.roles.includes('validator') && node.inGenesis);
  const manifestNames = inManifest.map((node) => node.name).sort(compareText);
  const genesisNames = genesis.validators.map((validator) => validator.name).sort(compareText);
  if (manifestNames.join() !== genesisNames.join()) {
    report(
      'spec.nodes',
      'the chain was started with other validators; a new one joins by vote, with inGenesis: false',
      `${manifestNames.length} validators: ${manifestNames.join(', ')}`,
      `${genesisNames.length} validators: ${genesisNames.join(', ')}; or an empty defaults.dataDir for a new chain`,
    );
  }
  return problems;
}
