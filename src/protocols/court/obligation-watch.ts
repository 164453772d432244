/**
 * What a court sees by itself: which statements of sources it takes, and which breaches they (or their absence) prove under the
 * agreements that name it. Functions of the chain's state and of the statements held; the actor feeds them and sends what
 * they find. Source: court design, "Dispute" (BreachNoticed by the obligation monitor) and "Agreement" (evidence rules).
 */
import { allAgreements, readAgreement, readStored, termsOf } from '../ledger/modules/court/agreement-state.ts';
import { type AgreementTerms, type Obligation, obligationOf } from '../ledger/modules/court/agreement-terms.ts';
import {
  type CourtMoment,
  governs,
  isClaimPeriodOver,
  type NoticeRefusal,
  noticeRefusal,
  periodOf,
} from '../ledger/modules/court/breach.ts';
import { caseIdOf } from '../ledger/modules/court/case-state.ts';
import {
  decideByRule,
  proofOfBreach,
  type Statement,
  statementsRefusal,
  type StatementSubject,
} from '../ledger/modules/court/statements.ts';
import type { SignatureRule } from '../ledger/module.ts';
import type { ReadView } from '../ledger/view.ts';
import type { ChainId, Digest } from '../shared/brands.ts';
import { currentPeriod } from './periods.ts';

/** Of distinct sources, of one obligation in one period. */
export interface HeldStatements {
  readonly subject: StatementSubject;
  readonly statements: readonly Statement[];
}

/** By the name that a case about the same breach would have. */
export type Held = ReadonlyMap<Digest, HeldStatements>;

export interface Watch extends CourtMoment {
  /** Name of the court, as agreements spell it. */
  readonly court: string;
}

type StatementRefusal =
  | 'unknown-agreement'
  | 'other-court'
  | 'unknown-obligation'
  | 'no-such-period'
  | 'period-not-begun'
  | 'not-in-force'
  | 'claim-period-over'
  | 'contradicts-earlier'
  | Exclude<ReturnType<typeof statementsRefusal>, null>;

/**
 * What becomes of a statement that somebody hands in: `new`, `known` where the source has said the same before, or why it is
 * not taken. The first statement of a source stands, as it does on chain.
 */
export function judgeStatement(
  view: ReadView,
  { court, time, courtTime }: Watch,
  { subject, statement }: { readonly subject: StatementSubject; readonly statement: Statement },
  { held, ...signing }: { readonly held: Held; readonly chainId: ChainId; readonly signatures: SignatureRule },
): 'new' | 'known' | { readonly refused: StatementRefusal } {
  const { agreement, obligation: name, period } = subject;
  const terms = readStored(view, agreement)?.terms;
  const record = readAgreement(view, agreement);
  if (terms === undefined || record === undefined) return { refused: 'unknown-agreement' };
  if (terms.court !== court) return { refused: 'other-court' };
  const obligation = obligationOf(terms, name);
  if (obligation === undefined) return { refused: 'unknown-obligation' };
  const window = periodOf(obligation, terms, period);
  if (window === null) return { refused: 'no-such-period' };
  if (time < window.from) return { refused: 'period-not-begun' };
  if (!governs(obligation, record, window)) return { refused: 'not-in-force' };
  if (isClaimPeriodOver(record, courtTime)) return { refused: 'claim-period-over' };
  const earlier = held.get(caseIdOf(agreement, name, period))?.statements ?? [];
  const known = earlier.find(({ source }) => source === statement.source);
  const problem = statementsRefusal([statement], subject, obligation, signing);
  if (problem !== null) return { refused: problem };
  if (known === undefined) return 'new';
  return known.value === statement.value ? 'known' : { refused: 'contradicts-earlier' };
}

/** To be given notice of, with what proves it. */
export interface ProvedBreach extends HeldStatements {
  readonly id: Digest;
  readonly proof: 'statements' | 'silence';
}

/** What is still to be looked at. At a restart: everything that is held, and every period. */
export interface WatchMemory {
  /** Of what is held: neither decided nor noticed nor discharged. */
  readonly open: ReadonlySet<Digest>;
  /** By `<agreement>/<obligation>`: the first period whose silence may still be a breach. Absent: 0. */
  readonly from: ReadonlyMap<string, number>;
}

export interface Watched {
  readonly breaches: readonly ProvedBreach[];
  /** No longer open. */
  readonly closed: readonly Digest[];
  readonly from: ReadonlyMap<string, number>;
}

