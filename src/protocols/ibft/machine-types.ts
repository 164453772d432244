/**
 * What goes into the consensus machine and what comes out of it. Source: consensus design, "Rules", "Crash safety",
 * "Bounds".
 *
 * `transition(state, input)` is a pure function. The contract for whoever performs its effects:
 *
 * 1. Inputs are given one at a time; the effects of one input are performed before the next input's, each list strictly
 *    in its order. Inputs that an effect causes (`signed`, `block-built`, …) are queued, not nested.
 * 2. *Persist precedes send.* Nothing leaves the process (`sign`, `broadcast`, `send`, finality told to a client) before
 *    every `persist`, every guard record and every decided block that came earlier is durable. One fsync may cover many.
 * 3. `sign` asks the guard for a signature. Signed: broadcast once durable, and give the message back as `signed`: a
 *    commit once it is durable (it may complete a block, which whoever reads this node's store can take as final),
 *    others at once; the machine counts its own votes only then. Refused: give `sign-refused`; nothing is sent. The
 *    machine stays silent in that place and otherwise goes on as an observer would.
 * 4. The machine reads no clock. Durations count on the monotonic clock; `atMs` is a wall-clock time which the actor
 *    turns into a delay (not negative) when it sets the timer. Checks against the present (a block from the future) are the actor's:
 *    it answers `block-checked` with `early` and the time from which the block is valid.
 * 5. A timer of one kind replaces the running one of that kind. An expiry carries what its `set-timer` named; a stale
 *    one is ignored, so cancelling late is harmless.
 */
import type { Commit, CommitSeal } from '../ledger/block.ts';
import type { ChainParameters } from '../ledger/genesis.ts';
import type { ValidatorSet } from '../ledger/validator-set.ts';
import type { ChainId, Digest, Height, PublicKey, Round } from '../shared/brands.ts';
import type {
  CommitPayload,
  ConsensusMessage,
  EncodedBlock,
  PayloadKind,
  PreparePayload,
  ProposalPayload,
  RoundChangePayload,
  UnsignedPayload,
} from './messages.ts';
import type { MachineVerdict, RejectedReason } from './verdicts.ts';

export type { MachineVerdict };

declare const verifiedBrand: unique symbol;

/**
 * A message of which the actor has checked: every signature in it (its own and those of the payloads beside it) holds
 * for this chain; every block in it is the one canonical encoding, and its body is the one that its header commits to
 * (transactionsRoot, lastCommitHash), so that a digest names exactly one block. Membership of authors, quorums, digests
 * and justification are the machine's to check.
 */
export type Verified<T> = T & { readonly [verifiedBrand]: true };

export type ConsensusParameters = Pick<
  ChainParameters,
  'blockTimeMs' | 'emptyBlockPeriodMs' | 'roundTimeoutBaseMs' | 'roundTimeoutMaxMs'
>;

/** Of the block before, or of the genesis for height 1. */
interface ParentFacts {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** header.proposer; null where the parent is the genesis. */
  readonly proposer: PublicKey | null;
  /** The block's digest; the chain id where the parent is the genesis. */
  readonly digest: Digest;
}

/** Everything that the state after height − 1 says about deciding `height`. */
export interface HeightFacts {
  readonly height: Height;
  readonly parent: ParentFacts;
  readonly set: ValidatorSet;
  readonly parameters: ConsensusParameters;
  /** Blocks on demand: whether an executable transaction is held already. */
  readonly hasTransactions: boolean;
  /** Indices of the proposers where another rule than rule 1 is wanted: round r is proposed by order[r mod length]. */
  readonly proposerOrder?: readonly number[];
}

export interface StartOptions {
  readonly chainId: ChainId;
  /** null: an observer, which follows and decides but never signs. So does a key outside the set. */
  readonly self: PublicKey | null;
  readonly facts: HeightFacts;
  /** Journal records in the order in which they were written; those of other heights are skipped. */
  readonly records: readonly JournalRecord[];
  /** Peers with a live link, in any order. */
  readonly live: readonly PublicKey[];
}

// --- journal -----------------------------------------------------------------------------------------------------

