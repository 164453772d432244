/**
 * The actor of an operator of execution clusters: follows the chain, takes workloads, admits and places them, has them run, and writes
 * receipts. Every decision of what is next is `protocols/enc`; effects are performed by the {@link Operator}.
 */
import { inclusionOf } from '../../protocols/ledger/merkle-log.ts';
import type { BoundDecision } from '../../protocols/enc/admission.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { ActorContext, ActorDefinition, ReplyTo } from '../../runtime/ports/actors.ts';
import { StoreError } from '../../runtime/ports/store.ts';
import type { FollowedState } from '../traffic/chain-feed.ts';
import { freeCapacities } from './capacity.ts';
import type {
  Answered,
  ClusterStanding,
  EncMessage,
  EncRefusal,
  Outcome,
  ReceiptParts,
  WorkloadView,
} from './messages.ts';
import { Operator, type OperatorOptions } from './operator.ts';

type Context = ActorContext<EncMessage>;

/** Between two looks at the executors where no block comes, ms. */
const tickMs = 1_000;

export function encActor(options: OperatorOptions): ActorDefinition<Operator, EncMessage> {
  let unsubscribe = (): void => undefined;
  return {
    name: 'enc',
    initial: (context) => {
      unsubscribe();
      const tell = (state: FollowedState): void => void context.tell(context.self, { type: 'state', state });
      unsubscribe = options.feed.subscribe(tell);
      const current = options.feed.current();
      if (current !== null) tell(current);
      context.timer('tick', tickMs, { type: 'tick' });
      return new Operator(options, context);
    },
    receive: (operator, message, context) => {
      receive(operator, message, context);
      return operator;
    },
    onStop: () => unsubscribe(),
  };
}

function receive(operator: Operator, message: EncMessage, context: Context): void {
  switch (message.type) {
    case 'state': {
      operator.follow(message.state, context);
      return;
    }
    case 'tick':
      context.timer('tick', tickMs, { type: 'tick' });
      {
        operator.observe(context);
        return;
      }
    case 'observed': {
      operator.observed(message.cluster, message.outcome, context);
      return;
    }
    case 'answer': {
      operator.answered(message, context);
      return;
    }
    case 'leased': {
      operator.leased(message, context);
      return;
    }
    case 'released': {
      operator.released(message.id, message.outcome as Outcome<BoundDecision | null>, context);
      return;
    }
    case 'rechecked': {
      operator.rechecked(message, context);
      return;
    }
    case 'done': {
      operator.done(message, context);
      return;
    }
    case 'cluster-sent': {
      uponClusterSent(operator, message, context);
      return;
    }
    case 'listed': {
      const cluster = operator.clusters.find(({ id }) => id === message.cluster);
      return cluster?.listing.done(message.outcome, operator.facts?.height ?? 0);
    }
    case 'announce':
      for (const listing of message.listings)
        operator.clusters.find(({ id }) => id === listing.id)?.listing.announce(listing);
      return;
    default: {
      answer(operator, message, context);
      return;
    }
  }
}

function uponClusterSent(
  operator: Operator,
  { cluster, kind, outcome }: Extract<EncMessage, { type: 'cluster-sent' }>,
  context: Context,
): void {
  const found = operator.clusters.find(({ id }) => id === cluster);
  const problem = found?.sent(outcome, operator.facts?.height ?? 0, operator.records) ?? null;
  if (problem !== null) context.log.warn('the chain did not take it', { cluster, kind, problem });
}

type Question = Extract<EncMessage, { readonly replyTo: unknown }>;

const refused = (reason: EncRefusal): Answered<never> => ({ kind: 'refused', reason });

function answer(operator: Operator, message: Question, context: Context): void {
  switch (message.type) {
    case 'submit':
    case 'stop': {
      change(operator, message, context);
      return;
    }
    case 'kept': {
      const view = operator.view(message.id);
      const isKept = 'value' in message.outcome && view !== null;
      context.reply(message.replyTo, isKept ? { kind: 'answer', value: view } : refused('not-kept'));
      return;
    }
    case 'workloads': {
      context.reply(
        message.replyTo,
        operator.records.ids.flatMap((id) => operator.view(id) ?? []),
      );
      return;
    }
    case 'workload': {
      const view = operator.view(message.id);
      context.reply(message.replyTo, view === null ? refused('not-found') : { kind: 'answer', value: view });
      return;
    }
    case 'clusters': {
      context.reply(message.replyTo, standings(operator));
      return;
    }
    case 'drain': {
      const cluster = operator.clusters.find(({ id }) => id === message.cluster);
      if (cluster === undefined) {
        context.reply(message.replyTo, refused('not-found'));
        return;
      }
      cluster.isDraining = !message.isOver;
      operator.work(context);
      context.reply(message.replyTo, { kind: 'answer', value: null });
      return;
    }
    case 'receipts': {
      context.reply(message.replyTo, receiptsOf(operator, message.id));
      return;
    }
    case 'status': {
      const isReady =
        operator.facts !== null && operator.clusters.some(({ id }) => operator.facts?.cluster(id)?.state === 'active');
      context.reply(message.replyTo, { isReady, problem: isReady ? null : 'no cluster is active on chain yet' });
      return;
    }
  }
}

/** Answered once it is on stable storage. */
function change(operator: Operator, message: Extract<EncMessage, { type: 'submit' | 'stop' }>, context: Context): void {
  const { replyTo }: { readonly replyTo: ReplyTo<Answered<WorkloadView>> } = message;
  try {
    const id = message.type === 'submit' ? operator.submit(message.workload, message.by) : message.id;
    if (id === null) {
      context.reply(replyTo, refused('too-many-workloads'));
      return;
    }
    if (message.type === 'stop' && !operator.stop(id)) {
      context.reply(replyTo, refused('not-found'));
      return;
    }
    context.pipeToSelf(operator.records.durable(), (outcome) => ({ type: 'kept', id, outcome, replyTo }));
    operator.work(context);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    context.reply(replyTo, refused('not-kept'));
  }
}

function standings({ clusters, facts, records }: Operator): readonly ClusterStanding[] {
  const registrations = clusters.map(({ registration }) => registration);
  const free = freeCapacities(
    registrations,
    records.ids.flatMap((id) => records.get(id) ?? []),
    [],
  );
  return clusters.map(({ id, own, containers }): ClusterStanding => {
    const record = facts?.cluster(id);
    return {
      ...{ id, state: record?.state ?? 'unregistered', region: own.region, country: own.country },
      ...{ isReachable: containers !== undefined, runtime: own.executor.runtime(), held: record?.held ?? 0 },
      ...{ batches: record?.batches ?? 0, free: { ...free.get(id) } },
    };
  });
}

function receiptsOf({ records, facts }: Operator, id: Digest): Answered<readonly ReceiptParts[]> {
  if (records.get(id) === undefined) return refused('not-found');
  const value = records.receiptsOf(id).flatMap((number): readonly ReceiptParts[] => {
    const receipt = records.receipt(number);
    if (receipt === undefined) return [];
    const batch = records.batchOf(number) ?? null;
    const index = batch?.receipts.indexOf(number) ?? -1;
    const inclusion = batch === null ? [] : inclusionOf(index, records.leavesOf(batch.receipts));
    return [{ receipt, batch, index, inclusion, registeredBy: facts?.cluster(receipt.cluster)?.registeredBy ?? null }];
  });
  return { kind: 'answer', value };
}
