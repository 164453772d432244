/** BreachNoticed: what may be noticed, by whom, once for each obligation and period. Source: court design, "Dispute". */
import type { Digest } from '../../../shared/brands.ts';
import { jsonDigest, jsonStruct, jsonUint } from '../../json-codec.ts';
import { kind, type Kind, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import type { ReadView, View } from '../../view.ts';
import { countCase } from './agreement-lifecycle.ts';
import { type AgreementRecord, dischargeKey, readDischarge, readStored, recordOf, termsOf } from './agreement-state.ts';
import { type AgreementTerms, jsonName, type Obligation, obligationOf, partyOf } from './agreement-terms.ts';
import { caseEvent, caseIdOf, type CaseRecord, enterStage, freezeRules, readCase } from './case-state.ts';
import { courtTime, isPast } from './court-clock.ts';
import { readJurisdiction } from './jurisdictions.ts';
import {
  decideByRule,
  keepStatements,
  type Statement,
  statementsCodec,
  statementsRefusal,
  type StatementSubject,
} from './statements.ts';

/** Open cases of one agreement at most. */
const openCasesMax = 32;

interface BreachNotice {
  readonly agreement: Digest;
  readonly obligation: string;
  /** From 0; 0 where the obligation is due once. */
  readonly period: number;
  /** With enough of them to prove the breach, anybody may give notice. */
  readonly statements: readonly Statement[];
  /** Of what the notice rests on. */
  readonly grounds: Digest;
}

/** Moments between which an obligation is owed in a period (header time, ms since 1970). */
export function periodOf(
  { timing }: Obligation,
  { effective, expires }: AgreementTerms,
  period: number,
): { readonly from: number; readonly to: number } | null {
  if (timing.type === 'by') return period === 0 ? { from: effective, to: timing.at } : null;
  const from = effective + period * timing.periodMs;
  if (!Number.isSafeInteger(from) || from >= expires) return null;
  return { from, to: Math.min(from + timing.periodMs, expires) };
}

/** Whether the version was in force when it is said to have been breached: for a moment of the period, or at its due date. */
function governs(
  { timing }: Obligation,
  { activeSince, endedAt }: AgreementRecord,
  { from, to }: { readonly from: number; readonly to: number },
): boolean {
  if (activeSince === 0) return false;
  if (timing.type === 'by') return activeSince <= to && (endedAt === 0 || endedAt >= to);
  return activeSince < to && (endedAt === 0 || endedAt > from);
}

/** Why no notice of this can be given now, or null. */
function noticeRefusal(body: BreachNotice, view: ReadView, context: TransactionContext): string | null {
  const { agreement: id, period } = body;
  const terms = termsOf(view, id);
  const record = recordOf(view, id);
  const obligation = obligationOf(terms, body.obligation);
  if (obligation === undefined) return 'unknown-obligation';
  const window = periodOf(obligation, terms, period);
  if (window === null) return 'no-such-period';
  const isDue = obligation.timing.type === 'by' ? context.time > window.to : context.time >= window.from;
  if (!isDue) return 'not-due-yet';
  if (!governs(obligation, record, window)) return 'not-in-force';
  // The only deadline of what has ended is that of the claim period.
  if (record.isSettled || (record.endedAt > 0 && isPast(record.due, courtTime(view, context)))) {
    return 'claim-period-over';
  }
  if (readDischarge(view, dischargeKey(id, body.obligation, period)) !== undefined) return 'discharged';
  if (readCase(view, caseIdOf(id, body.obligation, period)) !== undefined) return 'already-noticed';
  if (record.openCases >= openCasesMax) return 'too-many-cases';
  return statementsRefusal(body.statements, body, obligation, context);
}

function notice(body: BreachNotice, view: View, context: TransactionContext): Outcome {
  const refusal = noticeRefusal(body, view, context);
  if (refusal !== null) return refuse(refusal);
  const { agreement, obligation: name, period, statements, grounds } = body;
  const terms = termsOf(view, agreement);
  const obligation = obligationOf(terms, name);
  const rules = readJurisdiction(view, terms.jurisdiction);
  if (obligation === undefined || rules === undefined) return refuse('unknown-obligation');
  const id = caseIdOf(agreement, name, period);
  const { creditor, debtor } = obligation;
  freezeRules(view, id, rules);
  countCase(view, agreement);
  caseEvent(view, 'breach-noticed', id, { agreement, obligation: name, period: String(period), grounds });
  enterStage(view, context, id, newCase({ agreement, obligation: name, period }, creditor, debtor, context), 'cure');
  keepStatements(view, id, statements);
  return ok;
}

const newCase = (
  subject: StatementSubject,
  claimant: CaseRecord['claimant'],
  respondent: CaseRecord['respondent'],
  { time }: TransactionContext,
): CaseRecord => ({
  ...subject,
  claimant,
  respondent,
  stage: 'cure',
  due: null,
  noticedAt: time,
  claim: null,
  evidenceCount: 0,
  level: 0,
  panelSize: 0,
  round: 0,
  redraws: 0,
  isSecondPanel: false,
  drawOpenedAt: 0,
  candidatesRoot: null,
  feePayer: null,
  withdrawal: null,
  settlement: null,
  ruling: null,
  outcome: 'open',
});

/** Whether the statements alone prove the breach. */
function isProved(body: BreachNotice, obligation: Obligation, context: TransactionContext): boolean {
  const { evidenceRule } = obligation;
  const { statements } = body;
  if (evidenceRule === null || statements.length < evidenceRule.needed) return false;
  const values = statements.map(({ value }) => value);
  if (decideByRule(evidenceRule, values) !== 'breach') return false;
  return statementsRefusal(statements, body, obligation, context) === null;
}

const standing = (body: BreachNotice, view: ReadView, context: TransactionContext): readonly Role[] => {
  const terms = readStored(view, body.agreement)?.terms;
  if (terms === undefined) return [];
  const party = partyOf(terms, context.sender);
  const obligation = obligationOf(terms, body.obligation);
  if (obligation === undefined) return party === undefined ? [] : ['claimant'];
  if (party?.account === obligation.creditor) return ['claimant'];
  return isProved(body, obligation, context) ? ['proof-bearer'] : [];
};

export const noticeBreach: Kind<never> = kind<BreachNotice>({
  body: jsonStruct<BreachNotice>({
    agreement: jsonDigest,
    obligation: jsonName,
    period: jsonUint(2 ** 32),
    statements: statementsCodec,
    grounds: jsonDigest,
  }),
  relation: standing,
  execute: notice,
});
