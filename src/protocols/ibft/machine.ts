/**
 * The consensus machine: QBFT for one height at a time. Source: consensus design, "Rules"; EEA QBFT specification;
 * Moniz, arXiv 2002.03613. One `upon…` function a rule: proposals in upon-proposal.ts, votes and decisions in voting.ts,
 * round changes in upon-round-change.ts, time-outs, jumps and links in rounds.ts, own proposals in proposing.ts.
 *
 * Deviations from the specification, each documented where it is made: votes show positions, the jump's target, hopeless
 * rounds (rounds.ts); one latest message a kind of later heights (bounds.ts); the commit's signature is the seal
 * (messages.ts); prepares that arrive before their proposal wait in their slots instead of being refused; seals that
 * decide a block that is not here do not stop the rounds, because this validator's votes may be what brings the block.
 */
import { type PublicKey, round as toRound } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { accepted, ignored } from '../shared/errors.ts';
import {
  type Draft,
  finish,
  heightOf,
  isActive,
  keyAt,
  proposerOfRound,
  recountKept,
  replaceAt,
  setTimer,
  sign,
  type Step,
} from './draft.ts';
import { resumptionOf } from './journal.ts';
import { digestOf } from './justification.ts';
import type {
  HeightFacts,
  Input,
  JournalRecord,
  MachineState,
  MachineVerdict,
  StartOptions,
  Transition,
} from './machine-types.ts';
import { firstProposerIndex } from './proposer.ts';
import { uponBlockBuilt } from './proposing.ts';
import { memberIndex } from './quorum.ts';
import { becomeDue, settle, uponLinksChanged, uponResendTick, uponRoundTimeout } from './rounds.ts';
import { resendMs } from './timeouts.ts';
import { askCheck, uponBlockChecked, uponHeldProposalDue } from './upon-proposal.ts';
import { replayLater, uponMessage, uponSigned, uponSignRefused } from './upon-message.ts';
import { completeAwaited, fetchAwaited, stopTimers } from './voting.ts';

/** The state at the beginning of a height, before anything happened in it. */
function freshHeight(state: Draft, facts: HeightFacts): void {
  const { set, parent } = facts;
  const count = set.validators.length;
  const index = state.self === null ? -1 : memberIndex(set, state.self);
  state.facts = facts;
  state.selfIndex = index < 0 ? null : index;
  state.firstProposer = firstProposerIndex(set, parent.proposer);
  state.round = toRound(0);
  state.isDue = false;
  state.proposal = null;
  state.proposing = 'no';
  state.prepared = null;
  state.lastValid = null;
  state.votes = new Map();
  const nowhere = new Array<number>(count).fill(-1);
  state.positions = index < 0 ? nowhere : replaceAt(nowhere, index, 0);
  state.roundChanges = new Array<null>(count).fill(null);
  state.expiries = 0;
  state.roundTimer = null;
  state.own = { proposal: null, prepare: null, commit: null, 'round-change': null };
  state.awaited = null;
  state.decided = null;
  state.accused = [];
}

/** Rule 2: when round 0's block may be proposed. */
function scheduleProposal(step: Step): void {
  const { parent, parameters, hasTransactions } = step.state.facts;
  if (parameters.blockTimeMs > 0) setTimer(step, 'proposal-due', { atMs: parent.time + parameters.blockTimeMs });
  else if (hasTransactions) becomeDue(step);
  else setTimer(step, 'proposal-due', { atMs: parent.time + parameters.emptyBlockPeriodMs });
}

/** Back to where the journal says this height was left: same round, same promises, the same messages asked for again. */
function resume(step: Step, records: readonly JournalRecord[]): void {
  const { state } = step;
  if (state.selfIndex === null) return;
  const left = resumptionOf(records, heightOf(state));
  state.round = left.round;
  state.positions = replaceAt(state.positions, state.selfIndex, left.round);
  const { prepared, accepted: proposal, announced } = left;
  state.prepared = prepared;
  if (announced !== null && announced.preparedRound === (prepared?.round ?? null)) {
    const { height, round, preparedRound, preparedDigest } = announced;
    sign(
      step,
      { kind: 'round-change', height, round, preparedRound, preparedDigest },
      { block: prepared?.block ?? null, roundChanges: [], prepares: prepared?.prepares ?? [] },
    );
  }
  if (proposal === null) return;
  const { height, round, digest, block, roundChanges, prepares } = proposal;
  const proposer = proposerOfRound(state, round);
  if (proposer === state.selfIndex) {
    state.proposing = 'proposed';
    sign(step, { kind: 'proposal', height, round, digest }, { block, roundChanges, prepares });
  }
  // Executed again, since what was executed did not outlive the process; its time was judged before the restart.
  const peer = keyAt(state, proposer);
  const mode = 're-proposed';
  state.proposal = { status: 'checking', mode, peer, payload: null, digest, block, roundChanges, prepares };
  askCheck(step, state.proposal);
}

