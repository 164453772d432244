/**
 * The working copy inside one transition: a shallow copy of the state whose fields are replaced, never changed in place,
 * and the effects so far. It lives as long as one call of `transition`, which stays a pure function.
 */
import { faultyCountMax } from '../ledger/validator-set.ts';
import type { Height, PublicKey, Round } from '../shared/brands.ts';
import { invariant } from '../shared/errors.ts';
import { chargeOf, payloadBytes, shareBytes } from './bounds.ts';
import type { BlockPlace } from './justification.ts';
import type {
  Beside,
  Conflict,
  Effect,
  JournalRecord,
  MachineState,
  RoundVotes,
  TimerKind,
  Transition,
} from './machine-types.ts';
import type { UnsignedPayload } from './messages.ts';
import { proposerIndex } from './proposer.ts';

export type Draft = { -readonly [Field in keyof MachineState]: MachineState[Field] };

export interface Step {
  readonly state: Draft;
  readonly effects: Effect[];
}

export const finish = (step: Step, verdict: Transition['verdict']): Transition => ({
  state: step.state,
  effects: step.effects,
  verdict,
});

// --- reading -----------------------------------------------------------------------------------------------------

export const heightOf = (state: MachineState): Height => state.facts.height;
export const memberCount = (state: MachineState): number => state.facts.set.validators.length;
export const faultyMax = (state: MachineState): number => faultyCountMax(memberCount(state));

export function proposerOfRound(state: MachineState, round: Round): number {
  const { set, proposerOrder } = state.facts;
  return proposerOrder?.[round % proposerOrder.length] ?? proposerIndex(set, state.firstProposer, round);
}

export const placeOf = (state: MachineState): BlockPlace => ({
  chainId: state.chainId,
  height: state.facts.height,
  parent: state.facts.parent.digest,
});

export function keyAt(state: MachineState, index: number): PublicKey {
  const validator = state.facts.set.validators[index];
  invariant(validator !== undefined, `no validator at index ${index}`);
  return validator.publicKey;
}

/** Takes part in this height: has a key in the set, and the height is not decided. */
export const isActive = (state: MachineState): boolean => state.selfIndex !== null && state.decided === null;

// --- effects -----------------------------------------------------------------------------------------------------

export const nothingBeside: Beside = { block: null, roundChanges: [], prepares: [] };

export function persist(step: Step, record: JournalRecord): void {
  step.effects.push({ type: 'persist', record });
}

/** Asks for a signature and a broadcast. The message becomes the latest own one of its kind. */
export function sign(step: Step, payload: UnsignedPayload, beside: Beside): void {
  const request = { type: 'sign', payload, beside } as const;
  step.state.own = { ...step.state.own, [payload.kind]: { request, message: null, status: 'requested' } };
  step.effects.push(request);
}

export function setTimer(
  step: Step,
  timer: TimerKind,
  due: { readonly afterMs: number } | { readonly atMs: number },
  keepEarlier = false,
): void {
  const { facts, round } = step.state;
  step.effects.push({ type: 'set-timer', timer, height: facts.height, round, due, keepEarlier });
}

export function cancelTimer(step: Step, timer: TimerKind): void {
  step.effects.push({ type: 'cancel-timer', timer });
}

/** At most one piece of evidence an offender and height: one is enough to remove it, more would only fill the journal. */
export function accuse(step: Step, offender: number, conflict: Conflict): void {
  const { state } = step;
  const key = keyAt(state, offender);
  if (state.accused.includes(key)) return;
  state.accused = [...state.accused, key];
  const { height, round } = conflict.second;
  step.effects.push({ type: 'evidence', offender: key, height, round, conflict });
}

// --- votes and shares --------------------------------------------------------------------------------------------

const noVotes = new Map<number, RoundVotes>();

export function votesOfRound(state: MachineState, round: Round): RoundVotes {
  const votes = state.votes.get(round);
  if (votes !== undefined) return votes;
  const count = memberCount(state);
  let empty = noVotes.get(count);
  if (empty === undefined) {
    const slots = new Array<null>(count).fill(null);
    empty = { prepares: slots, commits: slots };
    noVotes.set(count, empty);
  }
  return empty;
}

export function replaceAt<T>(slots: readonly T[], index: number, value: T): readonly T[] {
  const copy = slots.slice();
  copy[index] = value;
  return copy;
}

export const hasRoom = (state: MachineState, author: number, bytes: number): boolean =>
  (state.keptBytes[author] ?? 0) + bytes <= shareBytes(memberCount(state));

export function charge(step: Step, author: number, bytes: number): void {
  const { state } = step;
  state.keptBytes = replaceAt(state.keptBytes, author, (state.keptBytes[author] ?? 0) + bytes);
}

/** What is kept of each validator beyond the current round, counted afresh. Needed whenever the round moves. */
export function recountKept(state: MachineState, indexOf: (key: PublicKey) => number): readonly number[] {
  const kept = new Array<number>(memberCount(state)).fill(0);
  const add = (index: number, bytes: number): void => {
    if (index >= 0) kept[index] = (kept[index] ?? 0) + bytes;
  };
  for (const [round, votes] of state.votes) {
    if (round === state.round) continue;
    for (const slots of [votes.prepares, votes.commits])
      slots.forEach((vote, index) => {
        if (vote !== null) add(index, payloadBytes);
      });
  }
  state.roundChanges.forEach((entry, index) => {
    const certificate = entry?.certificate ?? null;
    if (entry === null || certificate === null || entry.payload.round === state.round) return;
    add(index, certificate.block.bytes.length + payloadBytes * (1 + certificate.prepares.length));
  });
  for (const { message } of state.future) add(indexOf(message.payload.author), chargeOf(message));
  return kept;
}
