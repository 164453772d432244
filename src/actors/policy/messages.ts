/** What the policy engine understands. */
import type { ActiveSet } from '../../protocols/ledger/modules/policies/policies.ts';
import type { PolicyEvaluationRequest } from '../../protocols/policy/request.ts';
import type { Tightening } from '../../protocols/policy/published.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { Consultation } from '../../protocols/traffic/consult.ts';
import type { ReplyTo } from '../../runtime/ports/actors.ts';
import type { PolicyStatus } from '../../runtime/ports/policy-api.ts';
import type { FollowedState, Sent } from '../traffic/chain-feed.ts';
import type { Judged } from './attesting.ts';

/** An answer, and the moment that it rests on. */
export interface Evaluated extends Omit<Consultation, 'counters'> {
  readonly height: number;
  /** Header time of that block, and when it was asked, ms since 1970. */
  readonly stateTime: number;
  readonly time: number;
}

/** What a question about published sets needs to know of the chain. */
export interface KnownSets {
  readonly height: number;
  readonly sets: readonly ActiveSet[];
  /** Publications in force, the network's and tenants'. */
  readonly active: ReadonlySet<Digest>;
  /** Of the network's active set. */
  readonly network: ActiveSet | null;
  readonly tightening: Tightening;
}

export type PolicyEngineMessage =
  | { readonly type: 'state'; readonly state: FollowedState }
  | { readonly type: 'tables' }
  | {
      readonly type: 'evaluate';
      readonly requests: readonly PolicyEvaluationRequest[];
      readonly replyTo: ReplyTo<readonly Evaluated[]>;
    }
  /** The request as it stands with the persons counted on chain. */
  | {
      readonly type: 'counted';
      readonly request: PolicyEvaluationRequest;
      readonly replyTo: ReplyTo<PolicyEvaluationRequest>;
    }
  | { readonly type: 'sets'; readonly replyTo: ReplyTo<KnownSets | null> }
  | { readonly type: 'status'; readonly replyTo: ReplyTo<PolicyStatus> }
  | { readonly type: 'judged'; readonly judged: Judged }
  | {
      readonly type: 'attested';
      readonly judged: Judged;
      readonly outcome: { readonly value: Sent } | { readonly error: unknown };
    };
