/** What a mempool actor understands, needs and shows. */
import type { DecodedTransaction, SignedTransaction } from '../../protocols/ledger/admission.ts';
import type { Application } from '../../protocols/ledger/application.ts';
import type { AccountSource, MempoolLimits } from '../../protocols/ledger/mempool.ts';
import type { ChainId, Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorContext, ActorRef, ReplyTo } from '../../runtime/ports/actors.ts';
import type { SubmitOutcome } from '../../runtime/ports/chain-api.ts';
import type { Verifier } from '../../runtime/ports/signer.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Span, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { TransactionTraces } from '../transaction-traces.ts';
import type { VerifiedTransactions } from '../verified-transactions.ts';
import type { GossipMessage } from '../mempool-wire.ts';

export type MempoolMessage =
  | GossipMessage
  /** From a client of this node. Answered, in order, when what was accepted is durable. */
  | {
      readonly type: 'submit';
      readonly transactions: readonly Uint8Array[];
      readonly replyTo: ReplyTo<readonly SubmitOutcome[]>;
    }
  | {
      readonly type: 'verified';
      readonly batch: Batch /** null: they could not be verified. */;
      readonly verdicts: readonly boolean[] | null;
    }
  | { readonly type: 'durable'; readonly answer: Answer; readonly failure: unknown }
  | {
      /** Candidates for the next block, best first, within these limits. */
      readonly type: 'candidates';
      readonly count: number;
      readonly bytes: number;
      readonly replyTo: ReplyTo<readonly SignedTransaction[]>;
    }
  /** A block is final here and the state is that after it. */
  | { readonly type: 'committed'; readonly transactions: readonly DecodedTransaction[] }
  /** The state has jumped (a snapshot): everything is looked at again. */
  | { readonly type: 'state-replaced' }
  /** Candidates that the executor can never include on the present state. */
  | { readonly type: 'refused'; readonly refused: readonly { readonly hash: Digest; readonly reason: string }[] }
  /** A validator's link came up. */
  | { readonly type: 'linked'; readonly peer: PublicKey }
  | { readonly type: 'flush' }
  | { readonly type: 'remind' };

export interface MempoolDependencies {
  readonly chainId: ChainId;
  readonly application: Application;
  readonly self: PublicKey;
  readonly store: Store;
  readonly verifier: Pick<Verifier, 'verifyMany'>;
  readonly telemetry: Telemetry;
  /** Height of the last final block. */
  readonly height: () => number;
  /** Accounts at that height. */
  readonly account: AccountSource;
  /** Whether a transaction is in a final block here. */
  readonly isFinal: (hash: Digest) => boolean;
  /** Validators other than this node. */
  readonly peers: () => readonly PublicKey[];
  readonly remote: (peer: PublicKey) => ActorRef<GossipMessage>;
  readonly report: (peer: PublicKey, reason: string) => void;
  /** There is something to put into a block. */
  readonly onAvailable: () => void;
  readonly verified: VerifiedTransactions;
  readonly traces: TransactionTraces;
  readonly limits?: MempoolLimits;
}

/** What others of this node read without asking. */
export interface MempoolReader {
  /** Bytes of a transaction that waits. */
  pending(hash: Digest): Uint8Array | undefined;
  /** Lowest nonce that is neither used in state nor waiting; 0 for strangers. */
  nextNonce(account: PublicKey): number;
  size(): { readonly count: number; readonly bytes: number };
  /** Whether any waits beside these. */
  hasTransactions(beside?: readonly DecodedTransaction[]): boolean;
}

/** Answer to one submission; `null` until it is known. */
export interface Answer {
  readonly replyTo: ReplyTo<readonly SubmitOutcome[]>;
  readonly outcomes: (SubmitOutcome | null)[];
  /** Open until the answer is given, where somebody traces. */
  readonly span: Span | undefined;
}

export interface Examined {
  readonly transaction: SignedTransaction;
  /** Place in the submission. */
  readonly index: number;
  readonly isVerified: boolean;
}

export type Source =
  | { readonly type: 'client'; readonly answer: Answer }
  | { readonly type: 'peer'; readonly peer: PublicKey };

export interface Batch {
  readonly source: Source;
  readonly examined: readonly Examined[];
  /** Open until their signatures are checked, where somebody traces. */
  readonly span: Span | undefined;
}

export type MempoolContext = ActorContext<MempoolMessage>;
