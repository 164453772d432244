/** The genesis document: everything two nodes must agree on before the first block. */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import {
  type Codec,
  digest32,
  encode,
  list,
  nullable,
  publicKey32,
  signature64,
  struct,
  structWithTails,
  textMax,
  uint,
  uint64,
} from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { validatorsMax } from './block.ts';
import { type GenesisCourt, genesisCourtCodec } from './modules/court/genesis-court.ts';
import { type GenesisPolicies, genesisPoliciesCodec } from './modules/policies/genesis-policies.ts';
import { type ValidatorSet, validatorSet } from './validator-set.ts';

/** Consensus and ledger parameters. Durations in milliseconds, ages in blocks. */
export interface ChainParameters {
  /** Least time between blocks; 0 makes blocks on demand. */
  readonly blockTimeMs: number;
  /** With blockTimeMs 0: an empty block is made after this long without transactions. */
  readonly emptyBlockPeriodMs: number;
  /** Percent of validators whose seals decide, 1–100; never lowers the quorum below ⌈2n/3⌉. */
  readonly finalityThreshold: number;
  /** Round time-out of the first rounds. */
  readonly roundTimeoutBaseMs: number;
  readonly roundTimeoutMaxMs: number;
  /** A proposed validator change lapses after this many blocks. */
  readonly voteLapseBlocks: number;
  /** Evidence older than this is refused. At least trustPeriodBlocks. */
  readonly evidenceAgeBlocks: number;
  /** A bond is returned after this many blocks. At least evidenceAgeBlocks. */
  readonly unbondingBlocks: number;
  /** A validator-set chain older than this without a trusted header is unanchored. */
  readonly trustPeriodBlocks: number;
  /** Validators cosign a checkpoint every so many blocks. */
  readonly checkpointIntervalBlocks: number;
}

export interface GenesisValidator {
  readonly publicKey: PublicKey;
  readonly vrfPublicKey: PublicKey;
  readonly name: string;
  /** Signature by publicKey over both keys and the chain's name: proves possession. */
  readonly possession: Uint8Array;
  /** Minor units held as bond. */
  readonly bond: bigint;
}

export interface GenesisAccount {
  readonly publicKey: PublicKey;
  /** Minor units. */
  readonly balance: bigint;
}

/** Names the last header of a chain that lost its quorum for good and is continued here. */
export interface PreviousChain {
  readonly chainId: ChainId;
  readonly lastHeader: Digest;
}

export interface Genesis {
  readonly chainName: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly protocolVersion: number;
  readonly parameters: ChainParameters;
  /** Ascending by publicKey. */
  readonly validators: readonly GenesisValidator[];
  /** Ascending by publicKey. */
  readonly accounts: readonly GenesisAccount[];
  /** Accounts that may propose governance changes; ascending. */
  readonly governors: readonly PublicKey[];
  /** Digest of the network authority's X.509 certificate (HTTP TLS), or null. */
  readonly networkAuthority: Digest | null;
  readonly previous: PreviousChain | null;
  /** Absent on chains that began without: their documents, and so their names, stay what they are. */
  readonly court?: GenesisCourt;
  /** Absent like it; where it is there, the court's part is. */
  readonly policies?: GenesisPolicies;
}

export const parametersCodec: Codec<ChainParameters> = struct<ChainParameters>({
  blockTimeMs: uint,
  emptyBlockPeriodMs: uint,
  finalityThreshold: uint,
  roundTimeoutBaseMs: uint,
  roundTimeoutMaxMs: uint,
  voteLapseBlocks: uint,
  evidenceAgeBlocks: uint,
  unbondingBlocks: uint,
  trustPeriodBlocks: uint,
  checkpointIntervalBlocks: uint,
});

const fields = {
  chainName: textMax(64),
  time: uint,
  protocolVersion: uint,
  parameters: parametersCodec,
  validators: list(
    struct<GenesisValidator>({
      publicKey: publicKey32,
      vrfPublicKey: publicKey32,
      name: textMax(64),
      possession: signature64,
      bond: uint64,
    }),
    validatorsMax,
  ),
  accounts: list(struct<GenesisAccount>({ publicKey: publicKey32, balance: uint64 }), 100_000),
  governors: list(publicKey32, 1000),
  networkAuthority: nullable(digest32),
  previous: nullable(struct<PreviousChain>({ chainId: digest32 as unknown as Codec<ChainId>, lastHeader: digest32 })),
};

export const genesisCodec: Codec<Genesis> = structWithTails<Genesis, 'court' | 'policies'>(fields, {
  court: genesisCourtCodec,
  policies: genesisPoliciesCodec,
});

/** The chain id is the genesis hash; it is also the `parent` of block 1. */
export const chainIdOf = (genesis: Genesis): ChainId =>
  taggedHash('bpci/genesis/v1', encode(genesisCodec, genesis)) as string as ChainId;

/** The set that decides the first block. */
export const genesisValidatorSet = ({ validators, parameters }: Genesis): ValidatorSet =>
  validatorSet(
    validators.map(({ publicKey, vrfPublicKey }) => ({ publicKey, vrfPublicKey })),
    parameters.finalityThreshold,
  );
