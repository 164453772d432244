/**
 * Consensus messages: signed payloads, and what travels beside them. Source: consensus design, "Messages".
 *
 * Deviation: the commit's signature is the commit seal. Both would sign exactly (height, round, digest), so a second
 * signature would add cost and no assurance (docs/decisions/0002).
 */
import type { Block } from '../ledger/block.ts';
import { blockCodec, commitSigningBytes, validatorsMax } from '../ledger/block.ts';
import { blockBytesMax } from '../ledger/transaction.ts';
import type { ChainId, Digest, Height, PublicKey, Round } from '../shared/brands.ts';
import {
  type Codec,
  digest32,
  embedded,
  encode,
  heightNumber,
  list,
  nullable,
  publicKey32,
  roundNumber,
  signature64,
  struct,
  variant,
} from '../shared/codec.ts';
import { signingBytes } from '../shared/hash.ts';

/** Limit of one encoded consensus message, bytes. */
export const consensusMessageBytesMax = 4 * 1024 * 1024;

export type PayloadKind = 'proposal' | 'prepare' | 'commit' | 'round-change';

interface Authored {
  readonly author: PublicKey;
  readonly height: Height;
  readonly round: Round;
  readonly signature: Uint8Array;
}

/** Signed: (height, round, digest). */
export interface ProposalPayload extends Authored {
  readonly digest: Digest;
}
export interface PreparePayload extends Authored {
  readonly digest: Digest;
}
/** The signature is the commit seal. */
export interface CommitPayload extends Authored {
  readonly digest: Digest;
}
/** preparedRound and preparedDigest are both null or both present. */
export interface RoundChangePayload extends Authored {
  readonly preparedRound: Round | null;
  readonly preparedDigest: Digest | null;
}

/** A block with the exact bytes it came in. */
export interface EncodedBlock {
  readonly bytes: Uint8Array;
  readonly value: Block;
}

export type ConsensusMessage =
  | {
      readonly type: 'proposal';
      readonly payload: ProposalPayload;
      readonly block: EncodedBlock;
      /** Justification at round > 0: round-change payloads of (height, round). Empty at round 0. */
      readonly roundChanges: readonly RoundChangePayload[];
      /** Justification of a re-proposed block: prepares of the highest prepared round. Empty otherwise. */
      readonly prepares: readonly PreparePayload[];
    }
  | { readonly type: 'prepare'; readonly payload: PreparePayload }
  | { readonly type: 'commit'; readonly payload: CommitPayload }
  | {
      readonly type: 'round-change';
      readonly payload: RoundChangePayload;
      /** The prepared certificate: the block and its prepares; null and empty when not prepared. */
      readonly block: EncodedBlock | null;
      readonly prepares: readonly PreparePayload[];
    };

const votedFields = {
  author: publicKey32,
  height: heightNumber,
  round: roundNumber,
  digest: digest32,
  signature: signature64,
};
const votedCodec = struct<PreparePayload>(votedFields);
export const roundChangePayloadCodec: Codec<RoundChangePayload> = struct<RoundChangePayload>({
  author: publicKey32,
  height: heightNumber,
  round: roundNumber,
  preparedRound: nullable(roundNumber),
  preparedDigest: nullable(digest32),
  signature: signature64,
});
export const encodedBlockCodec: Codec<EncodedBlock> = embedded(blockCodec, blockBytesMax + 64 * 1024);
export const preparesCodec = list(votedCodec, validatorsMax);

export const consensusMessageCodec: Codec<ConsensusMessage> = variant<ConsensusMessage>({
  proposal: struct<Omit<Extract<ConsensusMessage, { type: 'proposal' }>, 'type'>>({
    payload: votedCodec,
    block: encodedBlockCodec,
    roundChanges: list(roundChangePayloadCodec, validatorsMax),
    prepares: preparesCodec,
  }),
  prepare: struct<{ payload: PreparePayload }>({ payload: votedCodec }),
  commit: struct<{ payload: CommitPayload }>({ payload: votedCodec }),
  'round-change': struct<Omit<Extract<ConsensusMessage, { type: 'round-change' }>, 'type'>>({
    payload: roundChangePayloadCodec,
    block: nullable(encodedBlockCodec),
    prepares: preparesCodec,
  }),
});

type UnsignedVote = Pick<PreparePayload, 'height' | 'round' | 'digest'>;
type UnsignedRoundChange = Pick<RoundChangePayload, 'height' | 'round' | 'preparedRound' | 'preparedDigest'>;

/** The content of a payload before it is signed by its author. */
export type UnsignedPayload =
  | ({ readonly kind: 'proposal' | 'prepare' | 'commit' } & UnsignedVote)
  | ({ readonly kind: 'round-change' } & UnsignedRoundChange);

const voteBody = struct<UnsignedVote>({ height: heightNumber, round: roundNumber, digest: digest32 });
const roundChangeBody = struct<UnsignedRoundChange>({
  height: heightNumber,
  round: roundNumber,
  preparedRound: nullable(roundNumber),
  preparedDigest: nullable(digest32),
});

/** What the author of a payload signs: domain of its kind, chain id, content. */
export function payloadSigningBytes(chain: ChainId, payload: UnsignedPayload): Uint8Array {
  switch (payload.kind) {
    case 'proposal':
      return signingBytes('bpci/proposal/v1', chain, encode(voteBody, payload));
    case 'prepare':
      return signingBytes('bpci/prepare/v1', chain, encode(voteBody, payload));
    case 'commit':
      return commitSigningBytes(chain, payload.height, payload.round, payload.digest);
    case 'round-change':
      return signingBytes('bpci/round-change/v1', chain, encode(roundChangeBody, payload));
  }
}
