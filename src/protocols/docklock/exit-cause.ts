/** Why a container ended, from what was seen of its end. */
import type { ExitCause, ResourceUsage } from '../shared/containers.ts';

export interface SeenEnd {
  /** Of its first process; null where nobody saw it end. */
  readonly code: number | null;
  /** Read before the counters were gone; null where they were gone already. */
  readonly usage: ResourceUsage | null;
  /** Its program was never run. */
  readonly startFailure: { readonly reason: string; readonly detail: string } | null;
  /** Its time was over, and it was killed for that. */
  readonly wasTimedOut: boolean;
  /** Who asked it to stop while it ran. */
  readonly stoppedBy: string | null;
}

/**
 * What ended it comes before what it met on the way: its time, whoever stopped it, then the limits. A memory kill counts whatever
 * code the first process made of it; a refused process only where the end was no good one.
 */
export function exitCause({ code, usage, startFailure, wasTimedOut, stoppedBy }: SeenEnd): ExitCause {
  if (startFailure !== null) return { kind: 'start-failed', ...startFailure };
  if (wasTimedOut) return { kind: 'timeout' };
  if (stoppedBy !== null) return { kind: 'stopped', by: stoppedBy };
  if ((usage?.oomKills ?? 0) > 0) return { kind: 'oom' };
  if (code === null) return { kind: 'lost' };
  if ((usage?.pidsRefused ?? 0) > 0 && code !== 0) return { kind: 'pids-limit' };
  return { kind: 'exited', code };
}
