/** `TrafficApi` over the actor: JSON in, checked, asked, JSON out. */
import { isHex64, type PublicKey, type Digest } from '../../protocols/shared/brands.ts';
import { fromHex } from '../../protocols/shared/bytes.ts';
import { type DecisionProof, decisionProofCodec } from '../../protocols/traffic/decision-proof.ts';
import { type ObeyedProof, obeyedProofCodec } from '../../protocols/traffic/obeyed-proof.ts';
import { readTrafficRequest, type TrafficRequest } from '../../protocols/traffic/flow.ts';
import { awaited, type QuarantineItem, type QuarantineRejection } from '../../protocols/traffic/quarantine.ts';
import { TrafficError } from '../../protocols/traffic/traffic-error.ts';
import { ActorError, type ActorRef, type ActorSystem, type ReplyTo } from '../../runtime/ports/actors.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { ReviewRequest, TrafficAnswer, TrafficApi, TrafficStatus } from '../../runtime/ports/traffic-api.ts';
import { Refusals } from './refusals.ts';
import type { Answered, DecisionAnswer, Refusal, Review, TrafficLightMessage } from './messages.ts';

const askTimeoutMs = 10_000;

const details: Readonly<Record<Refusal | QuarantineRejection, string>> = {
  'not-ready': 'the traffic light is not ready: its log or its registration is not there yet',
  unavailable: 'the decision could not be made durable: nothing was decided',
  overload: 'too many requests are under way',
  'request-id-reused': 'this request id was used for another request',
  'flow-too-large': 'the flow is too large for a log entry',
  'unknown-decision': 'there is no such decision here',
  'unknown-receipt': 'no order of the court was confirmed with this receipt here',
  'unknown-obligation': 'no such obligation is awaited now',
  'too-late': 'the deadline of the obligation has passed',
  'wrong-role': 'the key has not the role that the obligation names',
  'by-requester': 'a proof is never signed by who asked',
  'bad-signature': 'the signature does not hold for this decision, request, obligation and policy set',
  'not-held': 'the flow is not held any more',
  'obligations-pending': 'other obligations are still to be discharged',
};

const refused = (reason: Refusal | QuarantineRejection): TrafficAnswer<never> => ({
  ...{ kind: 'refused', reason, detail: details[reason], place: null },
});

/** A held flow as people see it: nobody is named. */
export const quarantineView = (item: QuarantineItem): unknown => ({
  ...{ decision: item.decision, request: item.request, policySetHash: item.policySetHash },
  ...{ openedAt: item.openedAt, releasedAt: item.releasedAt, discharged: item.discharged },
  awaited: awaited(item).map(({ obligation, due }) => ({ ...obligation, due })),
});

export interface TrafficApiOptions {
  readonly system: ActorSystem;
  readonly light: () => ActorRef<TrafficLightMessage>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly telemetry: Telemetry;
  /** Whom durable decisions are told. */
  readonly listeners: Set<(decision: unknown, parties: readonly string[]) => void>;
}

