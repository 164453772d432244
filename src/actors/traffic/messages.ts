/** What is asked of a traffic light, and its answers. */
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { DsseEnvelope } from '../../protocols/shared/dsse.ts';
import type { DecisionProof } from '../../protocols/traffic/decision-proof.ts';
import type { ObeyedProof } from '../../protocols/traffic/obeyed-proof.ts';
import type { TrafficRequest } from '../../protocols/traffic/flow.ts';
import type { QuarantineItem, QuarantineRejection, Signed } from '../../protocols/traffic/quarantine.ts';
import type { TrafficDecision } from '../../protocols/traffic/receipt.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';
import type { FollowedState } from './chain-feed.ts';
import type { LogHead } from './log-tables.ts';
import type { Light } from './light.ts';

/** A logged decision as it is answered. */
export interface DecisionAnswer {
  readonly decision: TrafficDecision;
  /** Signed note of the log's head that covers the decision. */
  readonly checkpoint: string;
  /** Where it was asked for. */
  readonly receipt: DsseEnvelope | null;
  /** Set where the flow is held: the id under which its obligations are discharged. */
  readonly quarantine: Digest | null;
}

export type Refusal =
  /** Nothing can be logged or decided now. */
  | 'not-ready'
  | 'unavailable'
  /** Too much is under way. */
  | 'overload'
  /** The request id was used for another request. */
  | 'request-id-reused'
  | 'flow-too-large'
  | 'unknown-decision'
  /** No order of the court was confirmed with it here. */
  | 'unknown-receipt';

export type Answered<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: Refusal };

export type Review =
  | { readonly how: 'discharge'; readonly obligation: string }
  | { readonly how: 'release' }
  | { readonly how: 'reject' };

/** `refused`: why the proof was not taken. `release`: made where nothing is left to prove. */
export interface ReviewAnswered {
  readonly refused: QuarantineRejection | null;
  readonly release: DecisionAnswer | null;
}

export interface DecisionFilter {
  readonly state?: string;
  readonly tenant?: string;
  readonly limit: number;
}

export interface LightStatus {
  /** Its account: what reviewers name whose word comes through the chain. */
  readonly light: PublicKey;
  readonly isReady: boolean;
  /** Why not. */
  readonly problem: string | null;
  readonly head: LogHead | null;
  readonly anchoredSize: number;
  readonly underWay: number;
  readonly held: number;
  readonly height: number;
  readonly policySet: Digest | null;
}

export type TrafficLightMessage =
  | {
      readonly type: 'decide';
      readonly requests: readonly TrafficRequest[];
      readonly caller: PublicKey | null;
      /** Monotonic ms at which the request was there. */
      readonly receivedMs: number;
      readonly replyTo: ReplyTo<readonly Answered<DecisionAnswer>[]>;
    }
  | {
      readonly type: 'review';
      readonly decision: Digest;
      readonly review: Review;
      readonly proof: Signed;
      readonly replyTo: ReplyTo<Answered<ReviewAnswered>>;
    }
  | {
      readonly type: 'decision';
      readonly id: Digest;
      readonly viewer: PublicKey | null;
      readonly replyTo: ReplyTo<Answered<DecisionAnswer>>;
    }
  | {
      readonly type: 'decisions';
      readonly filter: DecisionFilter;
      readonly viewer: PublicKey | null;
      readonly replyTo: ReplyTo<readonly TrafficDecision[]>;
    }
  | {
      readonly type: 'proof';
      readonly id: Digest;
      readonly viewer: PublicKey | null;
      readonly replyTo: ReplyTo<Answered<DecisionProof>>;
    }
  | {
      readonly type: 'obeyed-proof';
      readonly id: Digest;
      readonly replyTo: ReplyTo<Answered<ObeyedProof>>;
    }
  | {
      readonly type: 'quarantine';
      readonly viewer: PublicKey | null;
      readonly replyTo: ReplyTo<readonly QuarantineItem[]>;
    }
  | {
      readonly type: 'replay';
      readonly id: Digest;
      readonly viewer: PublicKey | null;
      readonly replyTo: ReplyTo<Answered<unknown>>;
    }
  | { readonly type: 'status'; readonly replyTo: ReplyTo<LightStatus> }
  /** The chain went on, or a policy set was compiled. */
  | { readonly type: 'state'; readonly state: FollowedState }
  | { readonly type: 'tables' }
  | { readonly type: 'opened'; readonly light: Light }
  | { readonly type: 'not-opened'; readonly error: unknown }
  | { readonly type: 'durable'; readonly told: () => void }
  | { readonly type: 'lost'; readonly error: unknown; readonly told: () => void }
  | {
      readonly type: 'sent';
      readonly what: 'anchor' | 'lease' | 'register' | 'list' | 'confirm';
      readonly outcome: string;
      readonly size: number;
      readonly hash: string;
    }
  | { readonly type: 'tick' };
