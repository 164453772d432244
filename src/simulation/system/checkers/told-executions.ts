/** What checkers are told of execution clusters. */
import type { WorkloadExecution } from '../../../protocols/enc/receipt.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';

/** A container's program was started, for the first time. */
export interface ContainerStarted {
  readonly node: number;
  readonly cluster: string;
  readonly workload: Digest;
  readonly epoch: number;
  readonly tenant: string;
  readonly graceMs: number;
  readonly atMs: number;
}

/** It runs from now on, or stands still, or is over. */
export interface ContainerRunning {
  readonly node: number;
  readonly workload: Digest;
  readonly epoch: number;
  readonly isRunning: boolean;
  readonly atMs: number;
}

/** What an operator shows at the end of a run of the receipts that it wrote. */
export interface ReceiptsAudited {
  readonly node: number;
  readonly workload: Digest;
  /** In their order; null: not signed by its cluster, or no receipt. */
  readonly receipts: readonly (WorkloadExecution | null)[];
  readonly hashes: readonly Digest[];
  /** Epochs whose containers are here still. */
  readonly present: readonly number[];
}
