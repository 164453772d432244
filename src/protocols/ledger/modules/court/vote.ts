/** Votes of arbitrators, their commitments, and what a panel's votes add up to. Source: court design, "Vote". */
import type { ChainId, Digest, PublicKey } from '../../../shared/brands.ts';
import {
  bytesExact,
  chainId32,
  type Codec,
  digest32,
  encode,
  list,
  publicKey32,
  struct,
  uint,
} from '../../../shared/codec.ts';
import { taggedHash } from '../../../shared/hash.ts';
import {
  jsonAmount,
  jsonChoice,
  type JsonCodec,
  jsonDigest,
  jsonList,
  jsonStruct,
  jsonUint,
} from '../../json-codec.ts';

export interface Vote {
  readonly decision: 'breach' | 'partial' | 'no-breach';
  /** Minor units. */
  readonly penalty: bigint;
  /** Of the agreement's enforcement rules, by index: ascending. */
  readonly actions: readonly number[];
  /** Of the reasons, which are kept off chain. */
  readonly reasons: Digest;
}

export const voteCodec: JsonCodec<Vote> = jsonStruct<Vote>({
  decision: jsonChoice('breach', 'partial', 'no-breach'),
  penalty: jsonAmount,
  actions: jsonList(jsonUint(15), 16),
  reasons: jsonDigest,
});

/** Why a vote is none that the agreement allows, or null. */
export function voteProblem(
  { actions, penalty, decision }: Vote,
  { enforcementRules }: { readonly enforcementRules: readonly unknown[] },
): 'bad-actions' | 'penalty-without-breach' | null {
  const isOrdered = actions.every((action, at) => at === 0 || action > (actions[at - 1] ?? action));
  if (!isOrdered || actions.some((action) => action >= enforcementRules.length)) return 'bad-actions';
  return decision === 'no-breach' && (penalty > 0n || actions.length > 0) ? 'penalty-without-breach' : null;
}

export interface Commitment {
  readonly chain: ChainId;
  readonly caseId: Digest;
  /** Of the panel: counts every draw of the case. */
  readonly round: number;
  readonly arbitrator: PublicKey;
  readonly vote: Vote;
  /** 32 random bytes: there are few votes, and they could be guessed. */
  readonly salt: Uint8Array;
}

const commitmentCodec: Codec<Commitment> = struct<Commitment>({
  chain: chainId32,
  caseId: digest32,
  round: uint,
  arbitrator: publicKey32,
  vote: voteCodec,
  salt: bytesExact(32),
});

/** What an arbitrator commits to before anybody reveals. */
export const voteCommitment = (commitment: Commitment): Digest =>
  taggedHash('bpci/court-vote/v1', encode(commitmentCodec, commitment));

/** How many votes a panel of some size needs. */
export interface PanelRules {
  readonly size: number;
  readonly quorum: number;
  readonly decisionThreshold: number;
}

const ceilingOf = (numerator: number, denominator: number): number => Math.ceil(numerator / denominator);

/**
 * Rules of a panel of `size`, in the proportion that an agreement asks for of its own: an appeal's is larger, one that
 * too few are eligible for is smaller. A decision always takes more than half.
 */
export function panelRules(
  size: number,
  agreed: { panelSize: number; quorum: number; decisionThreshold: number },
): PanelRules {
  const { panelSize, quorum, decisionThreshold } = agreed;
  const decision = Math.max(Math.floor(size / 2) + 1, ceilingOf(size * decisionThreshold, panelSize));
  return { size, decisionThreshold: decision, quorum: Math.max(decision, ceilingOf(size * quorum, panelSize)) };
}

export interface CastVote {
  readonly arbitrator: PublicKey;
  readonly vote: Vote;
}

/** What a panel has decided. */
export interface PanelDecision {
  readonly decision: Vote['decision'];
  /** Lower median of the prevailing votes, at most `penaltyMax`. */
  readonly penalty: bigint;
  readonly actions: readonly number[];
  readonly reasons: Digest;
  /** Who voted otherwise. */
  readonly dissent: readonly PublicKey[];
}

/** The middle one; of two in the middle the lower. */
export function lowerMedian(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0n;
}

const reasonsCodec = list(digest32, 64);

/**
 * The decision of the votes revealed, or `no-quorum`, or `no-majority`. Who sees a breach and who sees a part of one
 * agree that there is one: together they make a partial breach where neither has the votes alone.
 */
export function tally(
  votes: readonly CastVote[],
  { quorum, decisionThreshold }: PanelRules,
  penaltyMax: bigint,
): PanelDecision | 'no-quorum' | 'no-majority' {
  if (votes.length < quorum) return 'no-quorum';
  const of = (...decisions: Vote['decision'][]): readonly CastVote[] =>
    votes.filter(({ vote }) => decisions.includes(vote.decision));
  const outcomes: readonly (readonly [Vote['decision'], readonly CastVote[]])[] = [
    ['breach', of('breach')],
    ['no-breach', of('no-breach')],
    ['partial', of('breach', 'partial')],
  ];
  const prevailing = outcomes.find(([, group]) => group.length >= decisionThreshold);
  if (prevailing === undefined) return 'no-majority';
  const [decision, group] = prevailing;
  const median = decision === 'no-breach' ? 0n : lowerMedian(group.map(({ vote }) => vote.penalty));
  const wanted = new Map<number, number>();
  for (const { vote } of group) for (const action of vote.actions) wanted.set(action, (wanted.get(action) ?? 0) + 1);
  const ordered = [...wanted].filter(([, count]) => count >= decisionThreshold).map(([action]) => action);
  const reasons = group.map(({ vote }) => vote.reasons);
  return {
    decision,
    penalty: median < penaltyMax ? median : penaltyMax,
    actions: decision === 'no-breach' ? [] : ordered.sort((a, b) => a - b),
    reasons: taggedHash('bpci/court-reasons/v1', encode(reasonsCodec, reasons)),
    dissent: votes.filter((vote) => !group.includes(vote)).map(({ arbitrator }) => arbitrator),
  };
}
