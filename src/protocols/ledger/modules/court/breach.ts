/** BreachNoticed: what may be noticed, by whom, once for each obligation and period. Source: court design, "Dispute". */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { jsonDigest, jsonStruct, jsonUint } from '../../json-codec.ts';
import { kind, type Kind, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import type { ReadView, View } from '../../view.ts';
import { readService } from '../registry.ts';
import { countCase } from './agreement-lifecycle.ts';
import { type AgreementRecord, dischargeKey, readDischarge, readStored, recordOf, termsOf } from './agreement-state.ts';
import { type AgreementTerms, jsonName, type Obligation, obligationOf, partyOf } from './agreement-terms.ts';
import { caseEvent, caseIdOf, type CaseRecord, enterStage, freezeRules, readCase } from './case-state.ts';
import { courtTime, isPast } from './court-clock.ts';
import { readJurisdiction } from './jurisdictions.ts';
import {
  keepStatements,
  proofOfBreach,
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
  /** With enough of them to prove the breach, anybody may give notice; of silence the agreement's court may. */
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
export function governs(
  { timing }: Obligation,
  { activeSince, endedAt }: AgreementRecord,
  { from, to }: { readonly from: number; readonly to: number },
): boolean {
  if (activeSince === 0) return false;
  if (timing.type === 'by') return activeSince <= to && (endedAt === 0 || endedAt >= to);
  return activeSince < to && (endedAt === 0 || endedAt > from);
}

/** A moment, in both of the times that are counted in. */
export interface CourtMoment {
  /** Header time, ms since 1970. */
  readonly time: number;
  /** The same less all outages. */
  readonly courtTime: number;
}

export type NoticeRefusal =
  | 'unknown-obligation'
  | 'no-such-period'
  | 'not-due-yet'
  | 'not-in-force'
  | 'claim-period-over'
  | 'discharged'
  | 'already-noticed'
  | 'too-many-cases';

/** Whether nothing can be claimed under the agreement any more. */
export const isClaimPeriodOver = ({ isSettled, endedAt, due }: AgreementRecord, courtNow: number): boolean =>
  // The only deadline of what has ended is that of the claim period.
  isSettled || (endedAt > 0 && isPast(due, courtNow));

/** Why nobody can give notice of this now, whatever it rests on; or null. The agreement exists. */
export function noticeRefusal(
  view: ReadView,
  { agreement: id, obligation: name, period }: StatementSubject,
  { time, courtTime: courtNow }: CourtMoment,
): NoticeRefusal | null {
  const terms = termsOf(view, id);
  const record = recordOf(view, id);
  const obligation = obligationOf(terms, name);
  if (obligation === undefined) return 'unknown-obligation';
  const window = periodOf(obligation, terms, period);
  if (window === null) return 'no-such-period';
  const isDue = obligation.timing.type === 'by' ? time > window.to : time >= window.from;
  if (!isDue) return 'not-due-yet';
  if (!governs(obligation, record, window)) return 'not-in-force';
  if (isClaimPeriodOver(record, courtNow)) return 'claim-period-over';
  if (readDischarge(view, dischargeKey(id, name, period)) !== undefined) return 'discharged';
  if (readCase(view, caseIdOf(id, name, period)) !== undefined) return 'already-noticed';
  return record.openCases >= openCasesMax ? 'too-many-cases' : null;
}

function notice(body: BreachNotice, view: View, context: TransactionContext): Outcome {
  const refusal = noticeRefusal(view, body, { time: context.time, courtTime: courtTime(view, context) });
  if (refusal !== null) return refuse(refusal);
  const { agreement, obligation: name, period, statements, grounds } = body;
  const terms = termsOf(view, agreement);
  const obligation = obligationOf(terms, name);
  const rules = readJurisdiction(view, terms.jurisdiction);
  if (obligation === undefined || rules === undefined) return refuse('unknown-obligation');
  const problem = statementsRefusal(statements, body, obligation, context);
  if (problem !== null) return refuse(problem);
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

/** Whether somebody runs the court that an agreement names: the service that the registry lists under the name. */
function runsCourt(view: ReadView, { court }: AgreementTerms, account: PublicKey): boolean {
  const service = readService(view, court);
  return service?.kind === 'court' && (service.owner === account || service.node === account);
}

/**
 * Whether what is shown proves the breach. That sources were silent is believed of the agreement's own court alone, to which
 * they hand in what they state.
 */
function isProved(
  body: BreachNotice,
  { obligation, terms }: { readonly obligation: Obligation; readonly terms: AgreementTerms },
  view: ReadView,
  context: TransactionContext,
): boolean {
  const window = periodOf(obligation, terms, body.period);
  if (window === null) return false;
  const values = body.statements.map(({ value }) => value);
  const proof = proofOfBreach(obligation.evidenceRule, values, context.time > window.to);
  if (proof === null || (proof === 'silence' && !runsCourt(view, terms, context.sender))) return false;
  return statementsRefusal(body.statements, body, obligation, context) === null;
}

const standing = (body: BreachNotice, view: ReadView, context: TransactionContext): readonly Role[] => {
  const terms = readStored(view, body.agreement)?.terms;
  if (terms === undefined) return [];
  const party = partyOf(terms, context.sender);
  const obligation = obligationOf(terms, body.obligation);
  if (obligation === undefined) return party === undefined ? [] : ['claimant'];
  if (party?.account === obligation.creditor) return ['claimant'];
  return isProved(body, { obligation, terms }, view, context) ? ['proof-bearer'] : [];
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
