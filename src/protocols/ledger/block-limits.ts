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
 * What is wrong with the parent's commit in a block, signatures aside, or null. One round by construction: seals of
 * different rounds are never added together.
 *
 * @param parentSet the set that decided the parent
 */
export function commitRefusal(
  commit: Commit | null,
  parentHeight: number,
  parentSet: ValidatorSet,
): CommitRefusal | null {
  if (parentHeight === 0) return commit === null ? null : 'commit-unexpected';
  if (commit === null) return 'commit-missing';
  const members = new Set<PublicKey>(parentSet.validators.map(({ publicKey }) => publicKey));
  for (const [index, { validator }] of commit.seals.entries()) {
    const before = commit.seals[index - 1];
    if (before !== undefined && before.validator >= validator) return 'commit-order';
    if (!members.has(validator)) return 'commit-not-member';
  }
  return commit.seals.length < parentSet.quorum ? 'commit-below-quorum' : null;
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
