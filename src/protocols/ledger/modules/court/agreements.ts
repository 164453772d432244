/** The `agreements` module: transactions by which parties make, change and end agreements. Source: court design, "Agreement". */
import type { Digest } from '../../../shared/brands.ts';
import { invariant } from '../../../shared/errors.ts';
import { jsonAmount, jsonDigest, jsonStruct, jsonUint } from '../../json-codec.ts';
import { kind, type LedgerModule, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import type { ReadView, View } from '../../view.ts';
import { hold, readAccount } from '../accounts.ts';
import {
  activateIfReady,
  awaitParties,
  endAgreement,
  enterState,
  isInForce,
  lapse,
  onAgreementDue,
  resume,
  suspend,
} from './agreement-lifecycle.ts';
import { termsProblems } from './agreement-rules.ts';
import {
  agreementEvent,
  type AgreementRecord,
  type ConsentPurpose,
  countPending,
  dischargeKey,
  escrowOf,
  isSignedByAll,
  pendingOf,
  pendingPerDrafterMax,
  readDischarge,
  readStored,
  recordOf,
  storeAgreement,
  termsOf,
  writeAgreement,
  writeDischarge,
} from './agreement-state.ts';
import {
  agreementId,
  jsonName,
  obligationOf,
  type Party,
  partyOf,
  type StoredAgreement,
  storedAgreementJson,
} from './agreement-terms.ts';
import { courtTime, isPast, scheduleDue } from './court-clock.ts';
import { debtsOf, payDebts } from './escrow.ts';
import { readJurisdiction } from './jurisdictions.ts';

interface Named {
  readonly agreement: Digest;
}
interface Funding extends Named {
  /** Minor units. */
  readonly amount: bigint;
}
interface Discharge extends Named {
  /** Of an obligation or of a condition precedent. */
  readonly name: string;
  /** Of the obligation; 0 where it is due once. */
  readonly period: number;
  /** Of what shows it. */
  readonly receipt: Digest;
}

const namedJson = jsonStruct<Named>({ agreement: jsonDigest });

/** The party that the sender acts for. The permission table has let nobody else through. */
function senderParty(view: ReadView, id: Digest, { sender }: TransactionContext): Party {
  const party = partyOf(termsOf(view, id), sender);
  invariant(party !== undefined, 'the permission table admits parties only');
  return party;
}

/** Whether what waits for the parties has waited too long, be the queue drained or not. */
const isLate = (view: ReadView, context: TransactionContext, { due }: AgreementRecord): boolean =>
  due?.id.order === 'court' && isPast(due, courtTime(view, context));

function newRecord(party: Party): AgreementRecord {
  return {
    state: 'draft',
    drafter: party.account,
    signatures: [],
    confirmed: [],
    activeSince: 0,
    endedAt: 0,
    due: null,
    terminatesAt: 0,
    purpose: 'none',
    consents: [],
    openCases: 0,
    isSettled: false,
  };
}

/** Why terms cannot be drafted here, or null. */
function termsRefusal({ terms }: StoredAgreement, view: ReadView, { time }: TransactionContext): string | null {
  const jurisdiction = readJurisdiction(view, terms.jurisdiction);
  if (jurisdiction === undefined) return 'unknown-jurisdiction';
  const [problem] = termsProblems(terms, jurisdiction);
  if (problem !== undefined) return problem.code;
  if (terms.expires <= time) return 'agreement-expired';
  const isKnown = terms.parties.every(({ account }) => readAccount(view, account) !== undefined);
  return isKnown ? null : 'unknown-account';
}

/** Stores an agreement; `state` is where it starts. */
function store(
  agreement: StoredAgreement,
  state: 'draft' | 'offered',
  view: View,
  context: TransactionContext,
): Outcome {
  const refusal = termsRefusal(agreement, view, context);
  if (refusal !== null) return refuse(refusal);
  const id = agreementId(agreement);
  if (readStored(view, id) !== undefined) return refuse('agreement-exists');
  const party = partyOf(agreement.terms, context.sender);
  invariant(party !== undefined, 'the permission table admits parties only');
  if (pendingOf(view, party.account) >= pendingPerDrafterMax) return refuse('too-many-agreements');
  storeAgreement(view, id, agreement);
  countPending(view, party.account, 1);
  agreementEvent(view, 'stored', id, { drafter: party.account, type: agreement.terms.type });
  awaitParties(view, context, id, newRecord(party), state);
  return ok;
}

const draft = (body: StoredAgreement, view: View, context: TransactionContext): Outcome =>
  body.terms.previous === null ? store(body, 'draft', view, context) : refuse('amendment');

/** An amendment is offered at once: it replaces something that is in force. */
function amend(body: StoredAgreement, view: View, context: TransactionContext): Outcome {
  const { terms } = body;
  if (terms.previous === null) return refuse('no-previous-version');
  const previous = readStored(view, terms.previous);
  if (previous === undefined) return refuse('unknown-previous-version');
  if (partyOf(previous.terms, context.sender) === undefined) return refuse('not-a-party-before');
  if (!isInForce(recordOf(view, terms.previous))) return refuse('previous-not-in-force');
  if (terms.version !== previous.terms.version + 1) return refuse('bad-version');
  const parties = new Set(terms.parties.map(({ account }) => account));
  if (!previous.terms.parties.every(({ account }) => parties.has(account))) return refuse('party-missing');
  return store(body, 'offered', view, context);
}

function offer({ agreement: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = recordOf(view, id);
  if (record.state !== 'draft') return refuse('not-a-draft');
  if (isLate(view, context, record)) return refuse('too-late');
  if (senderParty(view, id, context).account !== record.drafter) return refuse('not-the-drafter');
  awaitParties(view, context, id, record, 'offered');
  return ok;
}

function sign({ agreement: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = recordOf(view, id);
  if (record.state !== 'offered') return refuse('not-offered');
  if (isLate(view, context, record)) return refuse('too-late');
  const { sender } = context;
  const { account, representatives } = senderParty(view, id, context);
  if (representatives.length > 0 && account === sender) return refuse('representatives-sign');
  if (record.signatures.includes(sender)) return refuse('already-signed');
  const signatures = [...record.signatures, sender];
  const signed = { ...record, signatures };
  agreementEvent(view, 'signature', id, { party: account, signer: sender });
  if (!isSignedByAll(termsOf(view, id), signatures)) {
    writeAgreement(view, id, signed);
    return ok;
  }
  awaitParties(view, context, id, signed, 'signed');
  activateIfReady(view, context, id);
  return ok;
}

/** Pays the party's debts under the agreement first, then into its escrow. */
function fund({ agreement: id, amount }: Funding, view: View, context: TransactionContext): Outcome {
  if (amount === 0n) return refuse('amount-zero');
  const { account } = senderParty(view, id, context);
  if (account !== context.sender) return refuse('not-the-party-account');
  const record = recordOf(view, id);
  const owed = debtsOf(view, id, account).reduce((sum, debt) => sum + debt.amount, 0n);
  const takesEscrow = ['offered', 'signed', 'active', 'suspended'].includes(record.state);
  if (!takesEscrow && amount > owed) return refuse('nothing-to-fund');
  if (isLate(view, context, record) && !isInForce(record) && owed === 0n) return refuse('too-late');
  if ((readAccount(view, account)?.balance ?? 0n) < amount) return refuse('insufficient-balance');
  const left = payDebts(view, id, account, amount);
  if (left > 0n) {
    hold(view, account, escrowOf(id, account), left);
    agreementEvent(view, 'funded', id, { party: account, amount: left.toString() });
  }
  if (record.state === 'signed') activateIfReady(view, context, id);
  return ok;
}

/** Notes a party's consent; true once all consent to the same. */
function consent(
  purpose: ConsentPurpose,
  id: Digest,
  record: AgreementRecord,
  view: View,
  context: TransactionContext,
): boolean {
  const { account } = senderParty(view, id, context);
  const before = record.purpose === purpose ? record.consents : [];
  const consents = before.includes(account) ? before : [...before, account];
  writeAgreement(view, id, { ...record, purpose, consents });
  agreementEvent(view, 'consent', id, { purpose, party: account });
  return consents.length === termsOf(view, id).parties.length;
}

function suspendByConsent({ agreement: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = recordOf(view, id);
  if (record.state !== 'active') return refuse('not-active');
  if (consent('suspend', id, record, view, context)) suspend(view, context, id, recordOf(view, id));
  return ok;
}

/** Of a suspended agreement by consent. Of a signed one: asks whether its conditions are met by now. */
function resumeByConsent({ agreement: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = recordOf(view, id);
  if (record.state === 'signed') {
    return activateIfReady(view, context, id) ? ok : refuse('conditions-not-met');
  }
  if (record.state !== 'suspended') return refuse('not-suspended');
  if (consent('resume', id, record, view, context)) resume(view, context, id, recordOf(view, id));
  return ok;
}

/** One party gives notice; all of them together end the agreement at once. */
function terminate({ agreement: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = recordOf(view, id);
  if (!isInForce(record)) return refuse('not-in-force');
  if (consent('terminate', id, record, view, context)) {
    endAgreement(view, context, id, recordOf(view, id), 'terminated');
    return ok;
  }
  if (record.terminatesAt !== 0) return ok;
  const { noticeMs, expires } = termsOf(view, id);
  const terminatesAt = context.time + noticeMs;
  const { purpose, consents } = recordOf(view, id);
  const noticed = { ...record, terminatesAt };
  if (record.state === 'active') {
    const due = scheduleDue(view, 'agreements', 'time', Math.min(terminatesAt, expires), id);
    enterState(view, id, noticed, 'active', due);
  } else writeAgreement(view, id, noticed);
  writeAgreement(view, id, { ...recordOf(view, id), purpose, consents });
  agreementEvent(view, 'notice', id, { at: String(terminatesAt) });
  return ok;
}

/** A party takes back a draft or an offer. */
function withdraw({ agreement: id }: Named, view: View): Outcome {
  const record = recordOf(view, id);
  if (record.state !== 'draft' && record.state !== 'offered') return refuse('not-pending');
  lapse(view, id, record, 'withdrawn');
  return ok;
}

/** The creditor says that an obligation is fulfilled, or a party that a condition precedent is met. */
function discharge(
  { agreement: id, name, period, receipt }: Discharge,
  view: View,
  context: TransactionContext,
): Outcome {
  const terms = termsOf(view, id);
  const record = recordOf(view, id);
  const { account } = senderParty(view, id, context);
  const obligation = obligationOf(terms, name);
  if (obligation !== undefined) {
    if (obligation.creditor !== account) return refuse('not-the-creditor');
    if (!isInForce(record)) return refuse('not-in-force');
    if (obligation.timing.type === 'by' && period !== 0) return refuse('no-such-period');
    const key = dischargeKey(id, name, period);
    if (readDischarge(view, key) !== undefined) return refuse('already-discharged');
    writeDischarge(view, key, receipt);
    agreementEvent(view, 'discharged', id, { obligation: name, period: String(period), receipt });
    return ok;
  }
  const condition = terms.conditions.find((candidate) => candidate.id === name);
  if (condition === undefined) return refuse('unknown-obligation');
  if (condition.confirmedBy !== account) return refuse('not-the-confirming-party');
  if (record.state !== 'offered' && record.state !== 'signed') return refuse('not-pending');
  if (record.confirmed.includes(name)) return refuse('already-discharged');
  writeAgreement(view, id, { ...record, confirmed: [...record.confirmed, name] });
  agreementEvent(view, 'condition-met', id, { condition: name, receipt });
  if (record.state === 'signed') activateIfReady(view, context, id);
  return ok;
}

/** Roles of the sender towards an agreement in state. */
const membership = ({ agreement }: Named, view: ReadView, { sender }: TransactionContext): readonly Role[] => {
  const found = readStored(view, agreement);
  return found !== undefined && partyOf(found.terms, sender) !== undefined ? ['agreement-party'] : [];
};

/** Roles of the sender towards an agreement that the body holds. */
const authorship = ({ terms }: StoredAgreement, _view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  partyOf(terms, sender) === undefined ? [] : ['agreement-party'];

const named = (execute: (body: Named, view: View, context: TransactionContext) => Outcome) =>
  kind<Named>({ body: namedJson, relation: membership, execute });

export const agreementsModule: LedgerModule = {
  name: 'agreements',
  kinds: new Map([
    ['draft', kind<StoredAgreement>({ body: storedAgreementJson, relation: authorship, execute: draft })],
    ['offer', named(offer)],
    ['sign', named(sign)],
    [
      'fund',
      kind<Funding>({
        body: jsonStruct<Funding>({ agreement: jsonDigest, amount: jsonAmount }),
        relation: membership,
        execute: fund,
      }),
    ],
    ['amend', kind<StoredAgreement>({ body: storedAgreementJson, relation: authorship, execute: amend })],
    ['suspend', named(suspendByConsent)],
    ['resume', named(resumeByConsent)],
    ['terminate', named(terminate)],
    ['lapse', named(withdraw)],
    [
      'discharge-obligation',
      kind<Discharge>({
        body: jsonStruct<Discharge>({
          agreement: jsonDigest,
          name: jsonName,
          period: jsonUint(2 ** 32),
          receipt: jsonDigest,
        }),
        relation: membership,
        execute: discharge,
      }),
    ],
  ]),
  // Of order `time`: an agreement takes effect, expires, or ends after a notice.
  onDeadline: ({ subject }, view, context) => onAgreementDue(view, context, subject as Digest),
};
