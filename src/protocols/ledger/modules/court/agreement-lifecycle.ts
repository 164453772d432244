/**
 * Transitions of an agreement: Draft → Offered → Signed → Active → Suspended | Expired | Terminated | Superseded, or
 * Lapsed before it was active. Each state has a moment at which it ends by itself. Source: court design, "Agreement".
 */
import type { Digest } from '../../../shared/brands.ts';
import { invariant } from '../../../shared/errors.ts';
import type { BlockContext } from '../../module.ts';
import type { ReadView, View } from '../../view.ts';
import { readService } from '../registry.ts';
import {
  agreementEvent,
  countPending,
  type AgreementRecord,
  type AgreementState,
  areTenantsFree,
  claimTenants,
  isFunded,
  isSignedByAll,
  recordOf,
  termsOf,
  writeAgreement,
} from './agreement-state.ts';
import type { AgreementTerms } from './agreement-terms.ts';
import { liftConstraints } from './constraints.ts';
import { cancelDue, courtTime, type Due, scheduleDue } from './court-clock.ts';
import { releaseEscrow } from './escrow.ts';

const awaitsParties: readonly AgreementState[] = ['draft', 'offered', 'signed'];
export const isInForce = ({ state }: AgreementRecord): boolean => state === 'active' || state === 'suspended';

const noConsents = { purpose: 'none', consents: [] } as const;

/** Writes the record in another state, with the deadline of that state in the place of the old one. */
export function enterState(
  view: View,
  id: Digest,
  record: AgreementRecord,
  state: AgreementState,
  due: Due | null,
): AgreementRecord {
  cancelDue(view, record.due);
  const next = { ...record, ...noConsents, state, due };
  writeAgreement(view, id, next);
  if (state !== record.state) agreementEvent(view, state, id, { from: record.state });
  return next;
}

const acceptanceDue = (view: View, context: BlockContext, id: Digest, { acceptWithinMs }: AgreementTerms): Due =>
  scheduleDue(view, 'agreements', 'court', courtTime(view, context) + acceptWithinMs, id);

/** Enters a state that waits for the parties. */
export const awaitParties = (
  view: View,
  context: BlockContext,
  id: Digest,
  record: AgreementRecord,
  state: 'draft' | 'offered' | 'signed',
): AgreementRecord => enterState(view, id, record, state, acceptanceDue(view, context, id, termsOf(view, id)));

/** Ends what never became active; the escrow goes back. */
export function lapse(view: View, id: Digest, record: AgreementRecord, reason: string): void {
  releaseEscrow(view, id, termsOf(view, id));
  countPending(view, record.drafter, -1);
  writeAgreement(view, id, { ...enterState(view, id, record, 'lapsed', null), isSettled: true });
  agreementEvent(view, 'lapse-reason', id, { reason });
}

/** Whether everything is there but, perhaps, the day. */
function areConditionsMet(view: ReadView, id: Digest, record: AgreementRecord, terms: AgreementTerms): boolean {
  return (
    isSignedByAll(terms, record.signatures) &&
    isFunded(view, id, terms) &&
    terms.conditions.every((condition) => record.confirmed.includes(condition.id)) &&
    terms.bindings.clusters.every((cluster) => readService(view, cluster) !== undefined)
  );
}

/** Moves a signed agreement on as far as its conditions let it. Returns whether they are met. */
export function activateIfReady(view: View, context: BlockContext, id: Digest): boolean {
  const record = recordOf(view, id);
  const terms = termsOf(view, id);
  invariant(record.state === 'signed', 'only what is signed becomes active');
  if (context.time >= terms.expires) {
    lapse(view, id, record, 'expired');
    return false;
  }
  // Whose names are bound cannot be mended: a name belongs to one account for good.
  if (!areTenantsFree(view, terms)) {
    lapse(view, id, record, 'tenant-taken');
    return false;
  }
  if (!areConditionsMet(view, id, record, terms)) return false;
  if (context.time < terms.effective) {
    const due = scheduleDue(view, 'agreements', 'time', terms.effective, id);
    enterState(view, id, record, 'signed', due);
    return true;
  }
  if (terms.previous !== null) {
    const previous = recordOf(view, terms.previous);
    if (!isInForce(previous)) {
      lapse(view, id, record, 'previous-not-in-force');
      return false;
    }
    endAgreement(view, context, terms.previous, previous, 'superseded');
  }
  const due = scheduleDue(view, 'agreements', 'time', terms.expires, id);
  claimTenants(view, terms);
  countPending(view, record.drafter, -1);
  const active = { ...record, activeSince: context.time };
  enterState(view, id, active, 'active', due);
  return true;
}

