/**
 * What a cluster's operator does next about a workload: a function of what is recorded, what the chain says, and what runs. Nothing
 * of it is remembered from one call to the next, so that a process that died anywhere goes on where things stand.
 *
 * Rules: a lease starts one execution at most, whose intent is on stable storage before it is started; nothing runs without the newest
 * lease, in a state that is fresh, under agreements that hold; every execution that was begun ends in one receipt, and only
 * then is its lease given back.
 */
import type { LeaseRecord } from '../ledger/modules/enc/cluster-state.ts';
import type { Digest } from '../shared/brands.ts';
import type { ContainerExit } from '../shared/containers.ts';

/** One execution of a workload: that of a lease. */
export interface Execution {
  readonly cluster: string;
  readonly epoch: number;
  readonly decision: Digest;
  readonly policySet: Digest | null;
  readonly agreements: readonly Digest[];
  /** Until when the decision may be acted on, ms since 1970. */
  readonly expires: number;
  /** The transaction that gave the lease; null: not seen yet. */
  readonly admittedBy: Digest | null;
  /** The start is intended, and durably so. */
  readonly isBegun: boolean;
  /** ms since 1970; null: not known to have started. */
  readonly startedAt: number | null;
  /** Its receipt is written, or it never began. */
  readonly isOver: boolean;
  /** Who has it stopped, and why; null: nobody. */
  readonly stop: StopOrder | null;
}

export interface StopOrder {
  /** `tenant`, `court`, `policy`, `lease`, `drain`, `deadline`. */
  readonly by: string;
  readonly reason: string;
}

/** What the tenant, or the end of a job, asks for. */
export type Wanted = 'running' | 'stopped' | 'finished';

export interface Observed {
  /** Name of the cluster that the lease of the newest epoch is with; undefined: the workload never had one. */
  readonly lease: LeaseRecord | undefined;
  /** That cluster is one of this process. */
  readonly isOwnLease: boolean;
  /** That cluster does not answer, for longer than one that is alive may. */
  readonly isHolderLost: boolean;
  /** The container of the execution; null: there is none; undefined: the executor cannot be asked. */
  readonly container: { readonly isRunning: boolean; readonly exit: ContainerExit | null } | null | undefined;
  /** Header time of the state, ms since 1970. */
  readonly headerTime: number;
  /** The state is too old to act on. */
  readonly isStale: boolean;
  /** What forbids it to run now; empty: nothing. */
  readonly forbidden: StopOrder | null;
  /** A cluster that may run something is being emptied. */
  readonly isDraining: boolean;
  /** Own clock, ms since 1970. */
  readonly now: number;
}

export type NextStep =
  /** Runs the admission pipeline; `epoch` is that of the lease that it ends in. */
  | { readonly type: 'admit'; readonly epoch: number }
  /** Creates and starts the container, after the intent is durable. */
  | { readonly type: 'start' }
  | { readonly type: 'stop'; readonly order: StopOrder }
  /** Writes the receipt of an execution that is over, and removes its container. */
  | { readonly type: 'receipt'; readonly exit: ContainerExit }
  /** The container is found running, or has just been started: its start is written down. */
  | { readonly type: 'note-start' }
  /** Gives the lease back. */
  | { readonly type: 'release' }
  | { readonly type: 'wait'; readonly reason: string };

const wait = (reason: string): NextStep => ({ type: 'wait', reason });

/** Of an execution that was begun, and of which nothing is there. */
const lost: ContainerExit = { cause: { kind: 'lost' }, code: null, at: null, usage: null };

function stopOrder(wanted: Wanted, execution: Execution, seen: Observed): StopOrder | null {
  const { lease, isOwnLease, forbidden, isDraining } = seen;
  if (!isOwnLease || lease?.epoch !== execution.epoch || !lease.isHeld) return { by: 'lease', reason: 'lease-lost' };
  if (wanted !== 'running') return { by: 'tenant', reason: 'stopped' };
  if (forbidden !== null) return forbidden;
  return isDraining ? { by: 'drain', reason: 'cluster-draining' } : null;
}

/** Of an execution that was begun and has no receipt. */
function uponExecution(wanted: Wanted, execution: Execution, seen: Observed): NextStep {
  const { container, isStale } = seen;
  if (container === undefined) return wait('executor-unreachable');
  if (container === null) return { type: 'receipt', exit: lost };
  if (container.exit !== null) return { type: 'receipt', exit: container.exit };
  if (execution.stop !== null) return { type: 'stop', order: execution.stop };
  if (!container.isRunning) return { type: 'stop', order: { by: 'lease', reason: 'never-started' } };
  if (execution.startedAt === null) return { type: 'note-start' };
  // Who cannot tell what the chain says now lets the containers stand still, and does not end them for it.
  if (isStale) return wait('state-stale');
  const order = stopOrder(wanted, execution, seen);
  return order === null ? wait('running') : { type: 'stop', order };
}

/** Of an execution that is not the newest any more: it is ended, and nothing else. */
export const nextStepOfOlder = (execution: Execution, seen: Observed): NextStep =>
  uponExecution('running', execution, { ...seen, lease: undefined });

/** `execution` is that of the newest lease which this process was given. */
export function nextStep(wanted: Wanted, execution: Execution | null, seen: Observed): NextStep {
  const { lease, isOwnLease, isStale, headerTime, forbidden, isDraining, isHolderLost, now } = seen;
  const isUnderWay = execution?.isBegun === true && !execution.isOver;
  // Where nobody answers for the cluster any more, another one takes the lease; what was there ends once it can be asked.
  const isAbandoned = seen.container === undefined && isHolderLost && !isStale && wanted === 'running';
  if (isUnderWay && !isAbandoned) return uponExecution(wanted, execution, seen);
  if (isStale) return wait('state-stale');
  // The chain has given the lease in a block that is not followed yet.
  if (execution !== null && execution.epoch > (lease?.epoch ?? 0)) return wait('lease-under-way');
  const isHeldHere = isOwnLease && lease?.isHeld === true && !(isUnderWay && isAbandoned);
  if (isHeldHere) {
    const isOurs = execution?.epoch === lease.epoch && execution.cluster === lease.cluster;
    // The lease of an execution that is over, or of one that nothing is known of any more.
    if (!isOurs || execution.isOver || wanted !== 'running' || forbidden !== null || isDraining)
      return { type: 'release' };
    if (headerTime < lease.notBefore) return wait('holder-before');
    if (now >= execution.expires) return { type: 'release' };
    return { type: 'start' };
  }
  if (wanted !== 'running') return wait(wanted);
  if (lease?.isHeld === true && !isHolderLost) return wait('held-elsewhere');
  return { type: 'admit', epoch: (lease?.epoch ?? 0) + 1 };
}
