/**
 * IBFT 1.0, for simulations only: a negative control. Its published failures must show in the simulator, or the
 * simulator is blind. Source: EIP-650, and what Saltini and Hyland-Wood found wrong with it (arXiv 1901.07160).
 *
 * How it differs from what ships: a validator that saw a quorum of prepares is *locked* on the block until it decides;
 * round changes carry no prepared block and proposals no justification; whoever is locked proposes its block, commits at
 * once to a proposal of it, and asks for the next round upon any other. With the quorum 2f + 1 (`ibft1Quorum`) two
 * quorums of n ≠ 3f + 1 validators need not share a correct one.
 *
 * Kinder than the original in what is not under test: own messages are sent again until the height is decided, locks
 * survive crashes, and f + 1 validators that ask for a higher round are always followed. The state is the production machine's, which has a place for everything but the round changes by
 * round and whether a round has begun; certificates in it stay empty.
 */
import { createMachine } from '../../../protocols/ibft/machine.ts';
import {
  type Draft,
  faultyMax,
  finish,
  heightOf,
  isActive,
  memberCount,
  nothingBeside,
  persist,
  placeOf,
  proposerOfRound,
  replaceAt,
  setTimer,
  sign,
  type Step,
  votesOfRound,
} from '../../../protocols/ibft/draft.ts';
import { resumptionOf } from '../../../protocols/ibft/journal.ts';
import { digestOf, refusalOfBlock } from '../../../protocols/ibft/justification.ts';
import type {
  HeightFacts,
  Input,
  MachineState,
  MachineVerdict,
  ProposalMessage,
  StartOptions,
  Transition,
  Verified,
} from '../../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock } from '../../../protocols/ibft/messages.ts';
import { memberIndex } from '../../../protocols/ibft/quorum.ts';
import { resendMs } from '../../../protocols/ibft/timeouts.ts';
import { type Digest, type PublicKey, type Round, round as toRound } from '../../../protocols/shared/brands.ts';
import { accepted, ignored, invariant, rejected } from '../../../protocols/shared/errors.ts';
import { faultyCountMax } from '../../../protocols/ledger/validator-set.ts';
import type { Rules } from '../setting.ts';

/** More would not fit the clock. */
const doublingsMax = 36;

/** `prepared` is the lock. */
interface LockingState extends MachineState {
  /** Asked for this round, which has not begun: too few others have. */
  readonly isWaiting: boolean;
  /** Who asked for a round, by index. */
  readonly asked: ReadonlyMap<Round, readonly boolean[]>;
}

type LockingDraft = Draft & { -readonly [Field in 'isWaiting' | 'asked']: LockingState[Field] };

interface LockingStep extends Step {
  readonly state: LockingDraft;
}

/** 2f + 1, which the original uses for every n. */
export const ibft1Quorum = (validators: number): number => 2 * faultyCountMax(validators) + 1;

// --- rounds ------------------------------------------------------------------------------------------------------

/** Doubles with every round, uncapped. */
function startTimer(step: LockingStep): void {
  const { state } = step;
  const roundMs = state.facts.parameters.roundTimeoutBaseMs * 2 ** Math.min(state.round, doublingsMax);
  setTimer(step, 'round', { afterMs: roundMs });
  setTimer(step, 'resend', { afterMs: roundMs / 2 });
}

function moveTo(step: LockingStep, round: Round, cause: 'time-out' | 'jump'): void {
  const { state } = step;
  state.round = round;
  state.proposal = null;
  state.proposing = 'no';
  state.asked = new Map([...state.asked].filter(([asked]) => asked >= round));
  step.effects.push({ type: 'round-entered', height: heightOf(state), round, cause });
  startTimer(step);
}

/** Asks for a round and waits for others to ask for it too. */
function askForRound(step: LockingStep, round: Round, cause: 'time-out' | 'jump'): void {
  const { state } = step;
  moveTo(step, round, cause);
  state.isWaiting = true;
  const height = heightOf(state);
  const claim = { preparedRound: null, preparedDigest: null };
  persist(step, { type: 'round', height, round, ...claim });
  sign(step, { kind: 'round-change', height, round, ...claim }, nothingBeside);
}

