/**
 * What is open before the court, when its time is over, and what happens then by itself. Source: court design, "Dispute": every
 * state has a deadline and a default transition.
 */
import { type AgreementRecord, type AgreementState, allAgreements } from '../ledger/modules/court/agreement-state.ts';
import { allCases, type CaseRecord, type CaseStage } from '../ledger/modules/court/case-state.ts';
import { type Due, outagesBefore } from '../ledger/modules/court/court-clock.ts';
import type { ReadView } from '../ledger/view.ts';
import type { Digest } from '../shared/brands.ts';

export interface Deadline {
  /** What it is counted in: a block's height, header time, or header time less all outages. */
  readonly order: Due['id']['order'];
  readonly at: number;
  /** Header time at which it comes where no outage comes before, ms since 1970; null for a height. */
  readonly expectedAt: number | null;
  /** What happens by itself then. */
  readonly then: string;
}

/** By the stage that a case is in. */
const afterStage: Readonly<Record<CaseStage, string>> = {
  cure: 'negotiation begins',
  negotiation: 'the claim can be filed',
  filing: 'the case is closed: nothing was filed',
  response: 'the claim stands as filed: a missed response decides it',
  evidence: 'the evidence rule decides a small claim, else a panel is drawn',
  'panel-draw': 'the panel is drawn from the beacons',
  challenge: 'voting begins, or free seats are drawn for',
  commit: 'who has not committed loses a part of the bond; a quorum goes on',
  reveal: 'the votes revealed are counted',
  appeal: 'the ruling is final',
  enforcement: 'what nobody confirmed escalates',
  closed: 'nothing',
};

/** By the state that an agreement is in. */
const afterState: Readonly<Record<AgreementState, string>> = {
  draft: 'it lapses',
  offered: 'it lapses',
  signed: 'it takes effect where its conditions are met, else it lapses',
  active: 'it ends',
  suspended: 'it is in force again, or ends',
  expired: 'claims are over and the escrow goes back',
  terminated: 'claims are over and the escrow goes back',
  superseded: 'claims are over and the escrow goes back',
  lapsed: 'nothing',
};

const deadlineOf = (view: ReadView, { at, id: { order } }: Due, then: string): Deadline => ({
  order,
  at,
  expectedAt: order === 'height' ? null : order === 'time' ? at : at + outagesBefore(view),
  then,
});

export const caseDeadline = (view: ReadView, { due, stage }: CaseRecord): Deadline | null =>
  due === null ? null : deadlineOf(view, due, afterStage[stage]);

export const agreementDeadline = (view: ReadView, { due, state }: AgreementRecord): Deadline | null =>
  due === null ? null : deadlineOf(view, due, afterState[state]);

export interface OpenDeadline extends Deadline {
  readonly of: 'agreement' | 'case';
  readonly id: Digest;
  /** State of the agreement, or stage of the case. */
  readonly in: string;
}

/** Everything that waits, the next first; heights last. */
export function openDeadlines(view: ReadView): readonly OpenDeadline[] {
  const found: OpenDeadline[] = [];
  for (const [id, record] of allCases(view)) {
    const deadline = caseDeadline(view, record);
    if (deadline !== null) found.push({ of: 'case', id, in: record.stage, ...deadline });
  }
  for (const [id, record] of allAgreements(view)) {
    const deadline = agreementDeadline(view, record);
    if (deadline !== null) found.push({ of: 'agreement', id, in: record.state, ...deadline });
  }
  const last = Number.MAX_SAFE_INTEGER;
  return found.sort((a, b) => (a.expectedAt ?? last) - (b.expectedAt ?? last));
}
