/**
 * What a traffic light offers to its HTTP interface and to embedders. Shapes are JSON-ready; requests come as JSON and are checked
 * behind this. A `viewer` is the account that asks: it sees what it enforces and what is its tenant's; null (a caller on the
 * machine itself) sees all.
 */
export type TrafficAnswer<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /** `reason` is a code; `place` names the field of a request that is wrong. */
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string; readonly place: string | null };

export interface TrafficStatus {
  /** Account of the light. */
  readonly light: string;
  readonly isReady: boolean;
  readonly problem: string | null;
  readonly logId: string | null;
  readonly size: number;
  readonly anchoredSize: number;
  readonly height: number;
  readonly held: number;
  readonly underWay: number;
  readonly policySet: string | null;
}

export interface ReviewRequest {
  readonly how: 'discharge' | 'release' | 'reject';
  /** Of a discharge. */
  readonly obligation: string | null;
  /** Public key and Ed25519 signature, hex. */
  readonly by: string;
  readonly signature: string;
}

export interface TrafficFilter {
  readonly state?: string;
  readonly tenant?: string;
  readonly limit: number;
}

export interface TrafficApi {
  /** Answers in the order of the requests. */
  decide(
    requests: readonly unknown[],
    caller: string | null,
    /** W3C traceparent of the work that asks. */
    traceparent?: string,
  ): Promise<readonly TrafficAnswer<unknown>[]>;
  decision(id: string, viewer: string | null): Promise<TrafficAnswer<unknown>>;
  /** The newest first. */
  decisions(filter: TrafficFilter, viewer: string | null): Promise<readonly unknown[]>;
  /** docs/formats/traffic-decision.md */
  proof(id: string, viewer: string | null): Promise<TrafficAnswer<unknown>>;
  /** Of the receipt by which an order of the court was confirmed: docs/formats/traffic-decision.md. */
  obeyedProof(receipt: string): Promise<TrafficAnswer<unknown>>;
  replay(id: string, viewer: string | null): Promise<TrafficAnswer<unknown>>;
  quarantine(viewer: string | null): Promise<readonly unknown[]>;
  review(decision: string, review: ReviewRequest): Promise<TrafficAnswer<unknown>>;
  status(): Promise<TrafficStatus>;
  /** Called with every decision once it is durable, and whose it is. Returns the unsubscribe function. */
  onDecision(listener: (decision: unknown, parties: readonly string[]) => void): () => void;
}
