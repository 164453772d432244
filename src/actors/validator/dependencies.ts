/** What a validator is given. Everything outside its own state reaches it through these. */
import type { Effect, MachineState, TimerKind } from '../../protocols/ibft/machine-types.ts';
import type { DecodedTransaction } from '../../protocols/ledger/admission.ts';
import type { EncodedBlock, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { Digest, Height, PublicKey, Round } from '../../protocols/shared/brands.ts';
import type { ActorContext, ActorRef } from '../../runtime/ports/actors.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { BlocksDelivery } from '../block-sync.ts';
import type { TransactionTraces } from '../transaction-traces.ts';
import type { Examination, Ingredients, MakerDependencies } from './block-maker.ts';
import type { ConsensusWire } from './consensus-wire.ts';
import type { GuardRefusal } from './sign-guard.ts';
import type { PermitState } from './start-permit.ts';

/** What a block is made of. `startedAt`, ms since 1970, is for traces only. */
export interface Gathered {
  readonly height: Height;
  readonly round: Round;
  readonly ingredients: Ingredients;
  readonly startedAt: number;
}

/** A block with what was found of its signatures. */
export interface Examined {
  readonly height: Height;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly examination: Examination;
  readonly startedAt: number;
}

export type ValidatorMessage =
  | { readonly type: 'wire'; readonly peer: PublicKey; readonly wire: ConsensusWire }
  | { readonly type: 'timer'; readonly timer: TimerKind; readonly height: Height; readonly round: Round }
  /** What was queued in the outbox is durable. */
  | { readonly type: 'flushed'; readonly send: () => void }
  | ({ readonly type: 'gathered' } & Gathered)
  | ({ readonly type: 'examined' } & Examined)
  | { readonly type: 'failed'; readonly what: string; readonly error: unknown }
  /** All peers with a live link. */
  | { readonly type: 'links'; readonly live: readonly PublicKey[] }
  /** Final blocks fetched from a peer. */
  | { readonly type: 'deliver'; readonly delivery: BlocksDelivery }
  /** The chain has jumped to a snapshot: consensus goes on from there. */
  | { readonly type: 'chain-replaced' }
  /** The mempool holds an executable transaction. */
  | { readonly type: 'transactions-available' }
  /** Time to ask those again who have not told how far this validator signed: one with a full disk does not answer. */
  | { readonly type: 'ask-start' }
  /** Time to see whether a full store has room again, and that it has. */
  | { readonly type: 'retry' }
  | { readonly type: 'room' };

export type ValidatorContext = ActorContext<ValidatorMessage>;

/** What keeps a validator from voting, for its status. */
type Trouble = 'disk-full';

export interface ValidatorDependencies extends MakerDependencies {
  /** Store of the guard and the consensus journal, apart from the chain's. */
  readonly records: Store;
  readonly signer: Signer;
  readonly telemetry: Telemetry;
  /** Of the transactions that the mempool holds. */
  readonly traces: TransactionTraces;
  /** Sign without asking peers after a start. */
  readonly restoredWholeNetwork: boolean;

  /** Whether a transaction waits, beside those of a block that the mempool may not have seen yet. */
  readonly hasTransactions: (beside: readonly DecodedTransaction[]) => boolean;
  readonly livePeers: () => readonly PublicKey[];
  /** Address of a peer's validator actor. */
  readonly remote: (peer: PublicKey) => ActorRef<ValidatorMessage>;
  /** Misbehaviour that a peer's link delivered. */
  readonly report: (peer: PublicKey, reason: string) => void;

  /** Blocks that were delivered and are not stored are lost, by a restart or for want of room. */
  readonly onMissed: () => void;
  /** The block at this height is decided and visible here, not yet durable. */
  readonly onDecided: (height: number) => void;
  /** The block at this height is final here and durable. */
  readonly onFinal: (height: number) => void;
  /** A peer is known to have, or soon to have, this height. */
  readonly onPeerAhead: (peer: PublicKey, height: number) => void;
  /** A peer lags: it is told our final height. */
  readonly announce: (peer: PublicKey) => void;
  /** A block that came by sync was refused. */
  readonly onRefusedBlock: (height: number, peer: PublicKey, reason: string) => void;
  /** Candidates that can never be in a block on the tip. */
  readonly onRefusedTransactions: (refused: readonly { readonly hash: Digest; readonly reason: string }[]) => void;
  readonly onRound: (round: Extract<Effect, { type: 'round-entered' }>) => void;
  /** What was made of a consensus message. `reason` is its kind where it was accepted. */
  readonly onVerdict: (kind: 'accepted' | 'ignored' | 'rejected', reason: string) => void;
  readonly onTrouble: (trouble: Trouble) => void;
  readonly onEvidence: (evidence: Extract<Effect, { type: 'evidence' }>) => void;
  /** The machine's state after every message, for reports. */
  readonly publish: (state: MachineState, permit: PermitState) => void;
  /** Every signature, when its guard record is durable and before it leaves. What it throws keeps it from leaving. */
  readonly onSigned?: (payload: UnsignedPayload, signature: Uint8Array) => void;
  readonly onGuardRefusal?: (reason: GuardRefusal, payload: UnsignedPayload) => void;
}
