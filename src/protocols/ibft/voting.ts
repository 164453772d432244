/** Accepting a proposal, preparing, committing, deciding. Source: consensus design, rules 6 and 7. */
import type { CommitSeal } from '../ledger/block.ts';
import type { Digest, Round } from '../shared/brands.ts';
import { accepted, ignored, invariant, rejected } from '../shared/errors.ts';
import { futureRoundsMax, pastCommitsMax, payloadBytes } from './bounds.ts';
import {
  accuse,
  cancelTimer,
  charge,
  hasRoom,
  heightOf,
  keyAt,
  nothingBeside,
  persist,
  proposerOfRound,
  replaceAt,
  sign,
  type Step,
  votesOfRound,
} from './draft.ts';
import type { MachineState, MachineVerdict, RoundVotes, TrackedProposal } from './machine-types.ts';
import type { CommitPayload, EncodedBlock, PreparePayload, RoundChangePayload } from './messages.ts';
import { countFor, votesFor } from './quorum.ts';
import { becomeDue, notePosition } from './rounds.ts';

// --- slots -------------------------------------------------------------------------------------------------------

function storeVote(step: Step, author: number, round: Round, change: Partial<RoundVotes>): void {
  const { state } = step;
  const votes = new Map(state.votes);
  votes.set(round, { ...votesOfRound(state, round), ...change });
  state.votes = votes;
  if (round !== state.round) charge(step, author, payloadBytes);
}

/** Makes room for one more commit of a past round: the author's lowest goes. */
function dropLowestCommit(step: Step, author: number): void {
  const { state } = step;
  let count = 0;
  let lowest: Round | null = null;
  for (const [round, votes] of state.votes) {
    if (round >= state.round || (votes.commits[author] ?? null) === null) continue;
    count += 1;
    if (lowest === null || round < lowest) lowest = round;
  }
  if (lowest === null || count < pastCommitsMax) return;
  const votes = new Map(state.votes);
  const at = votesOfRound(state, lowest);
  votes.set(lowest, { ...at, commits: replaceAt(at.commits, author, null) });
  state.votes = votes;
  charge(step, author, -payloadBytes);
}

// --- accepting and preparing -------------------------------------------------------------------------------------

/** Rule 6: the block is executed and stored; remember what was accepted, then prepare, once. */
export function acceptProposal(step: Step, proposal: TrackedProposal): void {
  const { state } = step;
  const { round } = state;
  const height = heightOf(state);
  const { digest, block, roundChanges, prepares } = proposal;
  state.proposal = { ...proposal, status: 'accepted' };
  state.lastValid = { digest, block };
  // On demand: a block that may be proposed there may be proposed here.
  if (round === 0 && state.facts.parameters.blockTimeMs === 0) becomeDue(step);
  if (state.selfIndex === null || state.decided !== null) return;
  // What this node proposed itself was persisted before it was signed. (Its key alone does not tell: its own proposal
  // from before a lost journal may come back from a peer.)
  const proposed = state.own.proposal?.request.payload;
  const isPersisted = proposed?.kind === 'proposal' && proposed.round === round && proposed.digest === digest;
  if (!isPersisted) persist(step, { type: 'accepted', height, round, digest, block, roundChanges, prepares });
  sign(step, { kind: 'prepare', height, round, digest }, nothingBeside);
  if (state.prepared?.round === round) sign(step, { kind: 'commit', height, round, digest }, nothingBeside);
  else checkPrepared(step);
}

/** Rule 6: at a quorum in the current round, once: store, persist, then commit. */
function checkPrepared(step: Step): void {
  const { state } = step;
  const { proposal, round } = state;
  if (proposal?.status !== 'accepted' || state.prepared?.round === round) return;
  if (state.selfIndex === null || state.decided !== null) return;
  const { digest, block } = proposal;
  const { prepares } = votesOfRound(state, round);
  if (countFor(prepares, digest) < state.facts.set.quorum) return;
  const height = heightOf(state);
  const certificate = { round, digest, block, prepares: votesFor(prepares, digest) };
  state.prepared = certificate;
  persist(step, { type: 'prepared', height, ...certificate });
  sign(step, { kind: 'commit', height, round, digest }, nothingBeside);
}

export function uponPrepare(step: Step, author: number, payload: PreparePayload): MachineVerdict {
  const { state } = step;
  const { round } = payload;
  if (round < state.round) return ignored('past-round');
  if (round > state.round + futureRoundsMax) {
    notePosition(step, author, round);
    return ignored('round-too-far');
  }
  const { prepares } = votesOfRound(state, round);
  const known = prepares[author] ?? null;
  if (known !== null) {
    if (known.digest === payload.digest) return ignored('duplicate');
    accuse(step, author, { kind: 'prepare', first: known, second: payload });
    return rejected('equivocation');
  }
  notePosition(step, author, round);
  if (round !== state.round && !hasRoom(state, author, payloadBytes)) return ignored('share-full');
  storeVote(step, author, round, { prepares: replaceAt(prepares, author, payload) });
  if (round === state.round) checkPrepared(step);
  return accepted;
}

// --- committing and deciding -------------------------------------------------------------------------------------