/** Written before Proposal and Prepare leave: the proposal of a round, its justification, its executed block. */
export interface AcceptedRecord {
  readonly type: 'accepted';
  readonly height: Height;
  readonly round: Round;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly roundChanges: readonly RoundChangePayload[];
  readonly prepares: readonly PreparePayload[];
}

/** Written before Commit leaves: the prepared certificate. */
export interface PreparedRecord {
  readonly type: 'prepared';
  readonly height: Height;
  readonly round: Round;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly prepares: readonly PreparePayload[];
}

/** Written before RoundChange(round) leaves: the round, and what was held prepared when it was reached. */
export interface RoundRecord {
  readonly type: 'round';
  readonly height: Height;
  readonly round: Round;
  readonly preparedRound: Round | null;
  readonly preparedDigest: Digest | null;
}

/**
 * One record of the consensus journal, keyed by (height, round, type). Of each type only the highest round of a height
 * matters; records of decided heights may be deleted. The decided block itself goes to the ledger (`decide`).
 */
export type JournalRecord = AcceptedRecord | PreparedRecord | RoundRecord;

// --- inputs ------------------------------------------------------------------------------------------------------

/**
 * proposal-due: round 0's block may be proposed. round: the current round's time-out. resend: own messages go out
 * again. proposal-held: a proposal from the future has become valid.
 */
export type TimerKind = 'proposal-due' | 'round' | 'resend' | 'proposal-held';

export type BlockCheck =
  /** Executed and stored. */
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** Its time is more than 500 ms ahead of the wall clock; the rest need not have been checked. */
  | { readonly kind: 'early'; readonly validAtMs: number };

export type Input =
  /** `peer` is the link that delivered it, who need not be the author. */
  | { readonly type: 'message'; readonly message: Verified<ConsensusMessage>; readonly peer: PublicKey }
  /** Answers `sign`. */
  | { readonly type: 'signed'; readonly message: Verified<ConsensusMessage> }
  /**
   * Answers `sign`. permanent: the guard holds other or later bytes, asking again is useless. Otherwise (not yet allowed
   * to sign after a start) the machine asks again at every resend.
   */
  | { readonly type: 'sign-refused'; readonly payload: UnsignedPayload; readonly permanent: boolean }
  | { readonly type: 'timer-expired'; readonly timer: TimerKind; readonly height: Height; readonly round: Round }
  /** Blocks on demand: an executable, gossiped transaction is held. Ignored with a block time. */
  | { readonly type: 'transactions-available'; readonly height: Height }
  /** All peers with a live link, whenever that set changes; members of the validator set or not. */
  | { readonly type: 'links-changed'; readonly live: readonly PublicKey[] }
  /** Answers `build-block`: executed and stored. */
  | { readonly type: 'block-built'; readonly height: Height; readonly round: Round; readonly block: EncodedBlock }
  /** Answers `check-block`. */
  | { readonly type: 'block-checked'; readonly height: Height; readonly digest: Digest; readonly result: BlockCheck }
  /** Answers `fetch-block`; its body is the one its header commits to. */
  | { readonly type: 'block-fetched'; readonly height: Height; readonly block: EncodedBlock }
  /** The ledger got `height` (at least the current one) from peers; the machine stops and waits for `height-started`. */
  | { readonly type: 'decided-by-sync'; readonly height: Height }
  /** Block height − 1 and its seals are stored (durable before anything of `height` leaves). */
  | { readonly type: 'height-started'; readonly facts: HeightFacts };

// --- effects -----------------------------------------------------------------------------------------------------

/** What travels beside a payload, by kind; empty for prepare and commit. */
export interface Beside {
  readonly block: EncodedBlock | null;
  readonly roundChanges: readonly RoundChangePayload[];
  readonly prepares: readonly PreparePayload[];
}

export type Conflict =
  | { readonly kind: 'proposal'; readonly first: ProposalPayload; readonly second: ProposalPayload }
  | { readonly kind: 'prepare'; readonly first: PreparePayload; readonly second: PreparePayload }
  | { readonly kind: 'commit'; readonly first: CommitPayload; readonly second: CommitPayload }
  | { readonly kind: 'round-change'; readonly first: RoundChangePayload; readonly second: RoundChangePayload }
  /** Commit(H, r) and RoundChange(H, r′ > r) that does not know of a certificate of r or later. */
  | { readonly kind: 'amnesia'; readonly first: CommitPayload; readonly second: RoundChangePayload };