/** An agreement in force ends; its escrow stays for the claim period and for the cases that are open. */
export function endAgreement(
  view: View,
  context: BlockContext,
  id: Digest,
  record: AgreementRecord,
  state: 'expired' | 'terminated' | 'superseded',
): void {
  const { claimPeriodMs, expires } = termsOf(view, id);
  const due = scheduleDue(view, 'agreements', 'court', courtTime(view, context) + claimPeriodMs, id);
  const endedAt = Math.min(context.time, expires);
  enterState(view, id, { ...record, endedAt, terminatesAt: 0 }, state, due);
}

/** Suspends, for the term that the agreement allows. */
export function suspend(view: View, context: BlockContext, id: Digest, record: AgreementRecord): void {
  const until = courtTime(view, context) + termsOf(view, id).suspensionMaxMs;
  enterState(view, id, record, 'suspended', scheduleDue(view, 'agreements', 'court', until, id));
}

/** A suspension is over. The agreement may have expired, or been given notice of, meanwhile. */
export function resume(view: View, context: BlockContext, id: Digest, record: AgreementRecord): void {
  const { expires } = termsOf(view, id);
  if (context.time >= expires) {
    endAgreement(view, context, id, record, 'expired');
    return;
  }
  const until = record.terminatesAt === 0 ? expires : Math.min(expires, record.terminatesAt);
  if (context.time >= until) endAgreement(view, context, id, record, 'terminated');
  else enterState(view, id, record, 'active', scheduleDue(view, 'agreements', 'time', until, id));
}

/** After the claim period, once no case is open. */
function settle(view: View, id: Digest, record: AgreementRecord): void {
  releaseEscrow(view, id, termsOf(view, id));
  liftConstraints(view, id, 'case/');
  writeAgreement(view, id, { ...record, due: null, isSettled: true });
  agreementEvent(view, 'settled', id);
}

/** A case about the agreement is opened: its escrow stays until it is closed. */
export function countCase(view: View, id: Digest): void {
  const record = recordOf(view, id);
  writeAgreement(view, id, { ...record, openCases: record.openCases + 1 });
}

/** A case is closed. What waited for the last one happens. */
export function discountCase(view: View, id: Digest): void {
  const record = recordOf(view, id);
  invariant(record.openCases > 0, 'a case that was counted is closed');
  const next = { ...record, openCases: record.openCases - 1 };
  if (next.openCases === 0 && next.isSettled) settle(view, id, next);
  else writeAgreement(view, id, next);
}

/** The day on which a signed agreement takes effect has come, or the time to meet its conditions is over. */
function uponSignedDue(view: View, context: BlockContext, id: Digest, isEffectiveDay: boolean): void {
  if (activateIfReady(view, context, id)) return;
  const record = recordOf(view, id);
  if (record.state !== 'signed') return;
  if (isEffectiveDay) awaitParties(view, context, id, record, 'signed');
  else lapse(view, id, record, 'deadline');
}

/** What happens to an agreement by itself when its deadline has come. */
export function onAgreementDue(view: View, context: BlockContext, id: Digest): void {
  const before = recordOf(view, id);
  const record = { ...before, due: null };
  writeAgreement(view, id, record);
  const { expires } = termsOf(view, id);
  if (record.state === 'active') {
    endAgreement(view, context, id, record, context.time >= expires ? 'expired' : 'terminated');
  } else if (record.state === 'suspended') resume(view, context, id, record);
  else if (record.state === 'signed') uponSignedDue(view, context, id, before.due?.id.order === 'time');
  else if (awaitsParties.includes(record.state)) lapse(view, id, record, 'deadline');
  else if (record.openCases === 0) settle(view, id, record);
  else writeAgreement(view, id, { ...record, isSettled: true });
}
