/**
 * Builders for consensus tests: validators in key order, blocks, verified messages by them. Signatures are perfect by
 * construction: 64 bytes that name the author, which nobody checks and nobody forges.
 */
import type {
  ConsensusParameters,
  HeightFacts,
  JournalRecord,
  ProposalMessage,
  RoundChangeMessage,
  Verified,
} from '../../../src/protocols/ibft/machine-types.ts';
import { digestOf } from '../../../src/protocols/ibft/justification.ts';
import type {
  CommitPayload,
  ConsensusMessage,
  EncodedBlock,
  PreparePayload,
  RoundChangePayload,
} from '../../../src/protocols/ibft/messages.ts';
import { type ValidatorSet, validatorSet } from '../../../src/protocols/ledger/validator-set.ts';
import {
  chainId,
  type Digest,
  digest,
  type Height,
  height as toHeight,
  type PublicKey,
  publicKey,
  round as toRound,
} from '../../../src/protocols/shared/brands.ts';

export const chain = chainId('c1'.repeat(32));
const zero = digest('00'.repeat(32));
const beacon = { output: new Uint8Array(64), proof: new Uint8Array(80) };

/** Key of validator i: ascending with i. */
const keys: PublicKey[] = [];
export function keyOf(index: number): PublicKey {
  while (keys.length <= index) keys.push(publicKey((keys.length + 1).toString(16).padStart(4, '0').repeat(16)));
  return keys[index]!;
}

export const keysOf = (count: number): readonly PublicKey[] => Array.from({ length: count }, (_, i) => keyOf(i));

/** The least quorum, ⌈2n/3⌉, unless a threshold asks for more. */
export const setOf = (count: number, finalityThreshold = 1): ValidatorSet =>
  validatorSet(
    keysOf(count).map((key) => ({ publicKey: key, vrfPublicKey: key })),
    finalityThreshold,
  );

export const parameters: ConsensusParameters = {
  blockTimeMs: 2000,
  emptyBlockPeriodMs: 10_000,
  roundTimeoutBaseMs: 1000,
  roundTimeoutMaxMs: 60_000,
};

export const genesisTime = 1_000_000;
export const genesisDigest: Digest = digest(chain);

/** Facts of height 1; proposer of round r is validator r mod n. */
export function factsOf(count: number, overrides: Partial<HeightFacts> = {}): HeightFacts {
  return {
    height: toHeight(1),
    parent: { time: genesisTime, proposer: null, digest: genesisDigest },
    set: setOf(count),
    parameters,
    hasTransactions: false,
    ...overrides,
  };
}

export interface BlockOptions {
  readonly height?: number;
  readonly parent?: Digest;
  readonly proposer?: number;
  readonly time?: number;
  /** Distinguishes blocks that are otherwise alike. */
  readonly salt?: number;
  readonly bytes?: number;
}

export function blockOf(options: BlockOptions = {}): EncodedBlock {
  const salt = (options.salt ?? 0).toString(16).padStart(64, '0');
  return {
    bytes: new Uint8Array(options.bytes ?? 300),
    value: {
      header: {
        chainId: chain,
        protocolVersion: 1,
        height: toHeight(options.height ?? 1),
        parent: options.parent ?? genesisDigest,
        time: options.time ?? genesisTime + 2000,
        proposer: keyOf(options.proposer ?? 0),
        transactionsRoot: digest(salt),
        stateRoot: zero,
        eventsRoot: zero,
        logSize: 0,
        logRoot: zero,
        validatorsHash: zero,
        nextValidatorsHash: zero,
        lastCommitHash: zero,
        beacon,
      },
      transactions: [],
      lastCommit: null,
    },
  };
}

export const signatureOf = (author: number): Uint8Array => new Uint8Array(64).fill(author + 1);

const verified = <M extends ConsensusMessage>(message: M): Verified<M> => message as Verified<M>;

interface Where {
  readonly height?: number;
  readonly round?: number;
}

const place = ({ height = 1, round = 0 }: Where): { height: Height; round: ReturnType<typeof toRound> } => ({
  height: toHeight(height),
  round: toRound(round),
});

const vote = (author: number, block: EncodedBlock | Digest, where: Where): PreparePayload => ({
  author: keyOf(author),
  ...place(where),
  digest: typeof block === 'string' ? block : digestOf(block),
  signature: signatureOf(author),
});

export const preparePayload = (author: number, block: EncodedBlock | Digest, where: Where = {}): PreparePayload =>
  vote(author, block, where);
export const commitPayload = (author: number, block: EncodedBlock | Digest, where: Where = {}): CommitPayload =>
  vote(author, block, where);

export const prepare = (
  author: number,
  block: EncodedBlock | Digest,
  where: Where = {},
): Verified<Extract<ConsensusMessage, { type: 'prepare' }>> =>
  verified({ type: 'prepare', payload: vote(author, block, where) });

export const commit = (
  author: number,
  block: EncodedBlock | Digest,
  where: Where = {},
): Verified<Extract<ConsensusMessage, { type: 'commit' }>> =>
  verified({ type: 'commit', payload: vote(author, block, where) });

export interface Prepared {
  readonly round: number;
  readonly block: EncodedBlock;
}

export const roundChangePayload = (
  author: number,
  where: Where,
  prepared: Prepared | null = null,
): RoundChangePayload => ({
  author: keyOf(author),
  ...place(where),
  preparedRound: prepared === null ? null : toRound(prepared.round),
  preparedDigest: prepared === null ? null : digestOf(prepared.block),
  signature: signatureOf(author),
});

/** A round change; prepared: with the certificate that `preparers` made of that block in that round. */
export const roundChange = (
  author: number,
  where: Where,
  prepared: Prepared | null = null,
  preparers: readonly number[] = [],
): Verified<RoundChangeMessage> =>
  verified({
    type: 'round-change',
    payload: roundChangePayload(author, where, prepared),
    block: prepared?.block ?? null,
    prepares:
      prepared === null
        ? []
        : preparers.map((preparer) =>
            vote(preparer, prepared.block, { height: where.height ?? 1, round: prepared.round }),
          ),
  });

export const proposal = (
  author: number,
  block: EncodedBlock,
  where: Where = {},
  justification: {
    readonly roundChanges?: readonly RoundChangePayload[];
    readonly prepares?: readonly PreparePayload[];
  } = {},
): Verified<ProposalMessage> =>
  verified({
    type: 'proposal',
    payload: vote(author, block, where),
    block,
    roundChanges: justification.roundChanges ?? [],
    prepares: justification.prepares ?? [],
  });

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** Unprepared round changes of these authors for a round: what justifies a fresh block there. */
export const unprepared = (authors: readonly number[], round: number): readonly RoundChangePayload[] =>
  authors.map((author) => roundChangePayload(author, { round }));

export const noRecords: readonly JournalRecord[] = [];
