/** Commit and Reveal: the panel votes, or fails to. Source: court design, "Vote" and "Draw". */
import type { Digest } from '../../../shared/brands.ts';
import { jsonBytesExact, jsonDigest, jsonStruct } from '../../json-codec.ts';
import { kind, type Kind, ok, type Outcome, refuse, type BlockContext, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import type { ReadView, View } from '../../view.ts';
import { obligationOf } from './agreement-terms.ts';
import { termsOf } from './agreement-state.ts';
import { countSeat, penalise } from './arbitrators.ts';
import {
  caseEvent,
  caseOf,
  type CaseRecord,
  type CaseStage,
  enterStage,
  readCase,
  rulesOf,
  stagesFor,
} from './case-state.ts';
import { courtTime, isPast } from './court-clock.ts';
import { openNextLevel, openPanel } from './panel-draw.ts';
import {
  dissolvePanel,
  isSeated,
  leaveSeats,
  type Panel,
  readPanel,
  revealedVotes,
  type Seat,
  withSeat,
  writePanel,
} from './panel-state.ts';
import { dismiss, giveRuling, payPanel, rulingOf } from './ruling.ts';
import { panelRules, type PanelRules, tally, type Vote, voteCodec, voteCommitment, voteProblem } from './vote.ts';

interface Named {
  readonly case: Digest;
}
interface CommitVote extends Named {
  readonly commitment: Digest;
}
interface RevealVote extends Named {
  readonly vote: Vote;
  readonly salt: Uint8Array;
}

const rulesOfPanel = (view: ReadView, { agreement, panelSize }: CaseRecord): PanelRules =>
  panelRules(panelSize, termsOf(view, agreement).dispute);

/** The most that a ruling may cost: what is claimed, within what the agreement lets a breach cost. */
export function penaltyMaxOf(view: ReadView, { agreement, obligation, claim }: CaseRecord): bigint {
  const cap = obligationOf(termsOf(view, agreement), obligation)?.penaltyMax ?? 0n;
  const claimed = claim?.amount ?? 0n;
  return claimed < cap ? claimed : cap;
}

/** Why a panelist cannot do this now, or null. */
function stageRefusal(
  view: ReadView,
  record: CaseRecord,
  kindName: 'accept' | 'recuse' | 'commit-vote' | 'reveal-vote',
  context: TransactionContext,
): 'wrong-stage' | 'too-late' | null {
  const stages: readonly CaseStage[] = stagesFor[kindName];
  if (!stages.includes(record.stage)) return 'wrong-stage';
  return isPast(record.due, courtTime(view, context)) ? 'too-late' : null;
}

const seatOf = ({ seats }: Panel, { sender }: TransactionContext): Seat | undefined =>
  seats.find(({ arbitrator }) => arbitrator === sender);

function accept({ case: id }: Named, view: View, context: TransactionContext): Outcome {
  const refusal = stageRefusal(view, caseOf(view, id), 'accept', context);
  if (refusal !== null) return refuse(refusal);
  const panel = readPanel(view, id);
  if (seatOf(panel, context)?.hasAccepted === true) return refuse('already-accepted');
  writePanel(view, id, withSeat(panel, context.sender, { hasAccepted: true }));
  countSeat(view, context.sender, 1);
  caseEvent(view, 'accepted', id, { arbitrator: context.sender });
  return ok;
}

/** Whoever was drawn steps back, also after having accepted; not once voting has begun. */
function recuse({ case: id }: Named, view: View, context: TransactionContext): Outcome {
  const refusal = stageRefusal(view, caseOf(view, id), 'recuse', context);
  if (refusal !== null) return refuse(refusal);
  writePanel(
    view,
    id,
    leaveSeats(view, readPanel(view, id), ({ arbitrator }) => arbitrator === context.sender),
  );
  caseEvent(view, 'recused', id, { arbitrator: context.sender });
  return ok;
}

function commit({ case: id, commitment }: CommitVote, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, 'commit-vote', context);
  if (refusal !== null) return refuse(refusal);
  const before = readPanel(view, id);
  if (seatOf(before, context)?.commitment !== null) return refuse('already-committed');
  const panel = withSeat(before, context.sender, { commitment });
  writePanel(view, id, panel);
  caseEvent(view, 'committed', id, { arbitrator: context.sender, commitment });
  if (panel.seats.every((seat) => seat.commitment !== null)) enterStage(view, context, id, record, 'reveal');
  return ok;
}

