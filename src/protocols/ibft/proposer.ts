/** Who proposes. Source: consensus design, rule 1. */
import type { PublicKey, Round } from '../shared/brands.ts';
import { invariant } from '../shared/errors.ts';
import type { ValidatorSet } from '../ledger/validator-set.ts';

/**
 * Index b of round 0's proposer: 0 after the genesis, else that of the first key above the parent's proposer, wrapping.
 * The parent's proposer need not be in the set any longer.
 */
export function firstProposerIndex(set: ValidatorSet, parentProposer: PublicKey | null): number {
  if (parentProposer === null) return 0;
  const above = set.validators.findIndex((validator) => validator.publicKey > parentProposer);
  return above === -1 ? 0 : above;
}

/** proposer(H, r) = set[(b + r) mod n]. */
export const proposerIndex = (set: ValidatorSet, firstProposer: number, round: Round): number =>
  (firstProposer + round) % set.validators.length;

export function proposerKey(set: ValidatorSet, firstProposer: number, round: Round): PublicKey {
  const validator = set.validators[proposerIndex(set, firstProposer, round)];
  invariant(validator !== undefined, 'a validator set has at least one member');
  return validator.publicKey;
}
