/** `CourtApi` over the actor: texts in, checked, asked, JSON out; and transactions of others, checked and passed on. */
import { decodeTransaction } from '../../protocols/ledger/admission.ts';
import { bodyCodec } from '../../protocols/ledger/application.ts';
import { readJson } from '../../protocols/ledger/json-codec.ts';
import type { AgreementRecord } from '../../protocols/ledger/modules/court/agreement-state.ts';
import { agreementId, type StoredAgreement } from '../../protocols/ledger/modules/court/agreement-terms.ts';
import { type CaseStage, caseIdOf } from '../../protocols/ledger/modules/court/case-state.ts';
import { operationCodec } from '../../protocols/court/compliance.ts';
import { handedInCodec } from '../../protocols/court/handed-in.ts';
import { type Digest, isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { tryDecode } from '../../protocols/shared/codec.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import { ActorError, type ActorRef, type ActorSystem, type ReplyTo } from '../../runtime/ports/actors.ts';
import type { CourtApi, CourtResult, Relayed } from '../../runtime/ports/court-api.ts';
import type { CourtChain } from './court-chain.ts';
import type { CourtTerms } from './court.ts';
import type { CourtAnswer, CourtMessage, CourtQuestion, StatementAnswer } from './messages.ts';

const askTimeoutMs = 10_000;

const refused = (reason: string, detail: string, place: string | null = null): CourtResult => ({
  ...{ kind: 'refused', reason, detail, place },
});

const details: Readonly<Record<Extract<CourtAnswer, { kind: 'refused' }>['reason'], string>> = {
  'not-ready': 'the court does not follow the chain yet',
  'not-found': 'the chain has nothing of this name',
};

export interface CourtApiOptions {
  readonly system: ActorSystem;
  readonly court: ActorRef<CourtMessage>;
  readonly chain: CourtChain;
  readonly terms: CourtTerms;
}

export function createCourtApi({ system, court, chain, terms }: CourtApiOptions): CourtApi {
  const ask = async (question: CourtQuestion): Promise<CourtResult> => {
    try {
      const answer = await system.ask<CourtMessage, CourtAnswer>(
        court,
        (replyTo: ReplyTo<CourtAnswer>) => ({ type: 'ask', question, replyTo }),
        { timeoutMs: askTimeoutMs },
      );
      return answer.kind === 'answer' ? answer : refused(answer.reason, details[answer.reason]);
    } catch (error) {
      if (!(error instanceof ActorError)) throw error;
      return refused('unavailable', 'the court does not answer now');
    }
  };
  const about = (
    what: 'agreement' | 'obligations' | 'statements' | 'case' | 'panel' | 'timeline',
    id: string,
  ): Promise<CourtResult> =>
    isHex64(id) ? ask({ about: what, id: id as Digest }) : Promise.resolve(refused('not-found', details['not-found']));
  return {
    status: () => ask({ about: 'status' }),
    agreements: ({ party, state, limit }) =>
      ask({
        about: 'agreements',
        party: (party as PublicKey | undefined) ?? null,
        state: (state as AgreementRecord['state'] | undefined) ?? null,
        limit,
      }),
    agreement: (id) => about('agreement', id),
    obligations: (id) => about('obligations', id),
    statements: (id) => about('statements', id),
    handIn: (json) => handIn(system, court, json),
    cases: ({ agreement, party, stage, limit }) =>
      ask({
        about: 'cases',
        agreement: (agreement as Digest | undefined) ?? null,
        party: (party as PublicKey | undefined) ?? null,
        stage: (stage as CaseStage | undefined) ?? null,
        limit,
      }),
    case: (id) => about('case', id),
    timeline: (id) => about('timeline', id),
    panel: (id) => about('panel', id),
    deadlines: (limit) => ask({ about: 'deadlines', limit }),
    arbitrators: () => ask({ about: 'arbitrators' }),
    compliance: (json) => {
      const read = readJson(operationCodec, json);
      if ('value' in read) return ask({ about: 'compliance', operation: read.value });
      const [problem] = read.problems;
      return Promise.resolve(refused('invalid-request', problem?.message ?? 'invalid', problem?.path ?? null));
    },
    relay: async (bytes, expected) => {
      const problem = relayProblem(bytes, expected, terms);
      if (problem !== null) return problem;
      return relayed(chain, bytes);
    },
  };
}

const statementDetails: Readonly<Record<string, string>> = {
  ...details,
  'not-kept': 'the court could not keep it: hand it in again later',
  'unknown-agreement': 'the chain has no agreement of this name',
  'other-court': 'the agreement names another court',
  'unknown-obligation': 'the agreement has no obligation of this name',
  'no-evidence-rule': 'the obligation has no rule of evidence: nobody states anything of it',
  'unknown-source': 'the rule of evidence does not name this source',
  'bad-statement-signature': 'the signature is not that of the source over this statement on this chain',
  'no-such-period': 'the obligation has no such period',
  'period-not-begun': 'nothing can be stated of a period that has not begun',
  'not-in-force': 'the agreement was not in force in the period',
  'claim-period-over': 'nothing can be claimed under the agreement any more',
  'contradicts-earlier': 'this source stated another value before, and the first stands',
  'too-many-statements': 'the court holds as many statements as it can',
};

/** A statement that its source signed; answered once it is on stable storage. */
async function handIn(system: ActorSystem, court: ActorRef<CourtMessage>, json: unknown): Promise<CourtResult> {
  const read = readJson(handedInCodec, json);
  if ('problems' in read) {
    const [problem] = read.problems;
    return refused('invalid-request', problem?.message ?? 'invalid', problem?.path ?? null);
  }
  try {
    const answer = await system.ask<CourtMessage, StatementAnswer>(
      court,
      (replyTo: ReplyTo<StatementAnswer>) => ({ type: 'statement', handedIn: read.value, replyTo }),
      { timeoutMs: askTimeoutMs },
    );
    if (answer.kind === 'refused') return refused(answer.reason, statementDetails[answer.reason] ?? answer.reason);
    const { agreement, obligation, period } = read.value;
    const breach = caseIdOf(agreement, obligation, period);
    return { kind: 'answer', value: { isNew: answer.isNew, case: breach } };
  } catch (error) {
    if (!(error instanceof ActorError)) throw error;
    return refused('unavailable', 'the court does not answer now');
  }
}

async function relayed(chain: CourtChain, bytes: Uint8Array): Promise<CourtResult> {
  try {
    const { hash, code } = await chain.relay(bytes);
    return code === 'ok'
      ? { kind: 'answer', value: { transaction: hash, result: code } }
      : refused(code, `the chain refused it: ${code}; transaction ${hash}`);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return refused('unavailable', 'the chain did not answer in time: the transaction may still become final');
  }
}

/** Why a transaction is not the one that the endpoint is for, or null. The chain checks everything else. */
function relayProblem(bytes: Uint8Array, { kind, subject }: Relayed, terms: CourtTerms): CourtResult | null {
  const decoded = decodeTransaction(bytes);
  if (decoded === undefined) return refused('invalid-transaction-bytes', 'this is no transaction', 'transaction');
  const { value } = decoded;
  if (value.kind !== kind)
    return refused('wrong-kind', `this endpoint takes ${kind}, not ${value.kind}`, 'transaction');
  const codec = bodyCodec(kind);
  const body = codec === undefined ? undefined : tryDecode(codec, value.body);
  if (body === undefined || 'error' in body)
    return refused('malformed-body', `its body is none of ${kind}`, 'transaction');
  const named = body.value as { readonly case?: Digest; readonly agreement?: Digest } & Partial<StoredAgreement>;
  // An amendment names the version that it replaces.
  if (subject !== null && (named.case ?? named.agreement ?? named.terms?.previous) !== subject)
    return refused('wrong-subject', 'the transaction names another agreement or case than the path', 'transaction');
  return kind === 'agreements.draft' || kind === 'agreements.amend'
    ? termsProblem(body.value as StoredAgreement, terms)
    : null;
}

/** What an agreement that is made through this court says otherwise than the court does, or null. */
function termsProblem({ terms, content }: StoredAgreement, court: CourtTerms): CourtResult | null {
  const offered = [
    ['court', terms.court, court.name],
    ['jurisdiction', terms.jurisdiction, court.jurisdiction],
    ['legalFrameworkVersion', terms.legalFrameworkVersion, court.legalFrameworkVersion],
    [
      'dispute.arbitrationThreshold',
      terms.dispute.arbitrationThreshold.toString(),
      court.arbitrationThreshold.toString(),
    ],
  ] as const;
  const other = offered.find(([, found, expected]) => found !== expected);
  if (other === undefined) return null;
  const [field, found, expected] = other;
  const id = agreementId({ terms, content });
  return refused('other-court', `agreement ${id}: ${field} is ${found}, this court's is ${expected}`, `terms.${field}`);
}