function beginRound(step: LockingStep, round: Round): void {
  const { state } = step;
  if (round > state.round) moveTo(step, round, 'jump');
  else startTimer(step);
  state.isWaiting = false;
  propose(step);
}

function uponRoundChange(step: LockingStep, author: number, round: Round): MachineVerdict {
  const { state } = step;
  if (round < state.round) return ignored('past-round');
  const before = state.asked.get(round) ?? new Array<boolean>(memberCount(state)).fill(false);
  if (before[author] === true) return ignored('duplicate');
  const asked = replaceAt(before, author, true);
  state.asked = new Map(state.asked).set(round, asked);
  const count = asked.filter(Boolean).length;
  if (count >= state.facts.set.quorum && (state.isWaiting || round > state.round)) beginRound(step, round);
  else if (count > faultyMax(state) && round > state.round) askForRound(step, round, 'jump');
  return accepted;
}

// --- proposals ---------------------------------------------------------------------------------------------------

function propose(step: LockingStep): void {
  const { state } = step;
  if (!isActive(state) || state.isWaiting || state.proposing !== 'no' || state.proposal !== null) return;
  if (proposerOfRound(state, state.round) !== state.selfIndex || (state.round === 0 && !state.isDue)) return;
  if (state.prepared !== null) signProposal(step, state.prepared.block);
  else {
    state.proposing = 'building';
    step.effects.push({ type: 'build-block', height: heightOf(state), round: state.round });
  }
}

function signProposal(step: LockingStep, block: EncodedBlock): void {
  const { state } = step;
  const { round } = state;
  const height = heightOf(state);
  const digest = digestOf(block);
  state.proposing = 'proposed';
  persist(step, { type: 'accepted', height, round, digest, block, roundChanges: [], prepares: [] });
  sign(step, { kind: 'proposal', height, round, digest }, { block, roundChanges: [], prepares: [] });
}

function uponProposal(step: LockingStep, author: number, message: Verified<ProposalMessage>, peer: PublicKey) {
  const { state } = step;
  const { payload, block } = message;
  const { round, digest } = payload;
  if (round < state.round) return ignored('past-round');
  if (round > state.round || state.isWaiting) return keep(step, message, peer);
  if (author !== proposerOfRound(state, round)) return rejected('not-the-proposer');
  if (state.proposal !== null) return ignored('duplicate');
  const refusal = refusalOfBlock(placeOf(state), block, digest);
  if (refusal !== null) return rejected(refusal);
  const mode = block.value.header.proposer === payload.author ? 'fresh' : 're-proposed';
  const tracked = { mode, peer, payload, digest, block, roundChanges: [], prepares: [] } as const;
  state.proposal = { status: 'checking', ...tracked };
  step.effects.push({ type: 'check-block', height: heightOf(state), round, digest, block, mode, peer });
  return accepted;
}

/** The block is valid: prepare for it, or follow the lock. */
function acceptProposal(step: LockingStep): void {
  const { state } = step;
  const { proposal, round } = state;
  invariant(proposal !== null, 'only a proposal that is tracked is accepted');
  const { digest, block } = proposal;
  const height = heightOf(state);
  if (state.prepared !== null && state.prepared.digest !== digest) {
    askForRound(step, toRound(round + 1), 'jump');
    return;
  }
  state.proposal = { ...proposal, status: 'accepted' };
  state.lastValid = { digest, block };
  persist(step, { type: 'accepted', height, round, digest, block, roundChanges: [], prepares: [] });
  if (state.prepared === null) sign(step, { kind: 'prepare', height, round, digest }, nothingBeside);
  else sign(step, { kind: 'commit', height, round, digest }, nothingBeside);
  countVotes(step);
}

// --- votes -------------------------------------------------------------------------------------------------------

