/**
 * The `court` module: cases about agreements, from the notice of a breach to its end. Each stage ends by itself when
 * its time is over; nothing can hang. Source: court design, "Dispute".
 */
import type { Digest } from '../../../shared/brands.ts';
import { invariant } from '../../../shared/errors.ts';
import { takeDueDeadlines } from '../../deadline-queue.ts';
import type { Genesis } from '../../genesis.ts';
import type { BlockContext, LedgerModule } from '../../module.ts';
import type { View } from '../../view.ts';
import { seedHolding } from '../accounts.ts';
import { onAgreementDue } from './agreement-lifecycle.ts';
import { bondHolding, registerArbitrator, seedArbitrator } from './arbitrators.ts';
import { keepBeacon } from './beacons.ts';
import { noticeBreach } from './breach.ts';
import { caseOf, type CaseRecord, type CaseStage, enterStage } from './case-state.ts';
import { courtTime, recordOutage } from './court-clock.ts';
import { disputeKinds, onEvidenceDue, onResponseDue } from './dispute.ts';
import { confirmAction } from './enforcement.ts';
import { writeJurisdiction } from './jurisdictions.ts';
import { onChallengeDue, onDrawDue } from './panel-draw.ts';
import { close, endEnforcement, finalise } from './ruling.ts';
import { onCommitDue, onRevealDue, panelKinds } from './voting.ts';

type Default = (view: View, context: BlockContext, id: Digest, record: CaseRecord) => void;

/** What happens to a case by itself when the deadline of its stage comes. */
const defaults: Readonly<Record<Exclude<CaseStage, 'closed'>, Default>> = {
  cure: (view, context, id, record) => enterStage(view, context, id, record, 'negotiation'),
  negotiation: (view, context, id, record) => enterStage(view, context, id, record, 'filing'),
  filing: (view, _context, id, record) => close(view, id, record, 'not-filed'),
  response: onResponseDue,
  evidence: onEvidenceDue,
  'panel-draw': onDrawDue,
  challenge: onChallengeDue,
  commit: onCommitDue,
  reveal: onRevealDue,
  appeal: (view, context, id, record) => {
    invariant(record.ruling !== null, 'what can be appealed was ruled');
    finalise(view, context, id, record, record.ruling);
  },
  enforcement: (view, _context, id) => endEnforcement(view, id),
};

function onCaseDue(view: View, context: BlockContext, id: Digest): void {
  const record = caseOf(view, id);
  invariant(record.stage !== 'closed' && record.due !== null, 'a deadline belongs to a case that is open');
  defaults[record.stage](view, context, id, record);
}

/** Deadlines in the court's time, then the outage that this block ended, then its beacon. */
function endBlock(view: View, context: BlockContext): void {
  for (const { module, subject } of takeDueDeadlines(view, 'court', courtTime(view, context))) {
    if (module === 'agreements') onAgreementDue(view, context, subject as Digest);
    else onCaseDue(view, context, subject as Digest);
  }
  recordOutage(view, context);
  keepBeacon(view, context);
}

function genesis({ court }: Genesis, view: View): void {
  if (court === undefined) return;
  for (const jurisdiction of court.jurisdictions) writeJurisdiction(view, jurisdiction);
  for (const { account, bond, ...profile } of court.arbitrators) {
    seedHolding(view, account, bondHolding(account), bond);
    seedArbitrator(view, account, profile);
  }
}

export const courtModule: LedgerModule = {
  name: 'court',
  kinds: new Map([
    ['register-arbitrator', registerArbitrator],
    ['notice-breach', noticeBreach],
    ...disputeKinds,
    ...panelKinds,
    ['confirm-action', confirmAction((id, view) => endEnforcement(view, id))],
  ]),
  genesis,
  // Of order `height`: the beacons of a draw are there.
  onDeadline: ({ subject }, view, context) => onCaseDue(view, context, subject as Digest),
  endBlock,
};