export function createTrafficApi({ system, light, clock, listeners, telemetry }: TrafficApiOptions): TrafficApi {
  const refusals = new Refusals(telemetry, clock);
  const ask: Ask = (make, traceparent) => system.ask(light(), make, { timeoutMs: askTimeoutMs, traceparent });
  const byId = async <T>(
    id: string,
    make: (id: Digest) => Promise<Answered<T>>,
    show: (value: T) => unknown = (value) => value,
  ): Promise<TrafficAnswer<unknown>> => {
    if (!isHex64(id)) return refused('unknown-decision');
    const answer = await make(id as Digest);
    return answer.kind === 'answer' ? { kind: 'answer', value: show(answer.value) } : refused(answer.reason);
  };
  const by = (viewer: string | null): PublicKey | null => viewer as PublicKey | null;
  return {
    decide: (requests, caller, traceparent) =>
      decideAll((make) => ask(make, traceparent), clock, requests, by(caller), refusals),
    decision: (id, viewer) =>
      byId(id, (key) =>
        ask<Answered<DecisionAnswer>>((replyTo) => ({ type: 'decision', id: key, viewer: by(viewer), replyTo })),
      ),
    decisions: (filter, viewer) => ask((replyTo) => ({ type: 'decisions', filter, viewer: by(viewer), replyTo })),
    proof: (id, viewer) =>
      byId(
        id,
        (key) => ask<Answered<DecisionProof>>((replyTo) => ({ type: 'proof', id: key, viewer: by(viewer), replyTo })),
        (proof) => decisionProofCodec.toJson(proof),
      ),
    obeyedProof: async (id) => {
      if (!isHex64(id)) return refused('unknown-receipt');
      const receipt = id as Digest;
      const answer = await ask<Answered<ObeyedProof>>((replyTo) => ({ type: 'obeyed-proof', id: receipt, replyTo }));
      if (answer.kind === 'refused') return refused(answer.reason);
      return { kind: 'answer', value: obeyedProofCodec.toJson(answer.value) };
    },
    replay: (id, viewer) =>
      byId(id, (key) =>
        ask<Answered<unknown>>((replyTo) => ({ type: 'replay', id: key, viewer: by(viewer), replyTo })),
      ),
    quarantine: async (viewer) =>
      (await ask<readonly QuarantineItem[]>((replyTo) => ({ type: 'quarantine', viewer: by(viewer), replyTo }))).map(
        quarantineView,
      ),
    review: (decision, review) => reviewOne(ask, decision, review),
    status: async () => {
      const { head, ...status } = await ask<Parameters<typeof toStatus>[0]>((replyTo) => ({ type: 'status', replyTo }));
      return toStatus({ head, ...status });
    },
    onDecision: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function toStatus({
  head,
  ...status
}: Omit<TrafficStatus, 'logId' | 'size'> & {
  head: { readonly logId: string; readonly size: number } | null;
}): TrafficStatus {
  return { ...status, logId: head?.logId ?? null, size: head?.size ?? 0 };
}

type Ask = <Reply>(make: (replyTo: ReplyTo<Reply>) => TrafficLightMessage, traceparent?: string) => Promise<Reply>;

/** Requests that are none are refused by themselves; the others are decided. */
async function decideAll(
  ask: Ask,
  clock: Pick<Clock, 'monotonicMs'>,
  json: readonly unknown[],
  caller: PublicKey | null,
  refusals: Refusals,
): Promise<readonly TrafficAnswer<unknown>[]> {
  const receivedMs = clock.monotonicMs();
  const requests: TrafficRequest[] = [];
  const places = json.map((value): number | TrafficAnswer<never> => {
    try {
      return requests.push(readTrafficRequest(value)) - 1;
    } catch (error) {
      if (!(error instanceof TrafficError)) throw error;
      return { kind: 'refused', reason: error.code, detail: error.message, place: error.place };
    }
  });
  const answers = requests.length === 0 ? [] : await decideChecked(ask, { requests, caller, receivedMs }, refusals);
  return places.map((place) => {
    if (typeof place !== 'number') return place;
    const answer = answers[place];
    if (answer === undefined) return refused('unavailable');
    return answer.kind === 'answer' ? answer : refused(answer.reason);
  });
}

async function decideChecked(
  ask: Ask,
  asked: Omit<Extract<TrafficLightMessage, { type: 'decide' }>, 'type' | 'replyTo'>,
  refusals: Refusals,
): Promise<readonly Answered<DecisionAnswer>[]> {
  try {
    return await ask((replyTo) => ({ type: 'decide', ...asked, replyTo }));
  } catch (error) {
    if (!(error instanceof ActorError)) throw error;
    const reason = error.code === 'mailbox-full' ? 'overload' : 'unavailable';
    refusals.note(reason, asked.requests.length);
    return asked.requests.map(() => ({ kind: 'refused', reason }));
  }
}

const toReview = ({ how, obligation }: ReviewRequest): Review =>
  how === 'discharge' ? { how, obligation: obligation ?? '' } : { how };

async function reviewOne(ask: Ask, decision: string, review: ReviewRequest): Promise<TrafficAnswer<unknown>> {
  if (!isHex64(decision)) return refused('unknown-decision');
  if (!isHex64(review.by) || !/^[0-9a-f]{128}$/.test(review.signature)) return refused('bad-signature');
  const proof = { by: review.by as PublicKey, signature: fromHex(review.signature) };
  const answer = await ask<
    Answered<{ readonly refused: QuarantineRejection | null; readonly release: DecisionAnswer | null }>
  >((replyTo) => ({ type: 'review', decision: decision as Digest, review: toReview(review), proof, replyTo }));
  if (answer.kind === 'refused') return refused(answer.reason);
  const { refused: reason, release } = answer.value;
  return reason === null ? { kind: 'answer', value: { release } } : refused(reason);
}
