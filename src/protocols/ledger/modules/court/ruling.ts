/** Rulings: given, final, enforced, and the end of a case. Source: court design, "Dispute" and "Ruling". */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import type { BlockContext } from '../../module.ts';
import type { View } from '../../view.ts';
import { heldFor, payFromHolding } from '../accounts.ts';
import { discountCase } from './agreement-lifecycle.ts';
import {
  caseEvent,
  caseOf,
  type CaseRecord,
  enterClosed,
  enterStage,
  feeHolding,
  rulesOf,
  type Ruling,
  writeCase,
} from './case-state.ts';
import { escalate, execute, orderActions } from './enforcement.ts';
import { dissolvePanel } from './panel-state.ts';

/** Gives back what no panel was paid. */
export function returnFee(view: View, id: Digest, { feePayer }: CaseRecord): void {
  const left = heldFor(view, feeHolding(id));
  if (left > 0n && feePayer !== null) payFromHolding(view, feeHolding(id), feePayer, left);
}

/** Ends a case: what nobody was paid goes back to who paid it in, and the escrow is free of it. */
export function close(view: View, id: Digest, record: CaseRecord, outcome: CaseRecord['outcome']): void {
  dissolvePanel(view, id);
  returnFee(view, id, record);
  enterClosed(view, id, { ...record, outcome, feePayer: null });
  caseEvent(view, 'closed', id, { outcome });
  discountCase(view, record.agreement);
}

/** Shares what is held for the panel among those who voted; what does not divide goes to the first. */
export function payPanel(view: View, id: Digest, voters: readonly PublicKey[]): void {
  const pot = heldFor(view, feeHolding(id));
  const [first] = voters;
  if (pot === 0n || first === undefined) return;
  const share = pot / BigInt(voters.length);
  for (const voter of voters) payFromHolding(view, feeHolding(id), voter, share);
  payFromHolding(view, feeHolding(id), first, pot - share * BigInt(voters.length));
}

/**
 * A ruling stands until somebody appeals in time. What the parties settled, what was dismissed, and what the last level
 * decided is final at once.
 */
export function giveRuling(view: View, context: BlockContext, id: Digest, record: CaseRecord, ruling: Ruling): void {
  dissolvePanel(view, id);
  const ruled = { ...record, ruling };
  writeCase(view, id, ruled);
  orderActions(view, id, ruled, ruling);
  const { decision, by, penalty, level } = ruling;
  caseEvent(view, 'ruling', id, { decision, by, penalty: penalty.toString(), level: String(level) });
  const isAppealable = decision !== 'settled' && decision !== 'dismissed' && level < rulesOf(view, id).appealsMax;
  if (isAppealable) enterStage(view, context, id, ruled, 'appeal');
  else finalise(view, context, id, ruled, ruling);
}

/** Nobody appealed, or nobody could. */
export function finalise(view: View, context: BlockContext, id: Digest, record: CaseRecord, ruling: Ruling): void {
  caseEvent(view, 'final', id, { decision: ruling.decision });
  if (ruling.decision === 'dismissed') close(view, id, record, 'dismissed');
  else if (ruling.decision === 'no-breach') close(view, id, record, 'no-breach');
  else if (execute(view, id, record, ruling)) enterStage(view, context, id, record, 'enforcement');
  else close(view, id, record, 'satisfied');
}

/** Ends a case for want of people, or of agreement among them. */
export const dismiss = (view: View, context: BlockContext, id: Digest, record: CaseRecord): void =>
  giveRuling(view, context, id, record, { ...rulingOf(record, context), decision: 'dismissed', by: 'nobody' });

/** A ruling of nothing, at this level and height. */
export const rulingOf = ({ level }: CaseRecord, { height }: BlockContext): Ruling => ({
  decision: 'no-breach',
  by: 'nobody',
  penalty: 0n,
  actions: [],
  reasons: null,
  votes: 0,
  seats: 0,
  dissent: [],
  level,
  height,
});

/** The services confirmed everything, or had their time. */
export function endEnforcement(view: View, id: Digest): void {
  const record = caseOf(view, id);
  close(view, id, record, escalate(view, id, record) ? 'escalated' : 'satisfied');
}
