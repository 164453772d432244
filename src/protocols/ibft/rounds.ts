/**
 * Moving through rounds. Source: consensus design, rules 2, 9, 10 and 11.
 *
 * Deviation: every verified message of a height, not only a round change, shows that its author reached the message's
 * round (rules 9 and 10). A validator that follows a proposal into a round sends no round change for it, and those who
 * missed the proposal would otherwise never learn where it is.
 *
 * Deviation: rule 10's target is the (f+1)-th highest of the others' rounds, which is where moving to the smallest of
 * the higher rounds again and again ends; the round changes in between would be superseded at once.
 *
 * Addition to rule 9: a round is *hopeless* when a quorum of validators is live but fewer than a quorum of the live ones
 * can still vote in it, the others having gone on. Its time-out is then cut to base/16 and not counted in e, so that
 * validators scattered over rounds meet within the recovery bound instead of waiting out one time-out for each round
 * between them. The cut is not zero, so that a faulty validator that claims high rounds while a link blinks cannot
 * spin the others through rounds; it is made once a round; and if the round is no longer hopeless when it
 * fires, the rest of the time-out runs.
 */
import { compareText } from '../shared/bytes.ts';
import type { PublicKey, Round } from '../shared/brands.ts';
import { round as toRound } from '../shared/brands.ts';
import { accepted, ignored } from '../shared/errors.ts';
import { roundMax } from './bounds.ts';
import {
  cancelTimer,
  faultyMax,
  heightOf,
  isActive,
  keyAt,
  memberCount,
  persist,
  recountKept,
  replaceAt,
  setTimer,
  sign,
  type Step,
} from './draft.ts';
import type { MachineState, MachineVerdict, RoundChangeEntry, RoundVotes } from './machine-types.ts';
import type { RoundChangePayload } from './messages.ts';
import { tryPropose } from './proposing.ts';
import { memberIndex } from './quorum.ts';
import { hopelessRoundMs, resendMs, roundTimeoutMs } from './timeouts.ts';

// --- who is where ------------------------------------------------------------------------------------------------

/** A verified message of this height shows that its author reached the round. */
export function notePosition(step: Step, author: number, round: Round): void {
  const { state } = step;
  if ((state.positions[author] ?? -1) < round) state.positions = replaceAt(state.positions, author, round);
}

/** Round changes inside a justification count as positions (rule 9). */
export function notePositions(step: Step, payloads: readonly RoundChangePayload[]): void {
  for (const { author, round } of payloads) notePosition(step, memberIndex(step.state.facts.set, author), round);
}

function isLive(state: MachineState, index: number): boolean {
  return index === state.selfIndex || state.live.includes(keyAt(state, index));
}

/** Whether self and the members with a live link make a quorum. */
function linkQuorumIsLive(state: MachineState): boolean {
  let live = 0;
  for (let index = 0; index < memberCount(state); index++) if (isLive(state, index)) live += 1;
  return live >= state.facts.set.quorum;
}

/** Rule 9: whether a quorum, self included, is known to be at this round or later. */
function quorumIsHere(state: MachineState): boolean {
  let here = 0;
  for (const position of state.positions) if (position >= state.round) here += 1;
  return here >= state.facts.set.quorum;
}

/** Rule 10's target: the (f+1)-th highest round of the others, where it is above the own one. */
function jumpTarget(state: MachineState): Round | null {
  const { positions, round, selfIndex } = state;
  // Asked after every message, and nearly always nobody is further.
  if (!positions.some((position) => position > round)) return null;
  const higher = positions.filter((position, index) => index !== selfIndex && position > round);
  const enough = faultyMax(state) + 1;
  if (higher.length < enough) return null;
  higher.sort((a, b) => b - a);
  return toRound(higher[enough - 1] ?? state.round);
}

