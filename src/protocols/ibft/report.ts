/** What consensus waits for, in words a person can act on. Source: consensus design, "Recovery" (`GET /v1/consensus`). */
import type { Height, PublicKey, Round } from '../shared/brands.ts';
import { heightOf, keyAt, memberCount, proposerOfRound, votesOfRound } from './draft.ts';
import type { MachineState } from './machine-types.ts';
import { countFor } from './quorum.ts';
import { hopelessRoundMs } from './timeouts.ts';

/**
 * waiting: for the block time. proposing: this node builds the block. awaiting-proposal; checking the proposal's block;
 * held: the proposal's time has not come. preparing: prepares are missing. committing: seals are missing.
 */
type ConsensusStep =
  | 'waiting'
  | 'proposing'
  | 'awaiting-proposal'
  | 'checking'
  | 'held'
  | 'preparing'
  | 'committing'
  | 'decided';

interface MissingVotes {
  readonly kind: 'proposal' | 'prepare' | 'commit' | 'round-change';
  /** How many more are needed; any of those named will do. */
  readonly needed: number;
  readonly from: readonly PublicKey[];
}

interface ValidatorPlace {
  readonly publicKey: PublicKey;
  /** Highest round that it is known to have reached; null where nothing of it came at this height. */
  readonly round: Round | null;
  readonly isLive: boolean;
}

export interface ConsensusReport {
  readonly height: Height;
  readonly round: Round;
  readonly step: ConsensusStep;
  readonly proposer: PublicKey;
  readonly quorum: number;
  readonly preparedRound: Round | null;
  readonly missing: readonly MissingVotes[];
  readonly waitingFor: string;
  /** Length of the running round time-out, ms (of its short form in a round that cannot succeed); null: none runs. */
  readonly roundTimeoutMs: number | null;
  /** Expiries of this height that lengthen the time-out. */
  readonly expiries: number;
  readonly validators: readonly ValidatorPlace[];
}

function stepOf(state: MachineState): ConsensusStep {
  if (state.decided !== null) return 'decided';
  switch (state.proposal?.status) {
    case 'accepted':
      return state.prepared?.round === state.round ? 'committing' : 'preparing';
    case 'checking':
      return 'checking';
    case 'held':
      return 'held';
    case 'refused':
    case undefined:
      if (state.proposing !== 'no') return 'proposing';
      return state.round === 0 && !state.isDue ? 'waiting' : 'awaiting-proposal';
  }
}

function without(state: MachineState, kind: MissingVotes['kind'], has: (index: number) => boolean): MissingVotes {
  const from: PublicKey[] = [];
  for (let index = 0; index < memberCount(state); index++) if (!has(index)) from.push(keyAt(state, index));
  const needed = Math.max(0, state.facts.set.quorum - (memberCount(state) - from.length));
  return { kind, needed, from };
}

function missingVotes(state: MachineState, step: ConsensusStep): readonly MissingVotes[] {
  const { round, proposal } = state;
  const votes = votesOfRound(state, round);
  switch (step) {
    case 'preparing':
      return [without(state, 'prepare', (index) => votes.prepares[index]?.digest === proposal?.digest)];
    case 'committing':
      return [without(state, 'commit', (index) => votes.commits[index]?.digest === proposal?.digest)];
    case 'awaiting-proposal': {
      const missing: MissingVotes[] = [{ kind: 'proposal', needed: 1, from: [proposerAt(state)] }];
      if (round === 0) return missing;
      const changes = without(state, 'round-change', (index) => state.roundChanges[index]?.payload.round === round);
      return changes.needed > 0 ? [...missing, changes] : missing;
    }
    default:
      return [];
  }
}

const proposerAt = (state: MachineState): PublicKey => keyAt(state, proposerOfRound(state, state.round));

function waitingFor(state: MachineState, step: ConsensusStep): string {
  const { quorum } = state.facts.set;
  const votes = votesOfRound(state, state.round);
  const digest = state.proposal?.digest;
  if (state.awaited !== null) return 'the decided block, from a peer that has it';
  switch (step) {
    case 'waiting':
      return state.facts.parameters.blockTimeMs > 0 ? 'the block time' : 'a transaction, or the time of an empty block';
    case 'proposing':
      return 'the block that this node is proposing';
    case 'checking':
      return 'the execution of the proposed block';
    case 'held':
      return 'the time of the proposed block, which is ahead of this clock';
    case 'preparing':
      return `prepares: ${digest === undefined ? 0 : countFor(votes.prepares, digest)} of ${quorum}`;
    case 'committing':
      return `commits: ${digest === undefined ? 0 : countFor(votes.commits, digest)} of ${quorum}`;
    case 'decided':
      return 'the decided block to be stored';
    case 'awaiting-proposal':
      return waitingInRound(state);
  }
}

function waitingInRound(state: MachineState): string {
  if (state.round === 0) return 'the proposal of round 0';
  const here = state.positions.filter((position) => position >= state.round).length;
  if (state.roundTimer === null && state.selfIndex !== null)
    return `a quorum to reach round ${state.round}: ${here} of ${state.facts.set.quorum}, no time-out runs until then`;
  if (state.proposal?.status === 'refused') return `the time-out of round ${state.round}: its block is invalid`;
  return `the proposal of round ${state.round}`;
}

/** Everything about the current height that an operator may ask. Pure: says nothing about when, see `roundTimeoutMs`. */
export function explain(state: MachineState): ConsensusReport {
  const step = stepOf(state);
  const { roundTimer } = state;
  const runningMs =
    roundTimer?.phase === 'hopeless' ? hopelessRoundMs(state.facts.parameters) : (roundTimer?.durationMs ?? null);
  return {
    height: heightOf(state),
    round: state.round,
    step,
    proposer: proposerAt(state),
    quorum: state.facts.set.quorum,
    preparedRound: state.prepared?.round ?? null,
    missing: missingVotes(state, step),
    waitingFor: waitingFor(state, step),
    roundTimeoutMs: runningMs,
    expiries: state.expiries,
    validators: state.positions.map((position, index) => ({
      publicKey: keyAt(state, index),
      round: position < 0 ? null : (position as Round),
      isLive: index === state.selfIndex || state.live.includes(keyAt(state, index)),
    })),
  };
}