function startHeight(step: Step, facts: HeightFacts, records: readonly JournalRecord[]): void {
  const { state } = step;
  freshHeight(state, facts);
  state.future = state.future.filter(({ message }) => message.payload.height >= facts.height);
  state.keptBytes = recountKept(state, (key) => memberIndex(facts.set, key));
  resume(step, records);
  step.effects.push({ type: 'round-entered', height: facts.height, round: state.round, cause: 'start' });
  if (isActive(state)) {
    scheduleProposal(step);
    setTimer(step, 'resend', { afterMs: resendMs(facts.parameters) });
  }
  replayLater(step);
}

function uponHeightStarted(step: Step, facts: HeightFacts): MachineVerdict {
  const { state } = step;
  if (facts.height <= heightOf(state)) return ignored('stale');
  if (state.decided === null) stopTimers(step);
  startHeight(step, facts, []);
  return accepted;
}

function uponTimer(step: Step, input: Extract<Input, { type: 'timer-expired' }>): MachineVerdict {
  const { state } = step;
  if (input.height !== heightOf(state) || state.decided !== null) return ignored('stale');
  switch (input.timer) {
    case 'proposal-due':
      if (state.isDue) return ignored('stale');
      becomeDue(step);
      return accepted;
    case 'round':
      return input.round === state.round ? uponRoundTimeout(step) : ignored('stale');
    case 'resend':
      fetchAwaited(step);
      return uponResendTick(step);
    case 'proposal-held':
      return input.round === state.round ? uponHeldProposalDue(step) : ignored('stale');
  }
}

function upon(step: Step, input: Input): MachineVerdict {
  const { state } = step;
  switch (input.type) {
    case 'message':
      return uponMessage(step, input.message, input.peer);
    case 'signed':
      return uponSigned(step, input.message);
    case 'sign-refused':
      return uponSignRefused(step, input.payload, input.permanent);
    case 'timer-expired':
      return uponTimer(step, input);
    case 'links-changed':
      return uponLinksChanged(step, input.live);
    case 'height-started':
      return uponHeightStarted(step, input.facts);
    case 'decided-by-sync':
      if (input.height < heightOf(state) || state.decided !== null) return ignored('stale');
      state.decided = 'by-sync';
      stopTimers(step);
      return accepted;
    case 'transactions-available':
    case 'block-built':
    case 'block-checked':
    case 'block-fetched':
      return input.height === heightOf(state) ? uponAnswer(step, input) : ignored('stale');
  }
}

type Answer = Extract<Input, { type: 'transactions-available' | 'block-built' | 'block-checked' | 'block-fetched' }>;

function uponAnswer(step: Step, input: Answer): MachineVerdict {
  const { state } = step;
  switch (input.type) {
    case 'transactions-available':
      if (state.facts.parameters.blockTimeMs > 0 || state.isDue || !isActive(state)) return ignored('not-needed');
      becomeDue(step);
      return accepted;
    case 'block-built':
      return uponBlockBuilt(step, input.round, input.block);
    case 'block-checked':
      return uponBlockChecked(step, input.digest, input.result);
    case 'block-fetched':
      return completeAwaited(step, digestOf(input.block), input.block) ? accepted : ignored('stale');
  }
}

/**
 * The machine at the beginning of a height, or where the journal says it was left. `records` empty: a height that this
 * validator never took part in. The effects ask again for the signatures of everything that may have been sent; a guard
 * answers with the stored ones.
 */
export function createMachine(options: StartOptions): Transition {
  const { chainId, self, facts, records } = options;
  const live: readonly PublicKey[] = [...new Set(options.live)].sort(compareText);
  const state = { chainId, self, live, future: [], previous: null } as unknown as Draft;
  const step: Step = { state, effects: [] };
  startHeight(step, facts, records);
  settle(step);
  return finish(step, accepted);
}

/** One input. Pure: the given state stays as it is. Throws `InvariantError` for what its own actor does wrong only. */
export function transition(state: MachineState, input: Input): Transition {
  const step: Step = { state: { ...state }, effects: [] };
  const verdict = upon(step, input);
  settle(step);
  return finish(step, verdict);
}
