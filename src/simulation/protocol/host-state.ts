/** What a host of one consensus machine holds. Plain data, never changed in place: copy it, compare it, hash it. */
import type {
  Effect,
  Input,
  JournalRecord,
  MachineState,
  MachineVerdict,
  TimerKind,
  Verified,
} from '../../protocols/ibft/machine-types.ts';
import type { ConsensusMessage, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { GuardRefusal } from '../../actors/validator/sign-guard.ts';
import type { Guard } from './guard.ts';
import type { DecidedBlock } from './setting.ts';

interface RunningTimer {
  readonly height: number;
  readonly round: number;
  /** On the clock that the caller of `step` brings. */
  readonly dueMs: number;
}

/** What the disk of a host holds. */
export interface Stored {
  /** Of each height not yet final on the disk, the latest record of each type. */
  readonly journal: readonly JournalRecord[];
  readonly guard: Guard;
  /** Decided blocks; index 0 is height 1. */
  readonly blocks: readonly DecidedBlock[];
}

/** Written to the store of journal and guard. */
export type Write =
  | { readonly type: 'journal'; readonly record: JournalRecord }
  | { readonly type: 'guard'; readonly payload: UnsignedPayload };

/** A message on its way out: to one validator, or to all others. */
export interface Sent {
  readonly to: PublicKey | 'all';
  readonly message: Verified<ConsensusMessage>;
}

/** What waits for the sync. */
export interface Held extends Sent {
  /** An own commit that was just signed: the machine counts it when the record of it is durable (contract, rule 3). */
  readonly countsOnceDurable: boolean;
}

export interface HostState {
  /** Index of its key in the validator set. */
  readonly member: number;
  /** Tells twins apart, which share a key: their blocks differ. */
  readonly instance: number;
  readonly isUp: boolean;
  /** null while down, and when started again after the last height was decided. */
  readonly machine: MachineState | null;
  /** Peers with a live link, ascending. */
  readonly live: readonly PublicKey[];
  readonly timers: Readonly<Record<TimerKind, RunningTimer | null>>;
  /** Answers about blocks that are still being worked on (setting.blocks: later), the oldest first. */
  readonly answers: readonly Input[];
  /** Everything written, whether a crash would undo it or not. The same object as `durable` where nothing would be. */
  readonly stored: Stored;
  /** What a crash leaves. */
  readonly durable: Stored;
  /** Written since the last sync, in order: a crash keeps some first part of each list. */
  readonly unsynced: { readonly writes: readonly Write[]; readonly blocks: readonly DecidedBlock[] };
  /** Sends that wait for the sync, and own commits that count from then on. */
  readonly held: readonly Held[];
  /** Wall clock minus the clock that the caller of `step` brings. */
  readonly clockOffsetMs: number;
}

/** What the effects of a step tell, apart from what they do. */
export type Report =
  | Extract<Effect, { type: 'evidence' | 'report' | 'round-entered' | 'peer-behind' | 'late-seal' | 'fetch-block' }>
  /** The guard refused to sign: a machine that never contradicts itself is never refused after a clean restart. */
  | { readonly type: 'guard-refused'; readonly payload: UnsignedPayload; readonly reason: GuardRefusal }
  /** A quorum sealed a block that execution finds invalid. */
  | { readonly type: 'decided-invalid'; readonly block: DecidedBlock };

/** What a step did. */
export interface Stepped {
  readonly host: HostState;
  /** What left in this step; with later syncs nothing does. */
  readonly sent: readonly Sent[];
  /** What became final here, by seals or by blocks from a peer; told to clients only after the sync. */
  readonly decided: readonly DecidedBlock[];
  readonly reports: readonly Report[];
  /** On the input of this step. */
  readonly verdict: MachineVerdict;
}

export const noTimers: HostState['timers'] = {
  'proposal-due': null,
  round: null,
  resend: null,
  'proposal-held': null,
};

export const nothingUnsynced: HostState['unsynced'] = { writes: [], blocks: [] };
