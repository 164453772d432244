/** Membership and votes of a validator set. Source: consensus design, preamble. */
import type { ValidatorSet } from '../ledger/validator-set.ts';
import type { Digest, PublicKey } from '../shared/brands.ts';

/** Index of a key in the set, −1 where it is no member. */
export function memberIndex(set: ValidatorSet, key: PublicKey): number {
  let low = 0;
  let high = set.validators.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = set.validators[middle]?.publicKey;
    if (found === undefined || found === key) return found === undefined ? -1 : middle;
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Votes for one digest. The slots are one a validator, so every vote is a distinct validator's. */
export function votesFor<Vote extends { readonly digest: Digest }>(
  slots: readonly (Vote | null)[],
  digest: Digest,
): readonly Vote[] {
  const votes: Vote[] = [];
  for (const vote of slots) if (vote !== null && vote.digest === digest) votes.push(vote);
  return votes;
}

export function countFor(slots: readonly ({ readonly digest: Digest } | null)[], digest: Digest): number {
  let count = 0;
  for (const vote of slots) if (vote !== null && vote.digest === digest) count += 1;
  return count;
}
