/** What the parties of a case do: file, respond, show evidence, challenge, settle, withdraw, appeal. Source: court design, "Dispute". */
import type { Digest } from '../../../shared/brands.ts';
import { digest32, publicKey32, struct } from '../../../shared/codec.ts';
import { invariant } from '../../../shared/errors.ts';
import { sortable } from '../../deadline-queue.ts';
import {
  jsonAmount,
  jsonBoolean,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonStruct,
  jsonUint,
} from '../../json-codec.ts';
import { type BlockContext, kind, type Kind, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { hold } from '../accounts.ts';
import { termsOf } from './agreement-state.ts';
import { obligationOf, type Party, partyOf } from './agreement-terms.ts';
import { eligibleArbitrators } from './arbitrators.ts';
import {
  caseEvent,
  caseOf,
  type CaseRecord,
  type CaseStage,
  type Claim,
  enterStage,
  feeHolding,
  freezeCandidates,
  readCase,
  rulesOf,
  stagesFor,
  writeCase,
} from './case-state.ts';
import { courtTime, isPast } from './court-clock.ts';
import { candidatesRoot } from './draw.ts';
import { withdrawOrders } from './enforcement.ts';
import { firstPanelSize, openNextLevel, openPanel } from './panel-draw.ts';
import { isSeated, leaveSeats, readPanel, seatedIn, writePanel } from './panel-state.ts';
import { close, giveRuling, payPanel, returnFee, rulingOf } from './ruling.ts';
import {
  decideByRule,
  keepStatements,
  readStatements,
  type Statement,
  statementsCodec,
  statementsRefusal,
} from './statements.ts';
import { penaltyMaxOf } from './voting.ts';

/** Pieces of evidence of one case at most. */
const evidenceMax = 64;

interface Named {
  readonly case: Digest;
}
interface Filing extends Named, Claim {}
interface Response extends Named {
  /** The breach is admitted as claimed. */
  readonly admits: boolean;
  readonly answer: Digest;
}
interface Evidence extends Named {
  /** Of bytes that are kept off chain. */
  readonly evidence: Digest;
  readonly statements: readonly Statement[];
}
interface Challenge extends Named {
  readonly arbitrator: Party['account'];
}
interface Proposal extends Named {
  /** Minor units from the respondent to the claimant. */
  readonly penalty: bigint;
  readonly terms: Digest;
}
interface Appeal extends Named {
  readonly grounds: Digest;
}

/** `<case>/<number>`; bytes are kept off chain. */
const evidenceTable = table(
  'court/evidence/',
  struct<{ party: Party['account']; evidence: Digest }>({ party: publicKey32, evidence: digest32 }),
);

/** The claimant's or the respondent's account, whichever the sender acts for. */
function sideOf(view: ReadView, { agreement }: CaseRecord, { sender }: TransactionContext): Party['account'] {
  const party = partyOf(termsOf(view, agreement), sender);
  invariant(party !== undefined, 'the permission table admits parties only');
  return party.account;
}

/** Why this cannot be done now, or null. */
function stageRefusal(
  view: ReadView,
  { stage, due }: CaseRecord,
  stages: readonly CaseStage[],
  context: BlockContext,
): 'wrong-stage' | 'too-late' | null {
  if (!stages.includes(stage)) return 'wrong-stage';
  // The moment of a draw is a height: it comes at the end of its block, never before.
  return due?.id.order === 'court' && isPast(due, courtTime(view, context)) ? 'too-late' : null;
}

function file({ case: id, ...claim }: Filing, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor.file, context);
  if (refusal !== null) return refuse(refusal);
  if (claim.amount === 0n && claim.actions.length === 0) return refuse('nothing-claimed');
  const terms = termsOf(view, record.agreement);
  const isOrdered = claim.actions.every((action, at) => at === 0 || action > (claim.actions[at - 1] ?? action));
  if (!isOrdered || claim.actions.some((action) => action >= terms.enforcementRules.length))
    return refuse('bad-actions');
  const rules = rulesOf(view, id);
  const payer = sideOf(view, record, context);
  if (!hold(view, payer, feeHolding(id), rules.filingFee)) return refuse('insufficient-balance');
  const candidates = eligibleArbitrators(view, terms, rules);
  freezeCandidates(view, id, candidates);
  const filed = { ...record, claim, feePayer: payer, candidatesRoot: candidatesRoot(candidates) };
  caseEvent(view, 'filed', id, { amount: claim.amount.toString(), grounds: claim.grounds });
  enterStage(view, context, id, filed, 'response');
  return ok;
}

