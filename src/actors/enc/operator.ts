/**
 * The operator of execution clusters: after each block, and whenever something was done, it looks at every workload and does what
 * `protocols/enc/life.ts` says is next. At most one thing is under way for a workload.
 */
import { CourtBook } from '../../protocols/court/court-book.ts';
import { type BoundDecision } from '../../protocols/enc/admission.ts';
import { type Execution, type NextStep, nextStep, nextStepOfOlder, type Observed } from '../../protocols/enc/life.ts';
import { newestOf, newRecord, withExecution, type WorkloadRecord } from '../../protocols/enc/record.ts';
import { flowOf, type Workload, workloadId } from '../../protocols/enc/workload.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { ChainFeed, FollowedState } from '../traffic/chain-feed.ts';
import { Admissions, type Admitted } from './admissions.ts';
import { ChainFacts } from './chain-facts.ts';
import { Cluster, type OwnCluster } from './clusters.ts';
import { Executions, freshUntil } from './executions.ts';
import { containerId, type RunningContainer } from './executor.ts';
import type { EncMessage, Outcome, WorkloadView } from './messages.ts';
import type { AdmissionOwners } from './owners.ts';
import { RecordStore } from './record-store.ts';

export interface OperatorOptions {
  readonly feed: ChainFeed;
  readonly account: PublicKey;
  readonly clock: Clock;
  readonly store: Store;
  readonly clusters: readonly OwnCluster[];
  readonly owners: AdmissionOwners;
  /** Whether a cluster of another process of this operator has not answered for longer than one that is alive may. */
  readonly isPeerLost: (cluster: string) => boolean;
}

type Context = ActorContext<EncMessage>;

const workloadsMax = 10_000;
/** Blocks until an admission that came to nothing is tried again, at most; a change of policies or clusters is sooner. */
const pauseMax = 8;
interface Pause {
  readonly untilHeight: number;
  readonly mark: string;
}

export class Operator {
  readonly clusters: readonly Cluster[];
  readonly records: RecordStore;
  readonly #options: OperatorOptions;
  readonly #admissions: Admissions;
  readonly #executions: Executions;
  readonly #book = new CourtBook();
  readonly #busy = new Map<Digest, string>();
  readonly #doing = new Map<Digest, string>();
  readonly #pauses = new Map<Digest, Pause>();
  /** By workload: the policies under which its present execution was looked at last. */
  readonly #checked = new Map<Digest, string>();
  #facts: ChainFacts | null = null;

  /** Throws StoreError. */
  constructor(options: OperatorOptions, context: Context) {
    const { feed, account, clock, store, clusters, owners } = options;
    this.#options = options;
    this.records = new RecordStore(store);
    this.#executions = new Executions({ feed, clock, records: this.records });
    this.clusters = clusters.map((own) => new Cluster(own, feed, account, context, clock.monotonicMs()));
    this.#admissions = new Admissions({ owners, feed, clusters: this.clusters, records: this.records });
  }

  get facts(): ChainFacts | null {
    return this.#facts;
  }

