/** The genesis document as JSON (genesis.json): readable, strict, every problem named. */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import type { ChainParameters, Genesis, GenesisAccount, GenesisValidator, PreviousChain } from './genesis.ts';
import {
  type Json,
  type JsonCodec,
  jsonAmount,
  jsonBytesExact,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonNullable,
  type JsonProblem,
  jsonStruct,
  jsonStructWithTails,
  jsonText,
  jsonUint,
  readJson,
} from './json-codec.ts';
import { validatorsMax } from './block.ts';
import { genesisCourtCodec } from './modules/court/genesis-court.ts';
import { genesisPoliciesCodec } from './modules/policies/genesis-policies.ts';

const parameters = jsonStruct<ChainParameters>({
  blockTimeMs: jsonUint(),
  emptyBlockPeriodMs: jsonUint(),
  finalityThreshold: jsonUint(),
  roundTimeoutBaseMs: jsonUint(),
  roundTimeoutMaxMs: jsonUint(),
  voteLapseBlocks: jsonUint(),
  evidenceAgeBlocks: jsonUint(),
  unbondingBlocks: jsonUint(),
  trustPeriodBlocks: jsonUint(),
  checkpointIntervalBlocks: jsonUint(),
});

const validator = jsonStruct<GenesisValidator>({
  publicKey: jsonKey,
  vrfPublicKey: jsonKey,
  name: jsonText(64),
  possession: jsonBytesExact(64),
  bond: jsonAmount,
});

/** Canonical bytes are those of `genesisCodec`. */
export const genesisJsonCodec: JsonCodec<Genesis> = jsonStructWithTails<Genesis, 'court' | 'policies'>(
  {
    chainName: jsonText(64),
    time: jsonUint(),
    protocolVersion: jsonUint(),
    parameters,
    validators: jsonList(validator, validatorsMax),
    accounts: jsonList(jsonStruct<GenesisAccount>({ publicKey: jsonKey, balance: jsonAmount }), 100_000),
    governors: jsonList<PublicKey>(jsonKey, 1000),
    networkAuthority: jsonNullable<Digest>(jsonDigest),
    previous: jsonNullable(
      jsonStruct<PreviousChain>({ chainId: jsonDigest as unknown as JsonCodec<ChainId>, lastHeader: jsonDigest }),
    ),
  },
  { court: genesisCourtCodec, policies: genesisPoliciesCodec },
);

export const genesisToJson = (genesis: Genesis): Json => genesisJsonCodec.toJson(genesis);

/** The document's shape only; what it must satisfy beside is `genesisProblems`. */
export const genesisFromJson = (
  json: unknown,
): { readonly value: Genesis } | { readonly problems: readonly JsonProblem[] } => readJson(genesisJsonCodec, json);