/** Performed strictly in order; see the contract at the top of this file. */
export type Effect =
  | { readonly type: 'persist'; readonly record: JournalRecord }
  | { readonly type: 'sign'; readonly payload: UnsignedPayload; readonly beside: Beside }
  /** Own messages again (rule 11), to every validator with a live link. */
  | { readonly type: 'broadcast'; readonly message: Verified<ConsensusMessage> }
  | { readonly type: 'send'; readonly to: PublicKey; readonly message: Verified<ConsensusMessage> }
  | {
      readonly type: 'set-timer';
      readonly timer: TimerKind;
      readonly height: Height;
      readonly round: Round;
      readonly due: { readonly afterMs: number } | { readonly atMs: number };
      /** Where a timer of this kind and the same (height, round) runs and fires earlier, it is kept. */
      readonly keepEarlier: boolean;
    }
  | { readonly type: 'cancel-timer'; readonly timer: TimerKind }
  /** Answer with `block-built`, or not at all: the round's time-out covers it. header.time is the builder's (rule 12). */
  | { readonly type: 'build-block'; readonly height: Height; readonly round: Round }
  /**
   * Answer with `block-checked`. fresh: full validation, clock bound included; header.proposer was compared already.
   * re-proposed: all but the clock bound, the beacon under header.proposer's key (rule 4). `peer` is blamed for nothing yet.
   */
  | {
      readonly type: 'check-block';
      readonly height: Height;
      readonly round: Round;
      readonly digest: Digest;
      readonly block: EncodedBlock;
      readonly mode: 'fresh' | 're-proposed';
      readonly peer: PublicKey;
    }
  /**
   * Seals decide a block that is not here; asked again with every resend. Answer with `block-fetched` (sources hold the
   * block, but may not know that it is decided), `decided-by-sync`, or not at all: the rounds go on meanwhile.
   */
  | {
      readonly type: 'fetch-block';
      readonly height: Height;
      readonly round: Round;
      readonly digest: Digest;
      /** Who may have it, the likeliest first. */
      readonly sources: readonly PublicKey[];
    }
  /**
   * Store block and seals, durably, then answer with `height-started`. checked: `block-checked` said valid here before;
   * otherwise the quorum vouches, and the actor executes it now (a contradiction halts the node).
   */
  | {
      readonly type: 'decide';
      readonly height: Height;
      readonly round: Round;
      readonly digest: Digest;
      readonly block: EncodedBlock;
      readonly commit: Commit;
      readonly checked: boolean;
    }
  /** A further seal of the round that decided `height`: for the commit that the next block carries. */
  | {
      readonly type: 'late-seal';
      readonly height: Height;
      readonly round: Round;
      readonly digest: Digest;
      readonly seal: CommitSeal;
    }
  /** Two signed payloads that no correct validator signs both. Once per offender and height. */
  | {
      readonly type: 'evidence';
      readonly offender: PublicKey;
      readonly height: Height;
      readonly round: Round;
      readonly conflict: Conflict;
    }
  /** A refusal found after the delivering input's verdict was given. */
  | { readonly type: 'report'; readonly peer: PublicKey; readonly reason: RejectedReason }
  /** For metrics. */
  | {
      readonly type: 'round-entered';
      readonly height: Height;
      readonly round: Round;
      readonly cause: 'start' | 'time-out' | 'jump' | 'proposal';
    }
  /** The peer sent something of a height that is decided here: it may want blocks. */
  | { readonly type: 'peer-behind'; readonly peer: PublicKey; readonly height: Height };

// --- state -------------------------------------------------------------------------------------------------------

export type ProposalMessage = Extract<ConsensusMessage, { type: 'proposal' }>;
export type RoundChangeMessage = Extract<ConsensusMessage, { type: 'round-change' }>;

/** checking: the actor checks the block. held: its time has not come. accepted: prepared for. refused: invalid block. */
export interface TrackedProposal {
  readonly status: 'checking' | 'held' | 'accepted' | 'refused';
  readonly mode: 'fresh' | 're-proposed';
  /** Who delivered it. */
  readonly peer: PublicKey;
  /** null after a restart: the journal holds what was proposed, not the proposer's signature. */
  readonly payload: ProposalPayload | null;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly roundChanges: readonly RoundChangePayload[];
  readonly prepares: readonly PreparePayload[];
}