/** Commit(H, r) beside RoundChange(H, r′ > r) that holds no certificate of r or later: no correct validator signs both. */
export function checkAmnesia(step: Step, author: number, commit: CommitPayload, claim: RoundChangePayload): void {
  const isForgotten = claim.preparedRound === null || claim.preparedRound < commit.round;
  if (claim.round > commit.round && isForgotten)
    accuse(step, author, { kind: 'amnesia', first: commit, second: claim });
}

export function uponCommit(step: Step, author: number, payload: CommitPayload): MachineVerdict {
  const { state } = step;
  const { round } = payload;
  if (round > state.round + futureRoundsMax) {
    notePosition(step, author, round);
    return ignored('round-too-far');
  }
  const known = votesOfRound(state, round).commits[author] ?? null;
  if (known !== null) {
    if (known.digest === payload.digest) return ignored('duplicate');
    accuse(step, author, { kind: 'commit', first: known, second: payload });
    return rejected('equivocation');
  }
  notePosition(step, author, round);
  if (round < state.round) dropLowestCommit(step, author);
  if (round !== state.round && !hasRoom(state, author, payloadBytes)) return ignored('share-full');
  const { commits } = votesOfRound(state, round);
  storeVote(step, author, round, { commits: replaceAt(commits, author, payload) });
  const claim = state.roundChanges[author]?.payload;
  if (claim !== undefined) checkAmnesia(step, author, payload, claim);
  checkDecided(step, round, payload);
  return accepted;
}

function findBlock(state: MachineState, payload: CommitPayload): EncodedBlock | null {
  const { digest } = payload;
  if (state.lastValid?.digest === digest) return state.lastValid.block;
  if (state.prepared?.digest === digest) return state.prepared.block;
  if (state.proposal?.digest === digest) return state.proposal.block;
  for (const entry of state.roundChanges) if (entry?.certificate?.digest === digest) return entry.certificate.block;
  return null;
}

/** Rule 7: a quorum of seals for the same (H, round, digest) decides, whatever the local round. */
function checkDecided(step: Step, round: Round, payload: CommitPayload): void {
  const { state } = step;
  const { digest } = payload;
  const { commits } = votesOfRound(state, round);
  if (countFor(commits, digest) < state.facts.set.quorum) return;
  const seals = votesFor(commits, digest).map(({ author, signature }) => ({ validator: author, signature }));
  state.awaited = { round, digest, commit: { round, seals } };
  const block = findBlock(state, payload);
  if (block !== null) completeDecision(step, block);
  else fetchAwaited(step);
}

/** Asks for the decided block: first the round's proposer, then those who prepared it. */
export function fetchAwaited(step: Step): void {
  const { state } = step;
  if (state.awaited === null || state.decided !== null) return;
  const { round, digest, commit } = state.awaited;
  const { prepares } = votesOfRound(state, round);
  const holders = [...votesFor(prepares, digest).map(({ author }) => author), ...commit.seals.map((s) => s.validator)];
  const sources = [...new Set([keyAt(state, proposerOfRound(state, round)), ...holders])];
  const others = sources.filter((source) => source !== state.self);
  step.effects.push({ type: 'fetch-block', height: heightOf(state), round, digest, sources: others });
}

export function stopTimers(step: Step): void {
  step.state.roundTimer = null;
  for (const timer of ['proposal-due', 'round', 'resend', 'proposal-held'] as const) cancelTimer(step, timer);
}

/** A block came by: true where it is the decided one that was missing. */
export function completeAwaited(step: Step, digest: Digest, block: EncodedBlock): boolean {
  if (step.state.awaited?.digest !== digest || step.state.decided !== null) return false;
  completeDecision(step, block);
  return true;
}

function completeDecision(step: Step, block: EncodedBlock): void {
  const { state } = step;
  invariant(state.awaited !== null, 'only a decision by seals is completed');
  const { round, digest, commit } = state.awaited;
  state.decided = state.awaited;
  state.awaited = null;
  stopTimers(step);
  state.previous = {
    height: heightOf(state),
    round,
    digest,
    members: state.facts.set.validators.map((validator) => validator.publicKey),
    sealed: commit.seals.map((seal) => seal.validator),
  };
  const isChecked = state.lastValid?.digest === digest;
  step.effects.push({ type: 'decide', height: heightOf(state), round, digest, block, commit, checked: isChecked });
}

/** A commit for a height that is decided: one more seal for the commit that the next block carries, or nothing. */
export function uponLateCommit(step: Step, payload: CommitPayload): MachineVerdict | null {
  const { state } = step;
  const { previous } = state;
  const { height, round, digest, author: validator, signature } = payload;
  if (previous?.height !== height || previous.round !== round || previous.digest !== digest) return null;
  if (!previous.members.includes(validator)) return rejected('unknown-author');
  if (previous.sealed.includes(validator)) return ignored('duplicate');
  state.previous = { ...previous, sealed: [...previous.sealed, validator] };
  const seal: CommitSeal = { validator, signature };
  step.effects.push({ type: 'late-seal', height, round, digest, seal });
  return accepted;
}
