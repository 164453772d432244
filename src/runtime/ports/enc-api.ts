/** What the operator of execution clusters offers to its HTTP interface and to embedders. Shapes are JSON-ready. */
export type EncAnswer<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /** `reason` is a code; `place` names the field of a body that is wrong. */
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string; readonly place: string | null };

interface EncStatus {
  readonly isReady: boolean;
  readonly problem: string | null;
}

/** A `viewer` is the account that asks; null (a caller on the machine itself) sees all, everybody else what is his. */
export interface EncApi {
  /** docs/formats/workload.schema.json; the same workload again is the one that is there. */
  submit(workload: unknown, by: string | null): Promise<EncAnswer<unknown>>;
  workloads(viewer: string | null): Promise<readonly unknown[]>;
  workload(id: string, viewer: string | null): Promise<EncAnswer<unknown>>;
  /** Why it is where it is, or nowhere. */
  why(id: string, viewer: string | null): Promise<EncAnswer<unknown>>;
  stop(id: string, viewer: string | null): Promise<EncAnswer<unknown>>;
  /** The oldest first. */
  receipts(id: string, viewer: string | null): Promise<EncAnswer<unknown>>;
  /** docs/formats/execution-receipt.md; `index` counts the workload's receipts from 0. */
  receiptProof(id: string, index: number, viewer: string | null): Promise<EncAnswer<unknown>>;
  clusters(): Promise<readonly unknown[]>;
  /** Empties a cluster; `isOver` lets it take workloads again. */
  drain(cluster: string, isOver: boolean): Promise<EncAnswer<unknown>>;
  status(): Promise<EncStatus>;
}
