/** Why the machine did not take an input. Counted per delivering link. Source: consensus design, rule 14. */
import type { Verdict } from '../shared/errors.ts';

/** Nothing wrong, nothing changed (except where a reason says so). */
type IgnoredReason =
  | 'past-height'
  | 'height-too-far'
  | 'not-yet-member'
  | 'past-round'
  | 'round-too-far'
  | 'duplicate'
  | 'superseded'
  | 'decided'
  | 'share-full'
  | 'stale'
  | 'not-needed'
  | 'sign-refused';

/** What a correct peer never delivers. */
export type RejectedReason =
  | 'unknown-author'
  | 'not-the-proposer'
  | 'wrong-header-proposer'
  | 'wrong-chain'
  | 'wrong-block-height'
  | 'wrong-parent'
  | 'digest-mismatch'
  | 'justification-at-round-0'
  | 'round-change-to-round-0'
  | 'no-round-change-quorum'
  | 'round-change-wrong-height'
  | 'round-change-wrong-round'
  | 'round-change-unknown-author'
  | 'round-change-duplicate-author'
  | 'prepared-half-present'
  | 'prepared-round-not-below'
  | 'unexpected-certificate'
  | 'certificate-block-missing'
  | 'no-prepare-quorum'
  | 'prepare-wrong-height'
  | 'prepare-wrong-round'
  | 'prepare-wrong-digest'
  | 'prepare-unknown-author'
  | 'prepare-duplicate-author'
  | 'proposal-not-highest-prepared'
  | 'equivocation'
  | 'invalid-block';

export type MachineVerdict = Verdict<IgnoredReason, RejectedReason>;
