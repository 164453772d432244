/** What runs the containers of one cluster: DockLock, or a driver in this process. */
import type { Workload } from '../../protocols/enc/workload.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { ContainerExit } from '../../protocols/shared/containers.ts';

export interface RunningContainer {
  readonly id: string;
  readonly isRunning: boolean;
  /** ms since 1970; null: not started. */
  readonly startedAt: number | null;
  readonly exit: ContainerExit | null;
}

/**
 * Each rejects where the executor cannot be asked. Containers outlive the process that asks, and stand still by themselves once
 * the executor's clock has passed what {@link hold} last said.
 */
export interface WorkloadExecutor {
  /** Driver, runtime and version, for receipts. */
  runtime(): string;
  /** Creates and starts. A program that cannot be started is an exited container; a second start of one id changes nothing. */
  start(id: string, workload: Workload): Promise<void>;
  /** TERM, then KILL after the grace. */
  stop(id: string, options: { readonly graceMs: number; readonly by: string }): Promise<void>;
  /** Of one that is exited. Idempotent. */
  remove(id: string): Promise<void>;
  list(): Promise<readonly RunningContainer[]>;
  /** These may run until then (ms since 1970 of the caller's clock), all others not. */
  hold(ids: readonly string[], untilMs: number): Promise<void>;
}

/** Of one lease: the next lease of the workload has another. */
export const containerId = (workload: Digest, epoch: number): string => `w-${workload.slice(0, 40)}-${epoch}`;
