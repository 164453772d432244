/**
 * Requests become decisions: admitted or refused at once, decided in order, answered when all of them are durable. One operation that
 * is traced as a whole where the caller traces it: `compliance`, with its stages and the write of the log below it.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { TrafficRequest } from '../../protocols/traffic/flow.ts';
import { TrafficError } from '../../protocols/traffic/traffic-error.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { Counter, Histogram, Span } from '../../runtime/ports/telemetry.ts';
import { answerAt, answerOf } from './answers.ts';
import { DecisionLogError } from './decision-log.ts';
import type { TrafficLightDependencies } from './following.ts';
import type { Light } from './light.ts';
import type { Answered, DecisionAnswer, Refusal, TrafficLightMessage } from './messages.ts';
import type { TrafficLightState as State } from './queries.ts';

export interface DecisionMetrics {
  readonly decision: Histogram;
  readonly decisions: Counter;
  readonly misses: Counter;
}

type Decide = Extract<TrafficLightMessage, { type: 'decide' }>;
type Context = ActorContext<TrafficLightMessage>;
/** Made once the decision is durable. */
type MakeAnswer = () => Answered<DecisionAnswer>;

export const refuse = <T>(reason: Refusal): Answered<T> => ({ kind: 'refused', reason });

/** `told` once everything appended before is durable, `lost` where it never will be. */
export function whenDurable(
  light: Light,
  context: Context,
  told: () => void,
  lost: () => void,
  receivedMs?: number,
): void {
  context.pipeToSelf(light.log.durable(receivedMs), (outcome) =>
    'error' in outcome ? { type: 'lost', error: outcome.error, told: lost } : { type: 'durable', told },
  );
}

export function onDecide(
  dependencies: TrafficLightDependencies,
  metrics: DecisionMetrics,
  state: State,
  message: Decide,
  context: Context,
): void {
  const { requests, replyTo } = message;
  const { light } = state;
  if (light === null || !state.anchoring.isRegistered) {
    state.refusals.note('not-ready', requests.length);
    context.reply(
      replyTo,
      requests.map(() => refuse('not-ready')),
    );
    return;
  }
  const span =
    context.traceparent === undefined ? null : context.span('compliance', { 'bpci.requests': requests.length });
  const { makers, entered } = state.stages.within(span?.traceparent, () =>
    decideAll(dependencies, metrics, { ...state, light }, message, context),
  );
  answerWhenDurable(dependencies, metrics, { ...state, light }, { message, makers, entered, span }, context);
}

interface Decided {
  readonly makers: readonly MakeAnswer[];
  /** Tenants of the requests that were let in. */
  readonly entered: readonly string[];
}

type OpenState = State & { readonly light: Light };

function decideAll(
  { limits, signer }: TrafficLightDependencies,
  { decisions }: DecisionMetrics,
  { light, admission, refusals }: OpenState,
  { requests, caller, receivedMs }: Decide,
  context: Context,
): Decided {
  const now = context.clock.now();
  const entered: string[] = [];
  const makers = requests.map((request): MakeAnswer => {
    const { tenant } = request.flow.subject;
    if (!admission.enter(tenant)) {
      refusals.note('overload', 1, { tenant });
      return () => refuse('overload');
    }
    entered.push(tenant);
    const isLate = context.clock.monotonicMs() - receivedMs > limits.decisionLatencyMs;
    try {
      const answer = light.decide(request, { caller, now, isLate });
      if (answer.kind === 'conflict') return () => refuse('request-id-reused');
      if (answer.kind === 'decided') decisions.add(1, { state: answer.entry.outcome.state });
      const receiptSigner = request.receipt ? signer : null;
      return answer.kind === 'known'
        ? () => answerAt(light, answer.index, receiptSigner)
        : () => ({ kind: 'answer', value: answerOf(light, answer, receiptSigner) });
    } catch (error) {
      if (error instanceof TrafficError) return () => refuse('flow-too-large');
      if (error instanceof DecisionLogError) return () => refuse('unavailable');
      throw error;
    }
  });
  return { makers, entered };
}

function answerWhenDurable(
  { limits, onDecision, telemetry }: TrafficLightDependencies,
  metrics: DecisionMetrics,
  { light, admission, stages, refusals }: OpenState,
  { message, makers, entered, span }: Decided & { readonly message: Decide; readonly span: Span | null },
  context: Context,
): void {
  const { requests, caller, receivedMs, replyTo } = message;
  const { traceparent } = span ?? {};
  const logSpan = traceparent === undefined ? null : telemetry.span('compliance.log', { traceparent });
  const appendedMs = context.clock.monotonicMs();
  const leave = (outcome: 'ok' | 'error'): void => {
    for (const tenant of entered) admission.leave(tenant);
    stages.record('log', appendedMs);
    logSpan?.end(outcome);
    span?.end(outcome);
  };
  const unavailable = (): void => {
    leave('error');
    refusals.note('unavailable', requests.length);
    context.reply(
      replyTo,
      requests.map(() => refuse('unavailable')),
    );
  };
  whenDurable(
    light,
    context,
    () => {
      // Closed meanwhile: what the log holds beyond its anchor will be anchored nowhere.
      if (light.log.refusal !== null) {
        unavailable();
        return;
      }
      leave('ok');
      const durableMs = context.clock.monotonicMs();
      metrics.decision.record((durableMs - receivedMs) / 1000);
      if (durableMs - receivedMs > limits.decisionLatencyMs) metrics.misses.add(entered.length);
      const answers = makers.map((make) => make());
      context.reply(replyTo, answers);
      for (const [at, answer] of answers.entries())
        if (answer.kind === 'answer') onDecision(answer.value.decision, partiesOf(requests[at], caller));
      stages.record('answer', durableMs);
    },
    unavailable,
    receivedMs,
  );
}

/** Who may see it beside this machine. */
const partiesOf = (request: TrafficRequest | undefined, caller: PublicKey | null): readonly string[] => [
  ...(request === undefined ? [] : [request.flow.subject.tenant]),
  ...(caller === null ? [] : [caller]),
];