function uponVote(
  step: LockingStep,
  author: number,
  message: Extract<ConsensusMessage, { type: 'prepare' | 'commit' }>,
): MachineVerdict {
  const { state } = step;
  const { round } = message.payload;
  if (round < state.round) return ignored('past-round');
  const votes = votesOfRound(state, round);
  const slots = message.type === 'prepare' ? votes.prepares : votes.commits;
  if ((slots[author] ?? null) !== null) return ignored('duplicate');
  const changed =
    message.type === 'prepare'
      ? { ...votes, prepares: replaceAt(votes.prepares, author, message.payload) }
      : { ...votes, commits: replaceAt(votes.commits, author, message.payload) };
  state.votes = new Map(state.votes).set(round, changed);
  countVotes(step);
  return accepted;
}

/** A quorum of prepares or commits locks; a quorum of commits decides. */
function countVotes(step: LockingStep): void {
  const { state } = step;
  const { proposal, round } = state;
  if (proposal?.status !== 'accepted' || state.isWaiting || state.decided !== null) return;
  const { digest, block } = proposal;
  const height = heightOf(state);
  const { quorum } = state.facts.set;
  const { prepares, commits } = votesOfRound(state, round);
  const isFor = (vote: { readonly digest: Digest } | null | undefined): boolean => vote?.digest === digest;
  const supporters = prepares.filter((vote, index) => isFor(vote) || isFor(commits[index])).length;
  if (supporters >= quorum && state.prepared === null) {
    state.prepared = { round, digest, block, prepares: [] };
    persist(step, { type: 'prepared', height, round, digest, block, prepares: [] });
    sign(step, { kind: 'commit', height, round, digest }, nothingBeside);
  }
  const seals = commits.flatMap((vote) =>
    vote !== null && isFor(vote) ? [{ validator: vote.author, signature: vote.signature }] : [],
  );
  if (seals.length < quorum) return;
  const commit = { round, seals };
  state.decided = { round, digest, commit };
  for (const timer of ['proposal-due', 'round', 'resend'] as const) step.effects.push({ type: 'cancel-timer', timer });
  step.effects.push({ type: 'decide', height, round, digest, block, commit, checked: true });
}

// --- inputs ------------------------------------------------------------------------------------------------------

/** Kept for the round it is of. */
function keep(step: LockingStep, message: Verified<ConsensusMessage>, peer: PublicKey): MachineVerdict {
  const { state } = step;
  if (state.future.some((kept) => kept.message === message)) return ignored('duplicate');
  state.future = [...state.future, { message, peer, bytes: 0 }];
  return accepted;
}

function replayKept(step: LockingStep): void {
  const { state } = step;
  const due = state.future.find(
    ({ message }) =>
      !state.isWaiting && message.payload.height === heightOf(state) && message.payload.round === state.round,
  );
  if (due === undefined) return;
  state.future = state.future.filter((kept) => kept !== due);
  uponMessage(step, due.message, due.peer);
  replayKept(step);
}

function uponMessage(step: LockingStep, message: Verified<ConsensusMessage>, peer: PublicKey): MachineVerdict {
  const { state } = step;
  const { payload } = message;
  const author = memberIndex(state.facts.set, payload.author);
  if (author < 0) return rejected('unknown-author');
  if (payload.height !== heightOf(state))
    return ignored(payload.height < heightOf(state) ? 'past-height' : 'height-too-far');
  if (state.decided !== null) return ignored('decided');
  switch (message.type) {
    case 'proposal':
      return uponProposal(step, author, message, peer);
    case 'prepare':
    case 'commit':
      return uponVote(step, author, message);
    case 'round-change':
      return uponRoundChange(step, author, message.payload.round);
  }
}

function uponSigned(step: LockingStep, message: Verified<ConsensusMessage>): MachineVerdict {
  const { state } = step;
  const own = state.own[message.type];
  const isCurrent = own?.request.payload.height === message.payload.height;
  if (isCurrent) state.own = { ...state.own, [message.type]: { ...own, message, status: 'signed' } };
  return uponMessage(step, message, message.payload.author);
}