/** See the head of this file. A validator that went on after committing here has given all that this round needs of it. */
function isHopeless(state: MachineState): boolean {
  if (!state.positions.some((position) => position > state.round)) return false;
  const commits = state.votes.get(state.round)?.commits;
  const { quorum } = state.facts.set;
  let live = 0;
  let able = 0;
  for (let index = 0; index < memberCount(state); index++) {
    if (!isLive(state, index)) continue;
    live += 1;
    if ((state.positions[index] ?? -1) <= state.round || (commits?.[index] ?? null) !== null) able += 1;
  }
  return live >= quorum && able < quorum;
}

// --- entering a round --------------------------------------------------------------------------------------------

function dropPastVotes(state: MachineState, round: Round): ReadonlyMap<Round, RoundVotes> {
  const kept = new Map<Round, RoundVotes>();
  for (const [at, votes] of state.votes) {
    if (at >= round) kept.set(at, votes);
    else if (votes.commits.some((commit) => commit !== null))
      kept.set(at, { prepares: new Array<null>(votes.prepares.length).fill(null), commits: votes.commits });
  }
  return kept;
}

/** Certificates of past rounds are of no use; of the round that becomes current only the best is kept. */
function dropCertificates(
  entries: readonly (RoundChangeEntry | null)[],
  round: Round,
): readonly (RoundChangeEntry | null)[] {
  let best: RoundChangeEntry | null = null;
  for (const entry of entries) {
    if (entry?.payload.round !== round || entry.certificate === null) continue;
    if (entry.certificate.round > (best?.certificate?.round ?? -1)) best = entry;
  }
  return entries.map((entry) =>
    entry === null || entry.certificate === null || entry.payload.round > round || entry === best
      ? entry
      : { ...entry, certificate: null },
  );
}

/** Moves to a higher round, silently; `announceRound` says it to the others. */
export function enterRound(step: Step, round: Round, cause: 'time-out' | 'jump' | 'proposal'): void {
  const { state } = step;
  if (state.roundTimer !== null) cancelTimer(step, 'round');
  if (state.proposal?.status === 'held') cancelTimer(step, 'proposal-held');
  state.votes = dropPastVotes(state, round);
  state.roundChanges = dropCertificates(state.roundChanges, round);
  state.round = round;
  state.roundTimer = null;
  state.proposal = null;
  state.proposing = 'no';
  state.keptBytes = recountKept(state, (key) => memberIndex(state.facts.set, key));
  if (state.selfIndex !== null) notePosition(step, state.selfIndex, round);
  step.effects.push({ type: 'round-entered', height: heightOf(state), round, cause });
}

/** Round change for the current round, with the prepared certificate where one is held. */
function announceRound(step: Step): void {
  const { state } = step;
  if (!isActive(state)) return;
  const { prepared, round } = state;
  const height = heightOf(state);
  const claim = { preparedRound: prepared?.round ?? null, preparedDigest: prepared?.digest ?? null };
  persist(step, { type: 'round', height, round, ...claim });
  sign(
    step,
    { kind: 'round-change', height, round, ...claim },
    { block: prepared?.block ?? null, roundChanges: [], prepares: prepared?.prepares ?? [] },
  );
}

// --- timers ------------------------------------------------------------------------------------------------------

function settleRoundTimer(step: Step): void {
  const { state } = step;
  const { parameters } = state.facts;
  if (state.roundTimer === null && (state.round === 0 ? state.isDue : quorumIsHere(state))) {
    const durationMs = roundTimeoutMs(parameters, state.expiries, faultyMax(state));
    state.roundTimer = { phase: 'full', durationMs, linksHeld: linkQuorumIsLive(state) };
    setTimer(step, 'round', { afterMs: durationMs });
  }
  // A laggard in round 0 may learn that the others went on before its own block time has come.
  if (state.round > 0 && state.roundTimer === null) return;
  if ((state.roundTimer === null || state.roundTimer.phase === 'full') && isHopeless(state)) {
    const durationMs = state.roundTimer?.durationMs ?? roundTimeoutMs(parameters, state.expiries, faultyMax(state));
    state.roundTimer = { phase: 'hopeless', durationMs, linksHeld: linkQuorumIsLive(state) };
    setTimer(step, 'round', { afterMs: hopelessRoundMs(parameters) }, true);
  }
}

