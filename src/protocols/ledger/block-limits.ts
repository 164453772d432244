/** Size of a block's body and shape of the commit it carries. Source: ledger design, "Transaction"; consensus design, rule 7. */
import type { ChainId, Digest, Height, PublicKey } from '../shared/brands.ts';
import { encode, nullable } from '../shared/codec.ts';
import { type Commit, commitCodec, commitSigningBytes } from './block.ts';
import type { ValidatorSet } from './validator-set.ts';

const lengthPrefixBytes = 5;

/** What one transaction takes of a block's body, bytes. */
export const transactionBodyBytes = (transaction: Uint8Array): number => transaction.length + lengthPrefixBytes;

/** Size of a block's body, bytes: compared with `blockBytesMax`. */
export const bodyBytes = (transactions: readonly Uint8Array[], lastCommit: Commit | null): number =>
  transactions.reduce(
    (sum, transaction) => sum + transactionBodyBytes(transaction),
    lengthPrefixBytes + encode(nullable(commitCodec), lastCommit).length,
  );

export type CommitRefusal =
  | 'commit-missing'
  | 'commit-unexpected'
  | 'commit-order'
  | 'commit-not-member'
  | 'commit-below-quorum';

/**
 * Why a commit does not decide a block, signatures aside, or null: members only, each once, ascending, a quorum of
 * them. One round by construction: seals of different rounds are never added together.
 *
 * @param decidedHeight of the block that the commit is of; 0: genesis, which nobody seals
 * @param set the set that decides that block
 */
export function commitRefusal(commit: Commit | null, decidedHeight: number, set: ValidatorSet): CommitRefusal | null {
  if (decidedHeight === 0) return commit === null ? null : 'commit-unexpected';
  if (commit === null) return 'commit-missing';
  const members = new Set<PublicKey>(set.validators.map(({ publicKey }) => publicKey));
  for (const [index, { validator }] of commit.seals.entries()) {
    const before = commit.seals[index - 1];
    if (before !== undefined && before.validator >= validator) return 'commit-order';
    if (!members.has(validator)) return 'commit-not-member';
  }
  return commit.seals.length < set.quorum ? 'commit-below-quorum' : null;
}

export interface SealToVerify {
  readonly key: PublicKey;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** The signatures of a commit, for the caller to verify. `digest` is that of the sealed block. */
export function sealsToVerify(
  chain: ChainId,
  height: Height,
  digest: Digest,
  { round, seals }: Commit,
): readonly SealToVerify[] {
  const message = commitSigningBytes(chain, height, round, digest);
  return seals.map(({ validator, signature }) => ({ key: validator, message, signature }));
}
