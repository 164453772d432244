/** Votes of validators on one proposal; shared by validator changes and governance. */
import type { PublicKey } from '../../shared/brands.ts';
import { type Codec, list, publicKey32, struct, uint } from '../../shared/codec.ts';
import { validatorsMax } from '../block.ts';
import type { ValidatorSet } from '../validator-set.ts';

/** Open proposals of one proposer at most. */
export const proposalsPerProposerMax = 4;

export interface Ballot {
  readonly proposer: PublicKey;
  /** In the order of voting. Sets change: members of an earlier set may be among them. */
  readonly approvals: readonly PublicKey[];
  readonly rejections: readonly PublicKey[];
  /** The proposal lapses at the end of this block. */
  readonly lapseHeight: number;
}

// Voters of several sets may add up before a ballot lapses.
const voters = list(publicKey32, validatorsMax * 8);

export const ballotCodec: Codec<Ballot> = struct<Ballot>({
  proposer: publicKey32,
  approvals: voters,
  rejections: voters,
  lapseHeight: uint,
});

export type BallotStatus = 'open' | 'passed' | 'rejected';

export const isMember = (set: ValidatorSet, key: PublicKey): boolean =>
  set.validators.some((validator) => validator.publicKey === key);

/** A proposer who is a validator approves by proposing. */
export const openBallot = (proposer: PublicKey, set: ValidatorSet, lapseHeight: number): Ballot => ({
  proposer,
  approvals: isMember(set, proposer) ? [proposer] : [],
  rejections: [],
  lapseHeight,
});

/** The ballot with one more vote, or undefined where the voter has voted. */
export function castVote(ballot: Ballot, voter: PublicKey, approve: boolean): Ballot | undefined {
  if (ballot.approvals.includes(voter) || ballot.rejections.includes(voter)) return undefined;
  return approve
    ? { ...ballot, approvals: [...ballot.approvals, voter] }
    : { ...ballot, rejections: [...ballot.rejections, voter] };
}

/** Only votes of members of the set that decides the block count. Rejected: a quorum of approvals has become impossible. */
export function ballotStatus(ballot: Ballot, set: ValidatorSet): BallotStatus {
  const count = (keys: readonly PublicKey[]): number => keys.filter((key) => isMember(set, key)).length;
  if (count(ballot.approvals) >= set.quorum) return 'passed';
  return count(ballot.rejections) > set.validators.length - set.quorum ? 'rejected' : 'open';
}