/** After every input: jump where f+1 are ahead, run the timer that should run, propose what can be proposed. */
export function settle(step: Step): void {
  const { state } = step;
  if (state.decided !== null) return;
  const target = jumpTarget(state);
  if (target !== null) {
    enterRound(step, target, 'jump');
    announceRound(step);
  }
  if (!isActive(state)) return;
  settleRoundTimer(step);
  tryPropose(step);
}

/** Rule 2: from now on round 0's block may be proposed, and its timer runs. */
export function becomeDue(step: Step): void {
  const { state } = step;
  if (state.isDue) return;
  state.isDue = true;
  if (isActive(state)) cancelTimer(step, 'proposal-due');
}

/** The round's time-out fired. */
export function uponRoundTimeout(step: Step): MachineVerdict {
  const { state } = step;
  const timer = state.roundTimer;
  if (timer === null || !isActive(state)) return ignored('stale');
  const restMs = timer.durationMs - hopelessRoundMs(state.facts.parameters);
  if (timer.phase === 'hopeless' && restMs > 0 && !isHopeless(state)) {
    state.roundTimer = { ...timer, phase: 'rest' };
    setTimer(step, 'round', { afterMs: restMs });
    return accepted;
  }
  state.roundTimer = null;
  if (state.round >= roundMax) return ignored('not-needed');
  if (timer.phase !== 'hopeless' && timer.linksHeld) state.expiries += 1;
  enterRound(step, toRound(state.round + 1), 'time-out');
  announceRound(step);
  return accepted;
}

// --- links and resends -------------------------------------------------------------------------------------------

/** Rule 11: latest own messages of the height, to everyone or to one peer. */
function resendOwn(step: Step, to: PublicKey | null): void {
  const { own } = step.state;
  // A fixed order: what justifies comes before what needs it.
  for (const latest of [own['round-change'], own.proposal, own.prepare, own.commit]) {
    if (latest === null) continue;
    if (latest.message === null) {
      if (latest.status === 'refused-for-now' && to === null) sign(step, latest.request.payload, latest.request.beside);
    } else if (to === null) step.effects.push({ type: 'broadcast', message: latest.message });
    else step.effects.push({ type: 'send', to, message: latest.message });
  }
}

export function uponResendTick(step: Step): MachineVerdict {
  const { state } = step;
  if (!isActive(state)) return ignored('stale');
  resendOwn(step, null);
  setTimer(step, 'resend', { afterMs: resendMs(state.facts.parameters) });
  return accepted;
}

/** Rules 9 and 11: who is linked decides whether an expiry counts; a new link gets the own messages at once. */
export function uponLinksChanged(step: Step, live: readonly PublicKey[]): MachineVerdict {
  const { state } = step;
  const before = state.live;
  const wasQuorum = linkQuorumIsLive(state);
  state.live = [...new Set(live)].sort(compareText);
  if (!isActive(state)) return accepted;
  for (const key of state.live)
    if (!before.includes(key) && memberIndex(state.facts.set, key) >= 0) resendOwn(step, key);
  const isQuorum = linkQuorumIsLive(state);
  if (wasQuorum && !isQuorum) {
    state.expiries = 0;
    if (state.roundTimer !== null) state.roundTimer = { ...state.roundTimer, linksHeld: false };
  }
  if (!wasQuorum && isQuorum && state.roundTimer !== null && state.roundTimer.phase !== 'hopeless') {
    // e is 0 again: a long time-out from before the outage must not outlive it.
    const durationMs = roundTimeoutMs(state.facts.parameters, state.expiries, faultyMax(state));
    state.roundTimer = { ...state.roundTimer, durationMs: Math.min(durationMs, state.roundTimer.durationMs) };
    setTimer(step, 'round', { afterMs: state.roundTimer.durationMs }, true);
  }
  return accepted;
}
