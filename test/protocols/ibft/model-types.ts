/** What a network model is made of: its options, its nodes, its message filter. */
import type { Input, JournalRecord, MachineState, TimerKind } from '../../../src/protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock, PayloadKind } from '../../../src/protocols/ibft/messages.ts';
import type { Commit } from '../../../src/protocols/ledger/block.ts';

export interface ModelOptions {
  readonly count: number;
  readonly seed: number;
  readonly blockTimeMs?: number;
  readonly roundTimeoutBaseMs?: number;
  readonly roundTimeoutMaxMs?: number;
  readonly delayMs?: readonly [number, number];
  /** Index of round 0's proposer at every height, where rule 1 is not wanted. */
  readonly firstProposer?: number;
  /** Journal that each node starts with, by index. */
  readonly journals?: readonly (readonly JournalRecord[])[];
  /** A wrong quorum, to see that the agreement check finds what it allows. */
  readonly quorum?: number;
  /** Members that run as two instances with one key and no common guard: Byzantine. */
  readonly twins?: readonly number[];
}

export interface StoredBlock {
  readonly block: EncodedBlock;
  readonly round: number;
  readonly commit: Commit;
}

export interface ModelNode {
  readonly id: number;
  /** Index in the validator set; twins share one. */
  readonly member: number;
  readonly isFaulty: boolean;
  isUp: boolean;
  incarnation: number;
  state: MachineState;
  /** Decided blocks; index 0 is height 1. */
  readonly chain: StoredBlock[];
  journal: JournalRecord[];
  readonly guard: Map<PayloadKind, { height: number; round: number; content: string }>;
  readonly timers: Map<TimerKind, { at: number; height: number; round: number; id: number }>;
  readonly inputs: Input[];
  clockOffsetMs: number;
  /** Effects performed before the next crash; null: none is planned. */
  effectsUntilCrash: number | null;
}

/** Whether, and how much later than usual, a message passes: null drops it. */
export type Filter = (message: ConsensusMessage, from: ModelNode, to: ModelNode) => number | null;
