/**
 * Whether a proposal or a round change is justified by what travels beside it. Source: consensus design, rules 2 to 5.
 * Signatures were checked before (`Verified`); everything else is checked here. Slots and bounds never apply inside
 * certificates.
 */
import { type Block, blockDigest } from '../ledger/block.ts';
import type { ValidatorSet } from '../ledger/validator-set.ts';
import type { ChainId, Digest, Height, Round } from '../shared/brands.ts';
import type { ProposalMessage, RoundChangeMessage } from './machine-types.ts';
import type { EncodedBlock, PreparePayload, RoundChangePayload } from './messages.ts';
import { memberIndex } from './quorum.ts';
import type { RejectedReason } from './verdicts.ts';

/** What a block at this height must say whoever proposes it. */
export interface BlockPlace {
  readonly chainId: ChainId;
  readonly height: Height;
  readonly parent: Digest;
}

// A digest is a function of the header alone, so remembering it by object changes no outcome.
const digests = new WeakMap<Block, Digest>();

export function digestOf(block: EncodedBlock): Digest {
  let digest = digests.get(block.value);
  if (digest === undefined) {
    digest = blockDigest(block.value.header);
    digests.set(block.value, digest);
  }
  return digest;
}

export function refusalOfBlock(place: BlockPlace, block: EncodedBlock, digest: Digest): RejectedReason | null {
  const { header } = block.value;
  if (header.chainId !== place.chainId) return 'wrong-chain';
  if (header.height !== place.height) return 'wrong-block-height';
  if (header.parent !== place.parent) return 'wrong-parent';
  return digestOf(block) === digest ? null : 'digest-mismatch';
}

/** At least a quorum of prepares of distinct validators for exactly (height, round, digest), and nothing else. */
function refusalOfPrepares(
  prepares: readonly PreparePayload[],
  set: ValidatorSet,
  certified: { readonly height: Height; readonly round: Round; readonly digest: Digest },
): RejectedReason | null {
  if (prepares.length < set.quorum) return 'no-prepare-quorum';
  const seen = new Set<number>();
  for (const prepare of prepares) {
    const index = memberIndex(set, prepare.author);
    if (index < 0) return 'prepare-unknown-author';
    if (seen.has(index)) return 'prepare-duplicate-author';
    seen.add(index);
    if (prepare.height !== certified.height) return 'prepare-wrong-height';
    if (prepare.round !== certified.round) return 'prepare-wrong-round';
    if (prepare.digest !== certified.digest) return 'prepare-wrong-digest';
  }
  return null;
}

/** preparedRound and preparedDigest both present or both absent, and below the round. */
function refusalOfPreparedClaim(payload: RoundChangePayload): RejectedReason | null {
  if ((payload.preparedRound === null) !== (payload.preparedDigest === null)) return 'prepared-half-present';
  if (payload.preparedRound !== null && payload.preparedRound >= payload.round) return 'prepared-round-not-below';
  return null;
}

/** Rule 5: a round change with its certificate, validated in full. */
export function refusalOfRoundChange(
  message: RoundChangeMessage,
  set: ValidatorSet,
  place: BlockPlace,
): RejectedReason | null {
  const { payload, block, prepares } = message;
  if (payload.round === 0) return 'round-change-to-round-0';
  const claim = refusalOfPreparedClaim(payload);
  if (claim !== null) return claim;
  if (payload.preparedRound === null || payload.preparedDigest === null)
    return block === null && prepares.length === 0 ? null : 'unexpected-certificate';
  if (block === null) return 'certificate-block-missing';
  const { height, preparedRound: round, preparedDigest: digest } = payload;
  return refusalOfBlock(place, block, digest) ?? refusalOfPrepares(prepares, set, { height, round, digest });
}

/** At least a quorum of round changes of distinct validators for exactly (height, round), each with a possible claim. */
function refusalOfRoundChangePayloads(
  payloads: readonly RoundChangePayload[],
  set: ValidatorSet,
  height: Height,
  round: Round,
): RejectedReason | null {
  if (payloads.length < set.quorum) return 'no-round-change-quorum';
  const seen = new Set<number>();
  for (const payload of payloads) {
    const index = memberIndex(set, payload.author);
    if (index < 0) return 'round-change-unknown-author';
    if (seen.has(index)) return 'round-change-duplicate-author';
    seen.add(index);
    if (payload.height !== height) return 'round-change-wrong-height';
    if (payload.round !== round) return 'round-change-wrong-round';
    const claim = refusalOfPreparedClaim(payload);
    if (claim !== null) return claim;
  }
  return null;
}

/** The highest preparedRound among round changes, or null where none is prepared. */
export function highestPreparedRound(payloads: readonly RoundChangePayload[]): Round | null {
  let highest: Round | null = null;
  for (const { preparedRound } of payloads)
    if (preparedRound !== null && (highest === null || preparedRound > highest)) highest = preparedRound;
  return highest;
}

/** Rules 2 and 3. The block's place and digest are checked apart (`refusalOfBlock`). */
export function justify(
  message: ProposalMessage,
  set: ValidatorSet,
): { readonly mode: 'fresh' | 're-proposed' } | { readonly refusal: RejectedReason } {
  const { payload, roundChanges, prepares } = message;
  const { height, round, digest } = payload;
  if (round === 0) {
    const isBare = roundChanges.length === 0 && prepares.length === 0;
    return isBare ? { mode: 'fresh' } : { refusal: 'justification-at-round-0' };
  }
  const refusal = refusalOfRoundChangePayloads(roundChanges, set, height, round);
  if (refusal !== null) return { refusal };
  const highest = highestPreparedRound(roundChanges);
  if (highest === null) return prepares.length === 0 ? { mode: 'fresh' } : { refusal: 'unexpected-certificate' };
  // A quorum prepares at most one digest a round, so a false claim beside a true one cannot carry another block.
  if (!roundChanges.some((claim) => claim.preparedRound === highest && claim.preparedDigest === digest))
    return { refusal: 'proposal-not-highest-prepared' };
  const refused = refusalOfPrepares(prepares, set, { height, round: highest, digest });
  return refused === null ? { mode: 're-proposed' } : { refusal: refused };
}
