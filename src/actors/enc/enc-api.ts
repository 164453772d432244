/** `EncApi` over the actor: JSON in, checked, asked, JSON out. */
import { EncError } from '../../protocols/enc/enc-error.ts';
import { newestOf } from '../../protocols/enc/record.ts';
import { receiptProofFormat } from '../../protocols/enc/receipt-proof.ts';
import { readWorkload, workloadCodec } from '../../protocols/enc/workload.ts';
import { type Digest, isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import type { ActorRef, ActorSystem, ReplyTo } from '../../runtime/ports/actors.ts';
import type { EncAnswer, EncApi } from '../../runtime/ports/enc-api.ts';
import type { ChainFeed } from '../traffic/chain-feed.ts';
import type { Answered, ClusterStanding, EncMessage, EncRefusal, ReceiptParts, WorkloadView } from './messages.ts';

const askTimeoutMs = 10_000;

const details: Readonly<Record<EncRefusal | 'not-anchored', string>> = {
  'not-ready': 'the chain is not followed yet',
  'not-found': 'there is nothing of this name here',
  'not-kept': 'it could not be made durable: nothing has changed',
  'too-many-workloads': 'this operator has as many workloads as it takes',
  'wrong-state': 'not as it stands now',
  'not-anchored': 'the receipt is not anchored on chain yet',
};

const refused = (reason: keyof typeof details): EncAnswer<never> => ({
  ...{ kind: 'refused', reason, detail: details[reason], place: null },
});

const workloadJson = ({ id, record, doing }: WorkloadView): unknown => {
  const { workload, wanted, submittedAt, executions, failures } = record;
  const newest = newestOf(record);
  const isThere = newest !== null && !newest.isOver;
  return {
    ...{ id, name: workload.name, kind: workload.kind, tenant: workload.tenant, image: workload.image },
    ...{ wanted, doing, submittedAt, failures, cluster: isThere ? newest.cluster : null },
    ...{ executions, workload: workloadCodec.toJson(workload) },
  };
};

const whyJson = ({ id, record, doing }: WorkloadView): unknown => {
  const { steps, unfit, held, executions } = record;
  return {
    id,
    doing,
    steps,
    unfit,
    held,
    stops: executions.flatMap(({ epoch, stop }) => (stop === null ? [] : [{ epoch, ...stop }])),
  };
};

export interface EncApiOptions {
  readonly system: ActorSystem;
  readonly enc: ActorRef<EncMessage>;
  readonly feed: Pick<ChainFeed, 'proof'>;
  /** The proof of a decision from the light that made it, as JSON; null where it is not to be had now. */
  readonly decisionProof: (id: Digest) => Promise<unknown>;
}

export function createEncApi(options: EncApiOptions): EncApi {
  const { system, enc } = options;
  const ask = <Reply>(make: (replyTo: ReplyTo<Reply>) => EncMessage): Promise<Reply> =>
    system.ask(enc, make, { timeoutMs: askTimeoutMs });
  const view = async (id: string, viewer: string | null): Promise<WorkloadView | null> => {
    if (!isHex64(id)) return null;
    const found = await ask<Answered<WorkloadView>>((replyTo) => ({ type: 'workload', id: id as Digest, replyTo }));
    return found.kind === 'answer' && isVisible(found.value, viewer) ? found.value : null;
  };
  const shown = async (
    id: string,
    viewer: string | null,
    show: (view: WorkloadView) => unknown,
  ): Promise<EncAnswer<unknown>> => {
    const found = await view(id, viewer);
    return found === null ? refused('not-found') : { kind: 'answer', value: show(found) };
  };
  const partsOf = async (id: string, viewer: string | null): Promise<readonly ReceiptParts[] | null> => {
    const found = await view(id, viewer);
    if (found === null) return null;
    const parts = await ask<Answered<readonly ReceiptParts[]>>((replyTo) => ({
      type: 'receipts',
      id: found.id,
      replyTo,
    }));
    return parts.kind === 'answer' ? parts.value : null;
  };
  return {
    submit: async (json, by) => {
      try {
        const workload = readWorkload(json);
        return answerOf(
          await ask<Answered<WorkloadView>>((replyTo) => ({
            type: 'submit',
            workload,
            by: by as PublicKey | null,
            replyTo,
          })),
        );
      } catch (error) {
        if (!(error instanceof EncError)) throw error;
        return { kind: 'refused', reason: error.code, detail: error.message, place: error.place };
      }
    },
    workloads: async (viewer) => {
      const all = await ask<readonly WorkloadView[]>((replyTo) => ({ type: 'workloads', replyTo }));
      return all.filter((each) => isVisible(each, viewer)).map(workloadJson);
    },
    workload: (id, viewer) => shown(id, viewer, workloadJson),
    why: (id, viewer) => shown(id, viewer, whyJson),
    stop: async (id, viewer) => {
      const found = await view(id, viewer);
      if (found === null) return refused('not-found');
      return answerOf(await ask<Answered<WorkloadView>>((replyTo) => ({ type: 'stop', id: found.id, replyTo })));
    },
    receipts: async (id, viewer) => {
      const parts = await partsOf(id, viewer);
      return parts === null ? refused('not-found') : { kind: 'answer', value: { receipts: parts.map(receiptJson) } };
    },
    receiptProof: async (id, index, viewer) => {
      const parts = (await partsOf(id, viewer))?.[index];
      return parts === undefined ? refused('not-found') : proofOf(parts, options);
    },
    clusters: () => ask<readonly ClusterStanding[]>((replyTo) => ({ type: 'clusters', replyTo })),
    drain: async (cluster, isOver) => {
      const answer = await ask<Answered<null>>((replyTo) => ({ type: 'drain', cluster, isOver, replyTo }));
      return answer.kind === 'answer'
        ? { kind: 'answer', value: { cluster, isDraining: !isOver } }
        : refused(answer.reason);
    },
    status: () => ask((replyTo) => ({ type: 'status', replyTo })),
  };
}

/** Of what somebody submitted, he alone is told. */
const isVisible = ({ record }: WorkloadView, viewer: string | null): boolean =>
  viewer === null || record.submittedBy === viewer;

const answerOf = (answer: Answered<WorkloadView>): EncAnswer<unknown> =>
  answer.kind === 'answer' ? { kind: 'answer', value: workloadJson(answer.value) } : refused(answer.reason);

const receiptJson = ({ receipt, batch }: ReceiptParts, index: number): unknown => ({
  ...{ index, cluster: receipt.cluster, epoch: receipt.epoch, receipt: JSON.parse(receipt.text) as unknown },
  anchor:
    (batch?.anchoredBy ?? null) === null || batch === null
      ? null
      : { batch: batch.batch, root: batch.root, transaction: batch.anchoredBy },
});

interface SubjectOfReceipt {
  readonly predicate?: { readonly decision?: string };
}

/** The decision's proof is inside where its light hands it out: without it the receipt's proof holds as well. */
async function proofOf(
  { receipt, batch, index, inclusion, registeredBy }: ReceiptParts,
  { feed, decisionProof }: EncApiOptions,
): Promise<EncAnswer<unknown>> {
  const transactions = [batch?.anchoredBy ?? null, receipt.admittedBy, registeredBy];
  if (transactions.includes(null)) return refused('not-anchored');
  const bundles = await Promise.all(transactions.map((hash) => feed.proof(hash ?? '')));
  const [anchor, admission, registration] = bundles;
  if (bundles.some((bundle) => (bundle ?? null) === null)) return refused('not-anchored');
  const { payload } = JSON.parse(receipt.text) as { readonly payload: string };
  const statement = JSON.parse(atob(payload)) as SubjectOfReceipt;
  const decision = await decisionProof((statement.predicate?.decision ?? '') as Digest).catch(() => null);
  return {
    kind: 'answer',
    value: {
      ...{ format: receiptProofFormat, receipt: receipt.text, index, inclusion: inclusion.map(toHex) },
      ...{ anchor, admission, registration, decision },
    },
  };
}