  /** After each block. */
  follow(state: FollowedState, context: Context): void {
    this.#facts = new ChainFacts(state, this.#book);
    for (const cluster of this.clusters) {
      const listed = cluster.listing.next(state);
      const { id } = cluster;
      if (listed !== null) context.pipeToSelf(listed, (outcome) => ({ type: 'listed', cluster: id, outcome }));
      const due = cluster.due(this.#facts, this.#options.account, this.records);
      if (due === null) continue;
      const { kind } = due;
      const sent = this.#options.feed.send(kind, due.body);
      context.pipeToSelf(sent, (outcome) => ({ type: 'cluster-sent', cluster: id, kind, outcome }));
    }
    this.observe(context);
  }

  /** Says how long containers may run, and asks the executors what runs; {@link work} follows. */
  observe(context: Context): void {
    for (const cluster of this.clusters) {
      if (cluster.isObserving) continue;
      cluster.isObserving = true;
      cluster.isOutdated = false;
      const { id, own } = cluster;
      const { ids, untilMs } = this.#executions.holds(id, this.#facts);
      const seen = own.executor.hold(ids, untilMs).then(() => own.executor.list());
      context.pipeToSelf(seen, (outcome) => ({ type: 'observed', cluster: id, outcome }));
    }
  }

  observed(cluster: string, outcome: Outcome<readonly RunningContainer[]>, context: Context): void {
    const found = this.clusters.find(({ id }) => id === cluster);
    if (found === undefined) return;
    const { isOutdated } = found;
    found.observed(outcome, this.#options.clock.monotonicMs());
    if (isOutdated) {
      this.observe(context);
      return;
    }
    for (const id of found.unseen) this.#busy.delete(id);
    found.unseen.clear();
    this.#clear(found, context);
    this.work(context);
  }

  /** Containers of ours of which nothing is recorded any more are ended and removed. */
  #clear({ id: cluster, own, containers }: Cluster, context: Context): void {
    const known = new Set<string>();
    for (const id of this.records.ids)
      for (const execution of this.records.get(id)?.executions ?? [])
        if (execution.cluster === cluster && !execution.isOver) known.add(containerId(id, execution.epoch));
    for (const { id, exit } of containers?.values() ?? []) {
      if (known.has(id) || !id.startsWith('w-')) continue;
      const work = exit === null ? own.executor.stop(id, { graceMs: 0, by: 'lease' }) : own.executor.remove(id);
      context.pipeToSelf(work, (outcome) => ({ type: 'done', id: '' as Digest, what: 'clear', cluster, outcome }));
    }
  }

  /** Looks at every workload. */
  work(context: Context): void {
    for (const id of this.records.ids) this.#workOn(id, context);
  }

  #workOn(id: Digest, context: Context): void {
    const record = this.records.get(id);
    const facts = this.#facts;
    if (record === undefined || facts === null || this.#busy.has(id) || this.#admissions.stageOf(id) !== null) return;
    for (const older of record.executions.slice(0, -1)) {
      const step = nextStepOfOlder(older, this.#seen(id, record, older, facts));
      if (step.type !== 'wait') {
        this.#do(id, record, older, step, facts, context);
        return;
      }
    }
    const newest = newestOf(record);
    const step = nextStep(record.wanted, newest, this.#seen(id, record, newest, facts));
    if (step.type === 'wait' && step.reason === 'running' && newest !== null)
      this.#recheck(id, record, newest, facts, context);
    this.#do(id, record, newest, step, facts, context);
  }

  #seen(id: Digest, { workload }: WorkloadRecord, execution: Execution | null, facts: ChainFacts): Observed {
    const { clock, isPeerLost } = this.#options;
    const lease = facts.lease(id);
    const holder = this.clusters.find((each) => each.id === lease?.cluster);
    const place = this.clusters.find((each) => each.id === execution?.cluster);
    const container =
      execution === null || place?.containers === undefined
        ? undefined
        : (place.containers.get(containerId(id, execution.epoch)) ?? null);
    const now = clock.now();
    return {
      ...{ lease, container, now, headerTime: facts.time },
      isOwnLease: holder !== undefined,
      isHolderLost:
        holder !== undefined ? holder.isLost(clock.monotonicMs()) : lease !== undefined && isPeerLost(lease.cluster),
      isStale: now >= freshUntil(facts.time),
      forbidden:
        execution === null || place === undefined
          ? null
          : facts.forbidden(workload, place.own.country, execution.agreements),
      isDraining: place?.isDraining === true,
    };
  }

  #do(
    id: Digest,
    record: WorkloadRecord,
    execution: Execution | null,
    step: NextStep,
    facts: ChainFacts,
    context: Context,
  ): void {
    this.#doing.set(id, step.type === 'wait' ? step.reason : step.type);
    if (step.type === 'wait') return;
    if (step.type === 'admit') {
      this.#admit(id, record, step.epoch, facts, context);
      return;
    }
    if (step.type === 'release') {
      const cluster = facts.lease(id)?.cluster ?? '';
      this.#run(id, 'release', cluster, this.#executions.release(id, record, facts), context);
      return;
    }
    const cluster = this.clusters.find((each) => each.id === execution?.cluster);
    if (execution === null || cluster === undefined) return;
    const run = (work: Promise<unknown>): void => this.#run(id, step.type, cluster.id, work, context);
    switch (step.type) {
      case 'start': {
        run(this.#executions.start(id, record, execution, cluster, facts));
        return;
      }
      case 'note-start': {
        this.#executions.noteStart(id, record, execution, cluster);
        return;
      }
      case 'stop': {
        run(this.#executions.stop(id, record, execution, cluster, step.order));
        return;
      }
      case 'receipt':
        run(this.#executions.receipt(id, record, execution, cluster, step.exit));
        this.#pause(id, this.records.get(id)?.failures ?? 0);
    }
  }

  /** One thing at a time; then the executors are asked again. */
  #run(id: Digest, what: string, cluster: string, work: Promise<unknown>, context: Context): void {
    this.#busy.set(id, what);
    context.pipeToSelf(work, (outcome) => ({ type: 'done', id, what, cluster, outcome }));
  }

  /** What was done is judged by what a look shows that began afterwards: an earlier one may lack what was started meanwhile. */
  done({ id, what, cluster, outcome }: Extract<EncMessage, { type: 'done' }>, context: Context): void {
    const found = this.clusters.find((each) => each.id === cluster);
    if (found === undefined) this.#busy.delete(id);
    else {
      found.isOutdated = true;
      found.unseen.add(id);
    }
    if ('error' in outcome) context.log.warn('a step failed', { workload: id, what, problem: String(outcome.error) });
    this.observe(context);
  }

  #pause(id: Digest, failures: number): void {
    const height = this.#facts?.height ?? 0;
    if (failures === 0) this.#pauses.delete(id);
    else this.#pauses.set(id, { untilHeight: height + Math.min(pauseMax, 2 ** (failures - 1)), mark: this.#mark() });
  }

  /** What may make an admission end otherwise than it did. */
  #mark(): string {
    const facts = this.#facts;
    const standing = this.clusters.map(({ id, containers }) =>
      [facts?.cluster(id)?.state, containers !== undefined].join(),
    );
    return [facts?.policyMark ?? '', ...standing].join('|');
  }

  #admit(id: Digest, record: WorkloadRecord, epoch: number, facts: ChainFacts, context: Context): void {
    if (record.held !== null) {
      const { held, workload } = record;
      const asked = this.#options.owners.released(held.id, workload.tenant);
      this.#busy.set(id, 'held');
      context.pipeToSelf(asked, (outcome) => ({ type: 'released', id, outcome }));
      return;
    }
    const pause = this.#pauses.get(id);
    if (pause !== undefined && facts.height < pause.untilHeight && pause.mark === this.#mark()) {
      this.#doing.set(id, 'pending');
      return;
    }
    this.#begin(id, record, epoch, null, context);
  }