/** A ruling for the claim as it stands: admitted, unanswered, or proved by rule. */
function ruleForClaim(
  view: View,
  context: BlockContext,
  id: Digest,
  record: CaseRecord,
  by: 'default' | 'rule' | 'parties',
): void {
  const { claim } = record;
  invariant(claim !== null, 'a claim was filed');
  const ruling = {
    ...rulingOf(record, context),
    decision: 'breach' as const,
    by,
    penalty: penaltyMaxOf(view, record),
    actions: claim.actions,
  };
  giveRuling(view, context, id, record, ruling);
}

function respond({ case: id, admits, answer }: Response, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor.respond, context);
  if (refusal !== null) return refuse(refusal);
  caseEvent(view, 'answered', id, { admits: String(admits), answer });
  if (admits) ruleForClaim(view, context, id, record, 'parties');
  else enterStage(view, context, id, record, 'evidence');
  return ok;
}

/** A missed response is the only thing that loses a case by itself. */
export const onResponseDue = (view: View, context: BlockContext, id: Digest, record: CaseRecord): void =>
  ruleForClaim(view, context, id, record, 'default');

function submitEvidence(
  { case: id, evidence, statements }: Evidence,
  view: View,
  context: TransactionContext,
): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor['submit-evidence'], context);
  if (refusal !== null) return refuse(refusal);
  if (record.evidenceCount >= evidenceMax) return refuse('too-much-evidence');
  const obligation = obligationOf(termsOf(view, record.agreement), record.obligation);
  invariant(obligation !== undefined, 'a case is about an obligation');
  const problem = statementsRefusal(statements, record, obligation, context);
  if (problem !== null) return refuse(problem);
  const party = sideOf(view, record, context);
  for (const [, known] of view.scan(evidenceTable, `${id}/`)) {
    if (known.evidence === evidence) return refuse('evidence-known');
  }
  view.set(evidenceTable, `${id}/${sortable(record.evidenceCount)}`, { party, evidence });
  keepStatements(view, id, statements);
  writeCase(view, id, { ...record, evidenceCount: record.evidenceCount + 1 });
  caseEvent(view, 'evidence', id, { party, evidence });
  return ok;
}

/** All evidence is there. Small claims are decided by their evidence rule where it can decide them. */
export function onEvidenceDue(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const terms = termsOf(view, record.agreement);
  const rule = obligationOf(terms, record.obligation)?.evidenceRule ?? null;
  const isSmall = (record.claim?.amount ?? 0n) < terms.dispute.arbitrationThreshold;
  const result = rule !== null && isSmall ? decideByRule(rule, readStatements(view, id)) : 'panel';
  if (result === 'breach') ruleForClaim(view, context, id, record, 'rule');
  else if (result === 'no-breach') giveRuling(view, context, id, record, { ...rulingOf(record, context), by: 'rule' });
  else openPanel(view, context, id, record, firstPanelSize(view, record));
}

function challenge({ case: id, arbitrator }: Challenge, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor['challenge-panelist'], context);
  if (refusal !== null) return refuse(refusal);
  const panel = readPanel(view, id);
  if (!isSeated(panel, arbitrator)) return refuse('not-seated');
  const party = sideOf(view, record, context);
  const used = panel.challengers.filter((challenger) => challenger === party).length;
  if (used >= rulesOf(view, id).challengesPerParty) return refuse('no-challenge-left');
  const left = leaveSeats(view, panel, (seat) => seat.arbitrator === arbitrator);
  writePanel(view, id, { ...left, challengers: [...panel.challengers, party] });
  caseEvent(view, 'challenged', id, { party, arbitrator });
  return ok;
}

