/** Performs what is next about an execution: its start after the intent is durable, its stop, its receipt, the end of its lease. */
import { type Execution, type StopOrder } from '../../protocols/enc/life.ts';
import { newestOf, withExecution, type WorkloadRecord } from '../../protocols/enc/record.ts';
import { executionOf, receiptBytes, receiptHash, signExecution } from '../../protocols/enc/receipt.ts';
import { leaseStaleMs } from '../../protocols/ledger/modules/enc/enc.ts';
import type { ContainerExit } from '../../protocols/shared/containers.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { ChainFeed } from '../traffic/chain-feed.ts';
import type { ChainFacts } from './chain-facts.ts';
import type { Cluster } from './clusters.ts';
import { containerId } from './executor.ts';
import type { RecordStore } from './record-store.ts';

/** Before the end of a lease's freshness, containers stand still: clocks and messages take their time. */
const holdMarginMs = 2_000;

/** Until when what the state of this header time allows may be acted on, ms since 1970. */
export const freshUntil = (headerTime: number): number => headerTime + leaseStaleMs - holdMarginMs;

export interface ExecutionsOptions {
  readonly feed: ChainFeed;
  readonly clock: Clock;
  readonly records: RecordStore;
}

/** Each changes the record at once, and returns what is to be waited for. */
export class Executions {
  readonly #options: ExecutionsOptions;

  constructor(options: ExecutionsOptions) {
    this.#options = options;
  }

  /** What the newest leases of workloads allow, for as long as the state that says so is fresh. */
  holds(cluster: string, facts: ChainFacts | null): { readonly ids: readonly string[]; readonly untilMs: number } {
    if (facts === null) return { ids: [], untilMs: 0 };
    const { records } = this.#options;
    const ids = records.ids.flatMap((id) => {
      const newest = newestOf(records.get(id) as WorkloadRecord);
      const lease = facts.lease(id);
      const isHeld = lease?.isHeld === true && lease.cluster === cluster && lease.epoch === newest?.epoch;
      return newest?.cluster === cluster && newest.isBegun && isHeld ? [containerId(id, newest.epoch)] : [];
    });
    return { ids, untilMs: freshUntil(facts.time) };
  }

  /** The intent is on stable storage before anything runs: no lease is started twice. */
  start(
    id: Digest,
    record: WorkloadRecord,
    execution: Execution,
    cluster: Cluster,
    facts: ChainFacts,
  ): Promise<unknown> {
    const { records } = this.#options;
    const admittedBy = facts.lease(id)?.admittedBy ?? null;
    records.put(id, withExecution(record, { ...execution, admittedBy, isBegun: true }));
    const { ids, untilMs } = this.holds(cluster.id, facts);
    const { executor } = cluster.own;
    return records
      .durable()
      .then(() => executor.hold(ids, untilMs))
      .then(() => executor.start(containerId(id, execution.epoch), record.workload));
  }

  noteStart(id: Digest, record: WorkloadRecord, execution: Execution, { containers }: Cluster): void {
    const { records, clock } = this.#options;
    const startedAt = containers?.get(containerId(id, execution.epoch))?.startedAt ?? clock.now();
    records.put(id, { ...withExecution(record, { ...execution, startedAt }), failures: 0 });
  }

  stop(id: Digest, record: WorkloadRecord, execution: Execution, { own }: Cluster, order: StopOrder): Promise<unknown> {
    this.#options.records.put(id, withExecution(record, { ...execution, stop: order }));
    const { graceMs } = record.workload;
    return own.executor.stop(containerId(id, execution.epoch), { graceMs, by: order.by });
  }

  /** The container is removed once its receipt is durable. */
  receipt(
    id: Digest,
    record: WorkloadRecord,
    execution: Execution,
    { id: cluster, own, containers }: Cluster,
    exit: ContainerExit,
  ): Promise<unknown> {
    const { feed, records } = this.#options;
    const { workload, steps, lastReceipt } = record;
    const name = containerId(id, execution.epoch);
    const over = {
      ...execution,
      isOver: true,
      startedAt: execution.startedAt ?? containers?.get(name)?.startedAt ?? null,
    };
    const statement = executionOf(
      {
        ...{ chainId: feed.chainId, key: own.signer.publicKey, workload, id, admission: steps },
        ...{ runtime: own.executor.runtime(), previous: lastReceipt },
      },
      over,
      exit,
    );
    const bytes = receiptBytes(signExecution(statement, own.signer));
    const isDone = workload.kind === 'job' && endings.includes(exit.cause.kind);
    const after: WorkloadRecord = {
      ...withExecution(record, over),
      wanted: isDone && record.wanted === 'running' ? 'finished' : record.wanted,
      lastReceipt: receiptHash(bytes),
      // What ends by itself is not started again at once, for ever.
      failures: execution.stop === null ? record.failures + 1 : record.failures,
    };
    const { epoch, admittedBy } = execution;
    records.put(id, after, { cluster, workload: id, epoch, admittedBy, text: new TextDecoder().decode(bytes) });
    return records.durable().then(() => own.executor.remove(name));
  }

  release(id: Digest, record: WorkloadRecord, facts: ChainFacts): Promise<unknown> {
    const lease = facts.lease(id);
    if (lease === undefined) return Promise.resolve();
    const { cluster, epoch } = lease;
    const newest = newestOf(record);
    if (newest?.epoch === epoch && !newest.isBegun && !newest.isOver)
      this.#options.records.put(id, withExecution(record, { ...newest, isOver: true }));
    return this.#options.feed.send('enc.release-workload', { cluster, leases: [{ workload: id, epoch }] });
  }
}

/** A job that ended so has ended. */
const endings: readonly ContainerExit['cause']['kind'][] = [
  ...(['exited', 'oom', 'pids-limit', 'timeout', 'start-failed'] as const),
];