/** Periods of one obligation that are looked at in one block: after a long absence the rest follows in the next blocks. */
const periodsPerBlock = 256;

/** Refusals that a later block may not repeat. */
const passing: readonly NoticeRefusal[] = ['not-due-yet', 'too-many-cases'];

type Finding = 'statements' | 'silence' | 'open' | 'closed';

function findingOf(
  view: ReadView,
  watch: Watch,
  subject: StatementSubject,
  about: { readonly terms: AgreementTerms; readonly obligation: Obligation; readonly values: readonly number[] },
): Finding {
  const { terms, obligation, values } = about;
  const refusal = noticeRefusal(view, subject, watch);
  if (refusal !== null) return passing.includes(refusal) ? 'open' : 'closed';
  const rule = obligation.evidenceRule;
  const window = periodOf(obligation, terms, subject.period);
  if (rule === null || window === null) return 'closed';
  const proof = proofOfBreach(rule, values, watch.time > window.to);
  if (proof !== null) return proof;
  // Of enough statements none that follows makes a breach: those that keep the bound stay as many.
  return values.length >= rule.needed && decideByRule(rule, values) !== 'breach' ? 'closed' : 'open';
}

interface Silence {
  readonly breaches: readonly ProvedBreach[];
  /** The first period that is not settled. */
  readonly from: number;
}

/** Periods that are over and of which too little was stated, where the agreement calls that a breach. */
function silenceOf(
  view: ReadView,
  watch: Watch,
  { agreement, terms, obligation }: { agreement: Digest; terms: AgreementTerms; obligation: Obligation },
  { held, from }: { readonly held: Held; readonly from: number },
): Silence {
  const last = currentPeriod(obligation, terms, watch.time)?.number ?? -1;
  const breaches: ProvedBreach[] = [];
  let settled = from;
  for (let period = from; period <= last && period < from + periodsPerBlock; period++) {
    const subject = { agreement, obligation: obligation.id, period };
    const id = caseIdOf(agreement, obligation.id, period);
    const statements = held.get(id)?.statements ?? [];
    const values = statements.map(({ value }) => value);
    const finding = findingOf(view, watch, subject, { terms, obligation, values });
    if (finding === 'silence') breaches.push({ id, subject, statements, proof: finding });
    else if (finding === 'closed' && settled === period) settled = period + 1;
  }
  return { breaches, from: settled };
}

/** Agreements of the court under which a claim can still be made. */
const watchedTerms = (view: ReadView, court: string): readonly (readonly [Digest, AgreementTerms])[] =>
  allAgreements(view).flatMap(([id, record]) => {
    if (record.activeSince === 0 || record.isSettled) return [];
    const terms = termsOf(view, id);
    return terms.court === court ? [[id, terms] as const] : [];
  });

/** Breaches that are proved now and not noticed yet, and what need not be looked at again. */
export function watchObligations(view: ReadView, watch: Watch, held: Held, memory: WatchMemory): Watched {
  const breaches: ProvedBreach[] = [];
  const closed: Digest[] = [];
  const from = new Map<string, number>();
  for (const id of memory.open) {
    const found = held.get(id);
    const terms = found === undefined ? undefined : readStored(view, found.subject.agreement)?.terms;
    const obligation = terms === undefined ? undefined : obligationOf(terms, found?.subject.obligation ?? '');
    if (found === undefined || terms === undefined || obligation === undefined) continue;
    const values = found.statements.map(({ value }) => value);
    const finding = findingOf(view, watch, found.subject, { terms, obligation, values });
    if (finding === 'closed') closed.push(id);
    else if (finding === 'statements') breaches.push({ id, ...found, proof: finding });
  }
  for (const [agreement, terms] of watchedTerms(view, watch.court)) {
    for (const obligation of terms.obligations) {
      if (obligation.evidenceRule?.missing !== 'breach') continue;
      const key = `${agreement}/${obligation.id}`;
      const about = { agreement, terms, obligation };
      const silence = silenceOf(view, watch, about, { held, from: memory.from.get(key) ?? 0 });
      breaches.push(...silence.breaches);
      from.set(key, silence.from);
    }
  }
  return { breaches, closed, from };
}

/** Agreements of which statements are held and nothing can come of them any more. */
export function settledAgreements(view: ReadView, held: Held): readonly Digest[] {
  const agreements = new Set([...held.values()].map(({ subject }) => subject.agreement));
  return [...agreements].filter((id) => readAgreement(view, id)?.isSettled !== false);
}