  #begin(
    id: Digest,
    { workload, executions }: WorkloadRecord,
    epoch: number,
    released: (BoundDecision & { readonly cluster: string }) | null,
    context: Context,
  ): void {
    const before = executions.at(-1)?.cluster ?? null;
    this.#admissions.begin(id, { epoch, workload, released, before }, context);
  }

  /** Whether what is held was let go: its release runs admission again. */
  released(id: Digest, outcome: Outcome<BoundDecision | null>, context: Context): void {
    this.#busy.delete(id);
    const record = this.records.get(id);
    const facts = this.#facts;
    const held = record?.held ?? null;
    if (record === undefined || held === null || facts === null) return;
    if (!('value' in outcome) || outcome.value === null) return;
    const decision = outcome.value;
    const { cluster } = held;
    const after = { ...record, held: null };
    this.records.put(id, after);
    const epoch = (facts.lease(id)?.epoch ?? 0) + 1;
    const isGood = decision.expires !== null && decision.expires > this.#options.clock.now();
    this.#begin(id, after, epoch, isGood ? { ...decision, cluster } : null, context);
  }

  leased(message: Extract<EncMessage, { type: 'leased' }>, context: Context): void {
    for (const { id, number, input } of this.#admissions.leased(message.asked, message.outcome, context))
      this.answered({ type: 'answer', id, number, input }, context);
  }

  answered({ id, number, input }: Extract<EncMessage, { type: 'answer' }>, context: Context): void {
    if (this.#facts === null) return;
    const admitted = this.#admissions.answered(id, number, input, this.#facts, context);
    if (admitted === null) return;
    this.#ended(id, admitted);
    this.#workOn(id, context);
  }

  #ended(id: Digest, { epoch, state }: Admitted): void {
    const record = this.records.get(id);
    if (record === undefined) return;
    const { steps, unfit, terms } = state;
    const known = { ...record, steps, unfit };
    if (state.stage === 'admitted') {
      const { candidate, decision } = state;
      const execution: Execution = {
        ...{ cluster: candidate.cluster, epoch, decision: decision.id, policySet: decision.policySet },
        ...{
          agreements: terms.agreements,
          expires: decision.expires ?? 0,
          admittedBy: null,
          isBegun: false,
          startedAt: null,
        },
        ...{ isOver: false, stop: null },
      };
      this.records.put(id, withExecution({ ...known, held: null }, execution));
      this.#checked.set(id, this.#facts?.policyMark ?? '');
      return;
    }
    const held = state.stage === 'held' ? { ...state.decision, cluster: state.candidate.cluster } : null;
    const failures = record.failures + 1;
    this.records.put(id, { ...known, held, failures });
    this.#pause(id, failures);
  }

  /** Policies have changed since this was admitted: whether they still let it run where it is. */
  #recheck(
    id: Digest,
    { workload }: WorkloadRecord,
    { cluster, epoch }: Execution,
    facts: ChainFacts,
    context: Context,
  ): void {
    const mark = facts.policyMark;
    const place = this.clusters.find((each) => each.id === cluster);
    if (this.#checked.get(id) === mark || place === undefined) return;
    const flow = flowOf(workload, { id: cluster, country: place.own.country });
    this.#busy.set(id, 'recheck');
    context.pipeToSelf(this.#options.owners.policy([flow], facts.height), (outcome) => ({
      ...{ type: 'rechecked', id, epoch, mark, outcome },
    }));
  }

  rechecked({ id, epoch, mark, outcome }: Extract<EncMessage, { type: 'rechecked' }>, context: Context): void {
    this.#busy.delete(id);
    const record = this.records.get(id);
    const newest = record === undefined ? null : newestOf(record);
    if (record === undefined || newest?.epoch !== epoch || newest.isOver) return;
    // No answer is asked for again with the next block; what is held by now is let go on by its obligations.
    if (!('value' in outcome)) return;
    if (outcome.value[0] !== 'Red') {
      this.#checked.set(id, mark);
      return;
    }
    const stop = { by: 'policy', reason: 'the policies in force say Red' };
    this.records.put(id, withExecution(record, { ...newest, stop }));
    this.#workOn(id, context);
  }

  /** Throws StoreError. null: too many. */
  submit(workload: Workload, by: PublicKey | null): Digest | null {
    const id = workloadId(workload);
    if (this.records.get(id) !== undefined) return id;
    if (this.records.ids.length >= workloadsMax) return null;
    this.records.put(id, newRecord(workload, by, this.#options.clock.now()));
    return id;
  }

  /** Throws StoreError. */
  stop(id: Digest): boolean {
    const record = this.records.get(id);
    if (record === undefined) return false;
    if (record.wanted === 'running') this.records.put(id, { ...record, wanted: 'stopped' });
    return true;
  }

  view(id: Digest): WorkloadView | null {
    const record = this.records.get(id);
    const stage = this.#admissions.stageOf(id);
    const doing = stage === null ? (this.#busy.get(id) ?? this.#doing.get(id) ?? 'pending') : `admission: ${stage}`;
    return record === undefined ? null : { id, record, doing };
  }
}
