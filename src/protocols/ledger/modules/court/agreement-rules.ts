/** What terms must satisfy beside their shape. Source: court design, "Agreement" and "Dispute". */
import type { PublicKey } from '../../../shared/brands.ts';
import type { AgreementTerms, Obligation, Party } from './agreement-terms.ts';
import { actsFor } from './agreement-terms.ts';
import type { Jurisdiction } from './jurisdictions.ts';

type TermsProblemCode =
  | 'too-few-parties'
  | 'duplicate-party'
  | 'bad-signing-threshold'
  | 'duplicate-name'
  | 'unknown-party'
  | 'debtor-is-creditor'
  | 'bad-evidence-rule'
  | 'obligation-outside-term'
  | 'no-obligation'
  | 'bad-panel'
  | 'bad-term'
  | 'bad-version'
  | 'jurisdiction-requirement';

/** Also refusal codes of transactions. */
export interface TermsProblem {
  readonly code: TermsProblemCode;
  /** Like `obligations[2].debtor`. */
  readonly path: string;
  readonly message: string;
}

type Report = (code: TermsProblemCode, path: string, message: string) => void;

const hasTwice = (values: readonly string[]): boolean => new Set(values).size !== values.length;

function checkParties({ parties }: AgreementTerms, report: Report): void {
  if (parties.length < 2) report('too-few-parties', 'parties', 'an agreement binds at least two parties');
  const everyone = parties.flatMap(({ account, representatives }) => [account, ...representatives]);
  if (hasTwice(everyone)) report('duplicate-party', 'parties', 'an account appears twice');
  parties.forEach(({ representatives, threshold }, index) => {
    const most = Math.max(1, representatives.length);
    if (threshold <= most) return;
    report('bad-signing-threshold', `parties[${index}].threshold`, `${threshold} of ${most} can never sign`);
  });
}

/** Sources on the debtor's side must never suffice alone. */
function checkEvidence({ evidenceRule }: Obligation, debtor: Party, path: string, report: Report): void {
  if (evidenceRule === null) return;
  const { sources, needed } = evidenceRule;
  const refuse = (message: string): void => report('bad-evidence-rule', `${path}.evidenceRule`, message);
  if (hasTwice(sources)) refuse('a source appears twice');
  if (needed > sources.length) refuse(`${needed} of ${sources.length} sources can never agree`);
  const own = sources.filter((source) => actsFor(debtor, source) || debtor.affiliates.includes(source));
  if (own.length >= needed) refuse('the debtor’s own sources suffice');
}

function checkObligations(terms: AgreementTerms, report: Report): void {
  const { obligations, parties, effective, expires } = terms;
  if (obligations.length === 0) report('no-obligation', 'obligations', 'nobody owes anything');
  if (hasTwice(obligations.map(({ id }) => id))) report('duplicate-name', 'obligations', 'a name appears twice');
  const byAccount = new Map<PublicKey, Party>(parties.map((party) => [party.account, party]));
  obligations.forEach((obligation, index) => {
    const path = `obligations[${index}]`;
    const { debtor, creditor, timing } = obligation;
    const owing = byAccount.get(debtor);
    if (owing === undefined) report('unknown-party', `${path}.debtor`, `${debtor} is no party`);
    else checkEvidence(obligation, owing, path, report);
    if (!byAccount.has(creditor)) report('unknown-party', `${path}.creditor`, `${creditor} is no party`);
    if (debtor === creditor) report('debtor-is-creditor', path, 'nobody owes himself');
    const isWithin = timing.type === 'every' || (timing.at > effective && timing.at <= expires);
    if (!isWithin) report('obligation-outside-term', `${path}.timing`, 'due outside the term of the agreement');
  });
}

function checkDispute({ dispute }: AgreementTerms, report: Report): void {
  const { panelSize, quorum, decisionThreshold } = dispute;
  const isSound =
    panelSize % 2 === 1 && quorum <= panelSize && decisionThreshold <= quorum && 2 * decisionThreshold > panelSize;
  if (isSound) return;
  const rule = 'an odd panel expected, a quorum within it, and a decision by more than half of it within the quorum';
  report('bad-panel', 'dispute', rule);
}

function checkJurisdiction(terms: AgreementTerms, { requirements, language }: Jurisdiction, report: Report): void {
  const refuse = (path: string, message: string): void => report('jurisdiction-requirement', path, message);
  const { partyCountries, governingLaws, acts, areConsumersAllowed } = requirements;
  const isOneOf = (allowed: readonly string[], found: string): boolean =>
    allowed.length === 0 || allowed.includes(found);
  if (!terms.parties.some(({ country }) => isOneOf(partyCountries, country))) {
    refuse('parties', `a party of ${partyCountries.join(' or ')} needed`);
  }
  if (!isOneOf(governingLaws, terms.governingLaw)) refuse('governingLaw', `${governingLaws.join(' or ')} needed`);
  for (const act of acts) if (!terms.acts.includes(act)) refuse('acts', `${act} must be named`);
  if (!areConsumersAllowed && terms.parties.some(({ isConsumer }) => isConsumer)) {
    refuse('parties', 'consumers cannot be parties');
  }
  if (language !== null && language !== terms.language) refuse('language', `${language} needed`);
}

/** Everything that is wrong with terms of the right shape; empty where they are sound. */
export function termsProblems(terms: AgreementTerms, jurisdiction: Jurisdiction): readonly TermsProblem[] {
  const problems: TermsProblem[] = [];
  const report: Report = (code, path, message) => problems.push({ code, path, message });
  checkParties(terms, report);
  checkObligations(terms, report);
  checkDispute(terms, report);
  if (hasTwice(terms.conditions.map(({ id }) => id))) report('duplicate-name', 'conditions', 'a name appears twice');
  const parties = terms.parties.map(({ account }) => account);
  terms.conditions.forEach(({ confirmedBy }, index) => {
    if (parties.includes(confirmedBy)) return;
    report('unknown-party', `conditions[${index}].confirmedBy`, `${confirmedBy} is no party`);
  });
  if (hasTwice(terms.bindings.tenants.map(({ name }) => name))) {
    report('duplicate-name', 'bindings.tenants', 'a name appears twice');
  }
  terms.bindings.tenants.forEach(({ account }, index) => {
    if (parties.includes(account)) return;
    report('unknown-party', `bindings.tenants[${index}].account`, `${account} is no party`);
  });
  if (terms.expires <= terms.effective) report('bad-term', 'expires', 'it expires before it takes effect');
  if ((terms.version === 1) !== (terms.previous === null)) {
    report('bad-version', 'version', 'version 1 has no previous version, every other has one');
  }
  checkJurisdiction(terms, jurisdiction, report);
  return problems;
}
