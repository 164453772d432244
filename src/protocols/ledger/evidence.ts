/**
 * Evidence of misbehaviour in consensus: two signed payloads of one validator that a correct one never signs both.
 * Source: consensus design, "Validator set".
 */
import type { CommitPayload, PayloadKind, RoundChangePayload, UnsignedPayload } from '../ibft/messages.ts';
import { payloadSigningBytes } from '../ibft/messages.ts';
import type { ChainId, Digest, Height, PublicKey, Round } from '../shared/brands.ts';
import {
  type JsonCodec,
  jsonBytesExact,
  jsonDigest,
  jsonKey,
  jsonNullable,
  jsonStruct,
  jsonUint,
  jsonVariant,
} from './json-codec.ts';
import type { SignatureRule } from './module.ts';

interface Voted {
  readonly height: Height;
  readonly round: Round;
  readonly digest: Digest;
  readonly signature: Uint8Array;
}

/** A consensus payload as its author signed it, without what travels beside it. */
export type EvidencePayload =
  | ({ readonly type: 'proposal' } & Voted)
  | ({ readonly type: 'prepare' } & Voted)
  | ({ readonly type: 'commit' } & Voted)
  | {
      readonly type: 'round-change';
      readonly height: Height;
      readonly round: Round;
      readonly preparedRound: Round | null;
      readonly preparedDigest: Digest | null;
      readonly signature: Uint8Array;
    };

export interface Evidence {
  readonly offender: PublicKey;
  readonly first: EvidencePayload;
  readonly second: EvidencePayload;
}

const jsonHeight = jsonUint() as unknown as JsonCodec<Height>;
const jsonRound = jsonUint(0x7fffffff) as unknown as JsonCodec<Round>;
const voted = jsonStruct<Voted>({
  height: jsonHeight,
  round: jsonRound,
  digest: jsonDigest,
  signature: jsonBytesExact(64),
});
type RoundChange = Omit<Extract<EvidencePayload, { type: 'round-change' }>, 'type'>;
const roundChange = jsonStruct<RoundChange>({
  height: jsonHeight,
  round: jsonRound,
  preparedRound: jsonNullable(jsonRound),
  preparedDigest: jsonNullable(jsonDigest),
  signature: jsonBytesExact(64),
});
export const evidencePayloadCodec: JsonCodec<EvidencePayload> = jsonVariant<EvidencePayload>({
  proposal: voted,
  prepare: voted,
  commit: voted,
  'round-change': roundChange,
});

export const evidenceCodec: JsonCodec<Evidence> = jsonStruct<Evidence>({
  offender: jsonKey,
  first: evidencePayloadCodec,
  second: evidencePayloadCodec,
});

/** A payload without its author, who is named beside it. */
export function evidencePayload(kind: PayloadKind, payload: CommitPayload | RoundChangePayload): EvidencePayload {
  const { author: _author, ...content } = payload;
  return { type: kind, ...content } as EvidencePayload;
}

const isSameContent = (a: EvidencePayload, b: EvidencePayload): boolean => {
  if (a.type === 'round-change') {
    return b.type === a.type && a.preparedRound === b.preparedRound && a.preparedDigest === b.preparedDigest;
  }
  return b.type === a.type && a.digest === b.digest;
};

const isAmnesia = (commit: EvidencePayload, change: EvidencePayload): boolean =>
  commit.type === 'commit' &&
  change.type === 'round-change' &&
  change.round > commit.round &&
  (change.preparedRound === null || change.preparedRound < commit.round);

/**
 * What the two payloads prove, signatures aside. Equivocation: one kind for one height and round with different
 * content. Amnesia: Commit(H, r), and RoundChange(H, r′ > r) whose preparedRound is absent or below r.
 */
export function classifyEvidence({ first, second }: Evidence): 'equivocation' | 'amnesia' | undefined {
  if (first.height !== second.height) return undefined;
  if (isAmnesia(first, second) || isAmnesia(second, first)) return 'amnesia';
  const isOneSlot = first.type === second.type && first.round === second.round;
  return isOneSlot && !isSameContent(first, second) ? 'equivocation' : undefined;
}

const unsigned = (payload: EvidencePayload): UnsignedPayload =>
  payload.type === 'round-change'
    ? { kind: 'round-change', ...content(payload) }
    : { kind: payload.type, height: payload.height, round: payload.round, digest: payload.digest };

const content = ({ height, round, preparedRound, preparedDigest }: RoundChange): Omit<RoundChange, 'signature'> => ({
  height,
  round,
  preparedRound,
  preparedDigest,
});

/** Whether this key signed the payload on this chain. */
export const isPayloadSigned = (
  chain: ChainId,
  author: PublicKey,
  payload: EvidencePayload,
  signatures: Pick<SignatureRule, 'verify'>,
): boolean => signatures.verify(author, payloadSigningBytes(chain, unsigned(payload)), payload.signature);

/** Whether the offender signed both payloads on this chain. */
export const isEvidenceSigned = (
  chain: ChainId,
  { offender, first, second }: Evidence,
  signatures: SignatureRule,
): boolean => [first, second].every((payload) => isPayloadSigned(chain, offender, payload, signatures));
