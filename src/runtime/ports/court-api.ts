/**
 * What a court offers to its HTTP interface and to embedders. Shapes are JSON-ready: keys, digests and bytes are lower-case hex,
 * amounts decimal strings in minor units, times milliseconds since 1970.
 */
export type CourtResult =
  | { readonly kind: 'answer'; readonly value: unknown }
  /** `reason` is a code; `place` names the field of a body that is wrong. */
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string; readonly place: string | null };

export interface AgreementsQuery {
  readonly party?: string;
  readonly state?: string;
  readonly limit: number;
}

export interface CasesQuery {
  readonly agreement?: string;
  readonly party?: string;
  readonly stage?: string;
  readonly limit: number;
}

/** What a relayed transaction must be. */
export interface Relayed {
  /** `court.file`, … */
  readonly kind: string;
  /** Agreement or case that its body must name; null where the body is the thing itself. */
  readonly subject: string | null;
}

export interface CourtApi {
  status(): Promise<CourtResult>;
  agreements(query: AgreementsQuery): Promise<CourtResult>;
  agreement(id: string): Promise<CourtResult>;
  obligations(agreement: string): Promise<CourtResult>;
  /** That sources handed in about an agreement. */
  statements(agreement: string): Promise<CourtResult>;
  /** Takes `{ agreement, obligation, period, source, value, signature }`; answers once it is on stable storage. */
  handIn(statement: unknown): Promise<CourtResult>;
  cases(query: CasesQuery): Promise<CourtResult>;
  case(id: string): Promise<CourtResult>;
  timeline(caseId: string): Promise<CourtResult>;
  /** Seats, votes, and what it takes to do the draws again. */
  panel(caseId: string): Promise<CourtResult>;
  deadlines(limit: number): Promise<CourtResult>;
  arbitrators(): Promise<CourtResult>;
  /** Of `{ tenant, workload, country, classification }`; null in one of the last three: any, and the worst of all counts. */
  compliance(operation: unknown): Promise<CourtResult>;
  /** Passes on a transaction (canonical bytes) that its sender signed; answers when it is final. */
  relay(transaction: Uint8Array, expected: Relayed): Promise<CourtResult>;
}