function uponTimer(step: LockingStep, input: Extract<Input, { type: 'timer-expired' }>): MachineVerdict {
  const { state } = step;
  if (input.height !== heightOf(state) || !isActive(state)) return ignored('stale');
  switch (input.timer) {
    case 'proposal-due':
      state.isDue = true;
      if (state.round === 0 && !state.isWaiting) startTimer(step);
      propose(step);
      return accepted;
    case 'round':
      if (input.round !== state.round) return ignored('stale');
      askForRound(step, toRound(state.round + 1), 'time-out');
      return accepted;
    case 'resend':
      for (const kind of ['round-change', 'proposal', 'prepare', 'commit'] as const) {
        const message = state.own[kind]?.message ?? null;
        if (message !== null) step.effects.push({ type: 'broadcast', message });
      }
      setTimer(step, 'resend', {
        afterMs: (state.facts.parameters.roundTimeoutBaseMs / 2) * 2 ** Math.min(state.round, doublingsMax),
      });
      return accepted;
    case 'proposal-held':
      return uponHeld(step);
  }
}

function uponHeld(step: LockingStep): MachineVerdict {
  const { proposal, round } = step.state;
  if (proposal?.status !== 'held') return ignored('stale');
  const { digest, block, mode, peer } = proposal;
  step.state.proposal = { ...proposal, status: 'checking' };
  step.effects.push({ type: 'check-block', height: heightOf(step.state), round, digest, block, mode, peer });
  return accepted;
}

function uponChecked(step: LockingStep, input: Extract<Input, { type: 'block-checked' }>): MachineVerdict {
  const { state } = step;
  const { proposal } = state;
  if (state.decided !== null || proposal?.status !== 'checking' || proposal.digest !== input.digest)
    return ignored('stale');
  if (input.result.kind === 'early') {
    state.proposal = { ...proposal, status: 'held' };
    setTimer(step, 'proposal-held', { atMs: input.result.validAtMs });
  } else if (input.result.kind === 'invalid') askForRound(step, toRound(state.round + 1), 'jump');
  else acceptProposal(step);
  return accepted;
}

function upon(step: LockingStep, input: Input): MachineVerdict {
  const { state } = step;
  switch (input.type) {
    case 'message':
      return uponMessage(step, input.message, input.peer);
    case 'signed':
      return uponSigned(step, input.message);
    case 'timer-expired':
      return uponTimer(step, input);
    case 'block-checked':
      return uponChecked(step, input);
    case 'block-built':
      if (input.height !== heightOf(state) || input.round !== state.round || state.proposing !== 'building')
        return ignored('stale');
      signProposal(step, input.block);
      return accepted;
    case 'links-changed':
      state.live = input.live;
      return accepted;
    case 'decided-by-sync':
      state.decided ??= 'by-sync';
      return accepted;
    default:
      return ignored('not-needed');
  }
}

// --- rules -------------------------------------------------------------------------------------------------------

function begin(options: StartOptions): Transition {
  const { state: empty } = createMachine({ ...options, records: [] });
  const state: LockingDraft = { ...empty, roundTimer: null, isWaiting: false, asked: new Map() };
  const step: LockingStep = { state, effects: [] };
  if (state.selfIndex === null) return finish(step, accepted);
  const left = resumptionOf(options.records, heightOf(state));
  const { prepared } = left;
  if (prepared !== null) state.prepared = { ...prepared, prepares: [] };
  const { parent, parameters } = state.facts;
  setTimer(step, 'proposal-due', { atMs: parent.time + parameters.blockTimeMs });
  setTimer(step, 'resend', { afterMs: resendMs(parameters) });
  // Where it was in the round is forgotten: the next one is asked for.
  if (options.records.some(({ height }) => height === heightOf(state)))
    askForRound(step, toRound(left.round + 1), 'time-out');
  return finish(step, accepted);
}

function nextHeight(state: MachineState, facts: HeightFacts): Transition {
  const { chainId, self, live } = state;
  const started = begin({ chainId, self, facts, records: [], live });
  return { ...started, verdict: accepted };
}

export const ibft1Rules: Rules = {
  hasCertificates: false,
  create: begin,
  transition: (state, input) => {
    if (input.type === 'height-started') return nextHeight(state, input.facts);
    const step: LockingStep = { state: { ...(state as LockingState) }, effects: [] };
    const verdict = upon(step, input);
    replayKept(step);
    return finish(step, verdict);
  },
};
