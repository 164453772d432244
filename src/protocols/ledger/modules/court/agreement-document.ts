/**
 * An agreement as its parties keep it: one JSON document with a public and a private part, described in
 * docs/formats/agreement.schema.json. What each type must hold beside its shape is checked here.
 */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import { type JsonCodec, jsonPattern, type JsonProblem, jsonStruct, readJson } from '../../json-codec.ts';
import { type AgreementContent, contentCodec, contentDigest } from './agreement-content.ts';
import { termsProblems } from './agreement-rules.ts';
import {
  agreementId,
  type AgreementTerms,
  type AgreementType,
  type StoredAgreement,
  termsCodec,
} from './agreement-terms.ts';
import type { Jurisdiction } from './jurisdictions.ts';

type AgreementFormat = 'bpci/agreement/v1';

export interface AgreementDocument {
  readonly format: AgreementFormat;
  /** Public: the chain executes on it. */
  readonly terms: AgreementTerms;
  /** Private: the parties keep it. */
  readonly content: AgreementContent;
}

export const agreementDocumentCodec: JsonCodec<AgreementDocument> = jsonStruct<AgreementDocument>({
  format: jsonPattern(/^bpci\/agreement\/v1$/, 32) as JsonCodec<AgreementFormat>,
  terms: termsCodec,
  content: contentCodec,
});

/** What goes on chain. */
export const storedOf = ({ terms, content }: AgreementDocument): StoredAgreement => ({
  terms,
  content: contentDigest(content),
});

export const documentId = (document: AgreementDocument): Digest => agreementId(storedOf(document));

type Report = (path: string, message: string) => void;

/** What an agreement of each type must say. */
const typeRules: Readonly<Record<AgreementType, (document: AgreementDocument, report: Report) => void>> = {
  service: ({ terms }, report) => {
    if (terms.obligations.some(({ evidenceRule }) => evidenceRule !== null)) return;
    report('terms.obligations', 'a service agreement measures at least one obligation');
  },
  'data-processing': ({ terms, content }, report) => {
    if (content.dataProcessing === null) report('content.dataProcessing', 'needed: Article 28(3) GDPR');
    for (const role of ['controller', 'processor']) {
      if (!terms.parties.some((party) => party.role === role)) report('terms.parties', `a ${role} needed`);
    }
  },
  biso: ({ terms, content }, report) => {
    if (content.policies.length === 0) report('content.policies', 'at least one policy set needed');
    if (terms.bindings.dataClasses.length === 0) report('terms.bindings.dataClasses', 'at least one needed');
    if (terms.bindings.countries.length === 0) report('terms.bindings.countries', 'at least one needed');
  },
  compliance: ({ content }, report) => {
    if (content.controls.length === 0) report('content.controls', 'at least one control needed');
  },
  partnership: ({ terms, content }, report) => {
    const giving = new Set<PublicKey>(content.contributions.map(({ account }) => account));
    terms.parties.forEach(({ account, role }, index) => {
      if (!giving.has(account)) report(`terms.parties[${index}]`, `${role} brings nothing in`);
    });
  },
};

/** The private part speaks of the parties and the obligations of the public one, of each once. */
function checkReferences({ terms, content }: AgreementDocument, report: Report): void {
  const same = (path: string, found: readonly string[], expected: readonly string[]): void => {
    if ([...found].sort().join() !== [...expected].sort().join())
      report(path, `expected once each: ${expected.join(', ')}`);
  };
  const accounts = terms.parties.map(({ account }) => account);
  same(
    'content.parties',
    content.parties.map(({ account }) => account),
    accounts,
  );
  same(
    'content.duties',
    content.duties.map(({ id }) => id),
    terms.obligations.map(({ id }) => id),
  );
  for (const name of ['permissions', 'prohibitions'] as const) {
    content[name].forEach(({ assignee }, index) => {
      if (!accounts.includes(assignee)) report(`content.${name}[${index}].assignee`, `${assignee} is no party`);
    });
  }
}

/** Everything that is wrong with a document of the right shape. `jurisdiction` is the one that it names. */
export function documentProblems(
  document: AgreementDocument,
  jurisdiction: Jurisdiction | undefined,
): readonly JsonProblem[] {
  const problems: JsonProblem[] = [];
  const report: Report = (path, message) => problems.push({ path, message });
  if (jurisdiction === undefined) report('terms.jurisdiction', `${document.terms.jurisdiction} is not known here`);
  else for (const { path, message } of termsProblems(document.terms, jurisdiction)) report(`terms.${path}`, message);
  checkReferences(document, report);
  typeRules[document.terms.type](document, report);
  return problems;
}

/** A document from JSON, or everything that is wrong with it, by path. */
export function readAgreementDocument(
  json: unknown,
  jurisdictionOf: (id: string) => Jurisdiction | undefined,
): { readonly value: AgreementDocument } | { readonly problems: readonly JsonProblem[] } {
  const read = readJson(agreementDocumentCodec, json);
  if ('problems' in read) return read;
  const problems = documentProblems(read.value, jurisdictionOf(read.value.terms.jurisdiction));
  return problems.length > 0 ? { problems } : read;
}