/** A proposal; where the other side has made the same one, the case is settled. */
function settle({ case: id, penalty, terms }: Proposal, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor.settle, context);
  if (refusal !== null) return refuse(refusal);
  const by = sideOf(view, record, context);
  const offered = record.settlement;
  const isAgreed = offered !== null && offered.by !== by && offered.penalty === penalty && offered.terms === terms;
  caseEvent(view, 'settlement', id, { party: by, penalty: penalty.toString(), terms });
  if (isAgreed) {
    // Who has begun to vote has earned the fee.
    if (record.stage === 'commit' || record.stage === 'reveal') payPanel(view, id, seatedIn(readPanel(view, id)));
    const settled = { ...rulingOf(record, context), decision: 'settled' as const, by: 'parties' as const };
    giveRuling(view, context, id, record, { ...settled, penalty, reasons: terms });
  } else writeCase(view, id, { ...record, settlement: { by, penalty, terms } });
  return ok;
}

/** The claimant gives up: alone before the response, with consent before voting, never after. */
function withdraw({ case: id }: Named, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor.withdraw, context);
  if (refusal !== null) return refuse(refusal);
  // Somebody has voted, or might have.
  if (record.level > 0 || record.isSecondPanel) return refuse('too-late-to-withdraw');
  const by = sideOf(view, record, context);
  const isClaimants = record.withdrawal === record.claimant;
  if (by === record.respondent && !isClaimants) return refuse('nothing-to-consent-to');
  if (by === record.respondent || stagesFor['withdraw-alone'].includes(record.stage))
    close(view, id, record, 'withdrawn');
  else {
    writeCase(view, id, { ...record, withdrawal: by });
    caseEvent(view, 'withdrawal', id, { party: by });
  }
  return ok;
}

function appeal({ case: id, grounds }: Appeal, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, stagesFor.appeal, context);
  if (refusal !== null) return refuse(refusal);
  const by = sideOf(view, record, context);
  // What is held still was paid for a panel that never sat.
  returnFee(view, id, record);
  if (!hold(view, by, feeHolding(id), rulesOf(view, id).appealFee)) return refuse('insufficient-balance');
  caseEvent(view, 'appealed', id, { party: by, grounds });
  withdrawOrders(view, id);
  openNextLevel(view, context, id, { ...record, ruling: null, feePayer: by });
  return ok;
}

/** Sides that the sender acts for in a case. */
const side = ({ case: id }: Named, view: ReadView, { sender }: TransactionContext): readonly Role[] => {
  const record = readCase(view, id);
  const account = record === undefined ? undefined : partyOf(termsOf(view, record.agreement), sender)?.account;
  if (record === undefined || account === undefined) return [];
  if (account === record.claimant) return ['claimant'];
  return account === record.respondent ? ['respondent'] : [];
};

const ofParties = <Body extends Named>(
  body: JsonCodec<Body>,
  execute: (body: Body, view: View, context: TransactionContext) => Outcome,
): Kind<never> => kind<Body>({ body, relation: side, execute });

/** Transactions of the parties of a case, by the name of their kind. */
export const disputeKinds: readonly (readonly [string, Kind<never>])[] = [
  [
    'file',
    ofParties(
      jsonStruct<Filing>({
        case: jsonDigest,
        amount: jsonAmount,
        actions: jsonList(jsonUint(15), 16),
        grounds: jsonDigest,
      }),
      file,
    ),
  ],
  ['respond', ofParties(jsonStruct<Response>({ case: jsonDigest, admits: jsonBoolean, answer: jsonDigest }), respond)],
  [
    'submit-evidence',
    ofParties(
      jsonStruct<Evidence>({ case: jsonDigest, evidence: jsonDigest, statements: statementsCodec }),
      submitEvidence,
    ),
  ],
  ['challenge-panelist', ofParties(jsonStruct<Challenge>({ case: jsonDigest, arbitrator: jsonKey }), challenge)],
  ['settle', ofParties(jsonStruct<Proposal>({ case: jsonDigest, penalty: jsonAmount, terms: jsonDigest }), settle)],
  ['withdraw', ofParties(jsonStruct<Named>({ case: jsonDigest }), withdraw)],
  ['appeal', ofParties(jsonStruct<Appeal>({ case: jsonDigest, grounds: jsonDigest }), appeal)],
];
