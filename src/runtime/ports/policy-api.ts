/**
 * What the policy engine offers to its HTTP interface and to embedders. Shapes are JSON-ready; requests come as JSON and are checked
 * behind this. A `viewer` is the account that asks; null (a caller on the machine itself) sees all, others not the sets of tenants
 * that they are not. Every method rejects with {@link PolicyServiceError}.
 */
import { CodedError } from '../../protocols/shared/errors.ts';

export type PolicyServiceErrorCode =
  | 'invalid-request' // `place` names the field
  | 'invalid-set' // bytes that are no policy set
  | 'unknown-set' // no such set is published, or the viewer may not see it
  | 'unknown-tenant' // the viewer may not ask for this tenant
  | 'content-not-here' // published, and its bytes are nowhere to be had
  | 'not-published' // the bytes are not what the transaction names
  | 'refused' // the chain does not take the transaction
  | 'not-ready'
  | 'overload'
  | 'time-out'
  | 'unavailable';

export class PolicyServiceError extends CodedError<PolicyServiceErrorCode> {
  override readonly name = 'PolicyServiceError';
  /** Path in the request, or null. */
  readonly place: string | null;

  constructor(
    code: PolicyServiceErrorCode,
    message: string,
    place: string | null = null,
    options?: { cause: unknown },
  ) {
    super(code, message, options);
    this.place = place;
  }
}

export interface PolicyStatus {
  readonly isReady: boolean;
  readonly problem: string | null;
  readonly height: number;
  /** Compiled hash of the active set, null where it is not here. */
  readonly compiled: string | null;
  readonly validUntil: string | null;
  /** Whether this service is one of the chain's evaluators. */
  readonly isEvaluator: boolean;
  /** Publications that it does not attest, and why. */
  readonly refused: readonly { readonly publication: string; readonly problem: string }[];
}

/** What is said of a request: `state`, `reasons`, rules, obligations, and what it rests on. */
export interface Evaluation {
  readonly state: 'Green' | 'Yellow' | 'Red';
  readonly reasons: readonly string[];
  readonly [more: string]: unknown;
}

export interface StudyOptions {
  /** Facts as of this day, `YYYY-MM-DD`; default those in force. */
  readonly asOf?: string;
  /** A published set by any of its names; default the active one of the network. */
  readonly set?: string;
}

export interface PolicyApi {
  /** In the order of the requests; a request that is none is an error in its place. */
  evaluate(requests: readonly unknown[], viewer: string | null): Promise<readonly (Evaluation | PolicyServiceError)[]>;
  /** One request with missing conditions and counterfactuals, of the set and day that are asked for. */
  study(request: unknown, options: StudyOptions, viewer: string | null): Promise<Evaluation>;
  /** What is active, what waits for attestations, what came before; the newest first. */
  sets(viewer: string | null): Promise<readonly unknown[]>;
  /** The published bytes. `set` is any of its names: publication, content, policy set. */
  content(set: string, viewer: string | null): Promise<Uint8Array>;
  facts(options: StudyOptions, viewer: string | null): Promise<unknown>;
  /** Gaps, conflicts, dead rules, equality with Cedar. */
  check(content: string, options: { readonly asOf?: string; readonly random: number }): Promise<unknown>;
  diff(before: string, after: string, asOf: string | undefined, viewer: string | null): Promise<unknown>;
  /** Relays a signed publication, and keeps its bytes for whoever follows the chain. */
  publish(content: string, transaction: string): Promise<unknown>;
  status(): Promise<PolicyStatus>;
}