export interface PreparedCertificate {
  readonly round: Round;
  readonly digest: Digest;
  readonly block: EncodedBlock;
  readonly prepares: readonly PreparePayload[];
}

/** Votes of one round, by index of the validator in the set. */
export interface RoundVotes {
  readonly prepares: readonly (PreparePayload | null)[];
  readonly commits: readonly (CommitPayload | null)[];
}

/**
 * full: the whole time-out. hopeless: cut short, because too few live validators can still take part in the round.
 * rest: what is left of the time-out after a cut that turned out wrong; a round is cut short at most once.
 */
interface RoundTimer {
  readonly phase: 'full' | 'hopeless' | 'rest';
  readonly durationMs: number;
  /** A quorum of links was live ever since it started. */
  readonly linksHeld: boolean;
}

/** A validator's latest round change, validated in full (rule 5). One seen only in a justification is but a position. */
export interface RoundChangeEntry {
  readonly payload: RoundChangePayload;
  /** Kept only where this node proposes the entry's round. */
  readonly certificate: PreparedCertificate | null;
}

/** The latest own message of a kind: asked for, signed, or refused for now. */
export interface OwnMessage {
  readonly request: Extract<Effect, { type: 'sign' }>;
  readonly message: Verified<ConsensusMessage> | null;
  readonly status: 'requested' | 'signed' | 'refused' | 'refused-for-now';
}

interface BufferedMessage {
  readonly message: Verified<ConsensusMessage>;
  readonly peer: PublicKey;
  readonly bytes: number;
}

interface Decision {
  readonly round: Round;
  readonly digest: Digest;
  readonly commit: Commit;
}

interface PreviousDecision {
  readonly height: Height;
  readonly round: Round;
  readonly digest: Digest;
  readonly members: readonly PublicKey[];
  readonly sealed: readonly PublicKey[];
}

/** Plain data. Maps are looked up by key; nothing depends on their order. Treat as frozen. */
export interface MachineState {
  readonly chainId: ChainId;
  readonly self: PublicKey | null;
  /** Peers with a live link, ascending. */
  readonly live: readonly PublicKey[];

  readonly facts: HeightFacts;
  /** Position of self in the set; null: observer at this height. */
  readonly selfIndex: number | null;
  readonly firstProposer: number;

  readonly round: Round;
  /** Round 0's block may be proposed (rule 2). */
  readonly isDue: boolean;
  /** The current round's proposal. */
  readonly proposal: TrackedProposal | null;
  /** Own proposal of the current round. */
  readonly proposing: 'no' | 'building' | 'proposed';
  readonly prepared: PreparedCertificate | null;
  /** The last block that was checked and found valid, so that its re-proposal needs no second check. */
  readonly lastValid: { readonly digest: Digest; readonly block: EncodedBlock } | null;

  /** Commits of every round; prepares of the current and later ones. */
  readonly votes: ReadonlyMap<Round, RoundVotes>;
  /** Highest round each validator is known to have reached, by index; −1 where unknown. */
  readonly positions: readonly number[];
  readonly roundChanges: readonly (RoundChangeEntry | null)[];

  /** Rule 9's e. */
  readonly expiries: number;
  /** Running round timer; null while none runs. */
  readonly roundTimer: RoundTimer | null;

  readonly own: Readonly<Record<PayloadKind, OwnMessage | null>>;
  /** Seals decide a block that is not here yet. Until it comes, this validator goes on as if undecided: it may be needed. */
  readonly awaited: Decision | null;
  readonly decided: Decision | 'by-sync' | null;
  readonly accused: readonly PublicKey[];

  /** Messages of later heights, in order of arrival. */
  readonly future: readonly BufferedMessage[];
  /** Bytes kept of each validator's messages beyond the current round, by index. */
  readonly keptBytes: readonly number[];
  /** Of the height before: for late seals. */
  readonly previous: PreviousDecision | null;
}

export interface Transition {
  readonly state: MachineState;
  readonly effects: readonly Effect[];
  readonly verdict: MachineVerdict;
}