function reveal({ case: id, vote, salt }: RevealVote, view: View, context: TransactionContext): Outcome {
  const record = caseOf(view, id);
  const refusal = stageRefusal(view, record, 'reveal-vote', context);
  if (refusal !== null) return refuse(refusal);
  const { chainId: chain, sender: arbitrator } = context;
  const before = readPanel(view, id);
  const seat = seatOf(before, context);
  if (seat === undefined || seat.commitment === null) return refuse('not-committed');
  if (seat.vote !== null) return refuse('already-revealed');
  const expected = voteCommitment({ chain, caseId: id, round: record.round, arbitrator, vote, salt });
  if (expected !== seat.commitment) return refuse('commitment-mismatch');
  const problem = voteProblem(vote, termsOf(view, record.agreement));
  if (problem !== null) return refuse(problem);
  const panel = withSeat(before, arbitrator, { vote });
  writePanel(view, id, panel);
  caseEvent(view, 'revealed', id, { arbitrator, decision: vote.decision });
  const isWaiting = panel.seats.some((each) => each.commitment !== null && each.vote === null);
  if (!isWaiting) concludePanel(view, context, id, record);
  return ok;
}

/** Who did not commit in time loses a part of the bond; a quorum goes on without them. */
export function onCommitDue(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const { lapsePenaltyPpm } = rulesOf(view, id);
  const { seats } = readPanel(view, id);
  const lapsed = seats.filter(({ commitment }) => commitment === null);
  for (const { arbitrator } of lapsed) penalise(view, arbitrator, lapsePenaltyPpm);
  const committed = seats.length - lapsed.length;
  if (committed >= rulesOfPanel(view, record).quorum) enterStage(view, context, id, record, 'reveal');
  else uponNoQuorum(view, context, id, record);
}

/** Who committed and did not reveal in time loses a part of the bond. */
export function onRevealDue(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const { lapsePenaltyPpm } = rulesOf(view, id);
  for (const { arbitrator, commitment, vote } of readPanel(view, id).seats) {
    if (commitment !== null && vote === null) penalise(view, arbitrator, lapsePenaltyPpm);
  }
  concludePanel(view, context, id, record);
}

/** Every vote is there that will be. */
function concludePanel(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  const panel = readPanel(view, id);
  const votes = revealedVotes(panel);
  const result = tally(votes, rulesOfPanel(view, record), penaltyMaxOf(view, record));
  if (result === 'no-quorum') {
    uponNoQuorum(view, context, id, record);
    return;
  }
  payPanel(
    view,
    id,
    votes.map(({ arbitrator }) => arbitrator),
  );
  dissolvePanel(view, id);
  if (result === 'no-majority') {
    nextLevelOrDismissal(view, context, id, record);
    return;
  }
  const counts = { votes: votes.length, seats: panel.seats.length };
  giveRuling(view, context, id, record, { ...rulingOf(record, context), ...result, ...counts, by: 'panel' });
}

/** One more panel of the same size; then the next level. */
function uponNoQuorum(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  caseEvent(view, 'no-quorum', id, { round: String(record.round) });
  dissolvePanel(view, id);
  if (record.isSecondPanel) nextLevelOrDismissal(view, context, id, record);
  else openPanel(view, context, id, { ...record, isSecondPanel: true }, record.panelSize);
}

function nextLevelOrDismissal(view: View, context: BlockContext, id: Digest, record: CaseRecord): void {
  if (record.level < rulesOf(view, id).appealsMax) openNextLevel(view, context, id, record);
  else dismiss(view, context, id, record);
}

const seating = ({ case: id }: Named, view: ReadView, { sender }: TransactionContext): readonly Role[] =>
  readCase(view, id) !== undefined && isSeated(readPanel(view, id), sender) ? ['panelist'] : [];

const namedJson = jsonStruct<Named>({ case: jsonDigest });

/** Transactions of panelists, by the name of their kind. */
export const panelKinds: readonly (readonly [string, Kind<never>])[] = [
  ['accept', kind<Named>({ body: namedJson, relation: seating, execute: accept })],
  ['recuse', kind<Named>({ body: namedJson, relation: seating, execute: recuse })],
  [
    'commit-vote',
    kind<CommitVote>({
      body: jsonStruct<CommitVote>({ case: jsonDigest, commitment: jsonDigest }),
      relation: seating,
      execute: commit,
    }),
  ],
  [
    'reveal-vote',
    kind<RevealVote>({
      body: jsonStruct<RevealVote>({ case: jsonDigest, vote: voteCodec, salt: jsonBytesExact(32) }),
      relation: seating,
      execute: reveal,
    }),
  ],
];
