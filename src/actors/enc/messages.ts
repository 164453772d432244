/** What the operator of execution clusters is asked, and what it tells itself. */
import type { AdmissionInput } from '../../protocols/enc/admission.ts';
import type { WorkloadRecord } from '../../protocols/enc/record.ts';
import type { Workload } from '../../protocols/enc/workload.ts';
import type { PolicyState } from '../../protocols/policy/rules.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { ServiceListing } from '../../protocols/registry/listing.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';
import type { FollowedState, Sent } from '../traffic/chain-feed.ts';
import type { RunningContainer } from './executor.ts';
import type { ReceiptBatch, StoredReceipt } from './record-store.ts';

export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

export interface WorkloadView {
  readonly id: Digest;
  readonly record: WorkloadRecord;
  /** What is being done, or waited for. */
  readonly doing: string;
}

export interface ClusterStanding {
  readonly id: string;
  readonly state: string;
  readonly region: string;
  readonly country: string;
  readonly isReachable: boolean;
  readonly runtime: string;
  readonly held: number;
  readonly batches: number;
  readonly free: Readonly<Record<string, number>>;
}

/** What the proof of a receipt is made from. */
export interface ReceiptParts {
  readonly receipt: StoredReceipt;
  readonly batch: ReceiptBatch | null;
  readonly index: number;
  readonly inclusion: readonly Uint8Array[];
  readonly registeredBy: Digest | null;
}

export type EncRefusal = 'not-ready' | 'not-found' | 'not-kept' | 'too-many-workloads' | 'wrong-state';
export type Answered<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: EncRefusal };

export type EncMessage =
  | { readonly type: 'state'; readonly state: FollowedState }
  | { readonly type: 'tick' }
  | {
      readonly type: 'submit';
      readonly workload: Workload;
      readonly by: PublicKey | null;
      readonly replyTo: ReplyTo<Answered<WorkloadView>>;
    }
  | { readonly type: 'stop'; readonly id: Digest; readonly replyTo: ReplyTo<Answered<WorkloadView>> }
  | {
      readonly type: 'kept';
      readonly id: Digest;
      readonly outcome: Outcome<unknown>;
      readonly replyTo: ReplyTo<Answered<WorkloadView>>;
    }
  | { readonly type: 'workloads'; readonly replyTo: ReplyTo<readonly WorkloadView[]> }
  | { readonly type: 'workload'; readonly id: Digest; readonly replyTo: ReplyTo<Answered<WorkloadView>> }
  | { readonly type: 'clusters'; readonly replyTo: ReplyTo<readonly ClusterStanding[]> }
  /** Empties a cluster, or lets it take workloads again. */
  | {
      readonly type: 'drain';
      readonly cluster: string;
      readonly isOver: boolean;
      readonly replyTo: ReplyTo<Answered<null>>;
    }
  | { readonly type: 'receipts'; readonly id: Digest; readonly replyTo: ReplyTo<Answered<readonly ReceiptParts[]>> }
  | {
      readonly type: 'status';
      readonly replyTo: ReplyTo<{ readonly isReady: boolean; readonly problem: string | null }>;
    }
  | { readonly type: 'announce'; readonly listings: readonly ServiceListing[] }
  | { readonly type: 'listed'; readonly cluster: string; readonly outcome: Outcome<Sent> }
  | { readonly type: 'cluster-sent'; readonly cluster: string; readonly kind: string; readonly outcome: Outcome<Sent> }
  | { readonly type: 'observed'; readonly cluster: string; readonly outcome: Outcome<readonly RunningContainer[]> }
  /** An answer to the admission of this number. */
  | { readonly type: 'answer'; readonly id: Digest; readonly number: number; readonly input: AdmissionInput }
  /** Of leases that were asked for together: the chain's answer to each. */
  | {
      readonly type: 'leased';
      readonly asked: readonly { readonly id: Digest; readonly number: number }[];
      readonly outcome: Outcome<readonly (string | undefined)[]>;
    }
  | { readonly type: 'released'; readonly id: Digest; readonly outcome: Outcome<unknown> }
  | {
      readonly type: 'rechecked';
      readonly id: Digest;
      readonly epoch: number;
      readonly mark: string;
      readonly outcome: Outcome<readonly PolicyState[]>;
    }
  | {
      readonly type: 'done';
      readonly id: Digest;
      readonly what: string;
      readonly cluster: string;
      readonly outcome: Outcome<unknown>;
    };
