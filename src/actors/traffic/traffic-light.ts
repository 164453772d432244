/**
 * The traffic light actor: opens its log, follows the chain, decides, and answers once what it decided is durable. Registers itself,
 * anchors its log and leases counters by transactions of its own key. All judgement is in `protocols/traffic`.
 */
import { type LightRecord, readCounters, readLight } from '../../protocols/ledger/modules/traffic/traffic.ts';
import { View } from '../../protocols/ledger/view.ts';
import { CourtBook } from '../../protocols/court/court-book.ts';
import { onQuery, type TrafficLightState as State } from './queries.ts';
import { Admission } from '../../protocols/traffic/admission.ts';
import type { ActorContext, ActorDefinition, ReplyTo } from '../../runtime/ports/actors.ts';
import { Anchoring } from './anchoring.ts';
import { onDecide, refuse, type DecisionMetrics, whenDurable } from './deciding.ts';
import { Refusals } from './refusals.ts';
import { Stages } from './stages.ts';
import { answerOf, obeyedProofOf, proofOf, type Proving } from './answers.ts';
import type { FollowedState } from './chain-feed.ts';
import { DecisionLogError } from './decision-log.ts';
import { factsOf, heed, openLight, type TrafficLightDependencies } from './following.ts';
import type { Answered, ReviewAnswered, TrafficLightMessage } from './messages.ts';

const reopenMs = 1000;
const tickMs = 1000;

export function trafficLightActor(dependencies: TrafficLightDependencies): ActorDefinition<State, TrafficLightMessage> {
  const { feed, limits, telemetry } = dependencies;
  const metrics = {
    decision: telemetry.histogram('bpci.traffic.decision.duration', 'From the request to the durable decision', 's'),
    decisions: telemetry.counter('bpci.traffic.decisions', 'Decisions by state'),
    misses: telemetry.counter('bpci.traffic.budget.misses', 'Decisions logged in time and answered late'),
  };
  let unsubscribe = (): void => undefined;
  return {
    name: 'traffic-light',
    initial: (context) => {
      unsubscribe();
      unsubscribe = feed.subscribe((state) => notify(context, state));
      const current = feed.current();
      if (current !== null) notify(context, current);
      context.timer('tick', tickMs, { type: 'tick' });
      return {
        ...{ light: null, isOpening: false, problem: 'the chain is not followed yet', followed: null },
        startedAt: context.clock.now(),
        court: new CourtBook(),
        admission: new Admission({ underWayMax: limits.underWayMax }),
        anchoring: new Anchoring(dependencies),
        stages: new Stages(telemetry, context.clock),
        refusals: new Refusals(telemetry, context.clock),
      };
    },
    receive: (state, message, context) => {
      receive(dependencies, metrics, state, message, context);
      return state;
    },
    onStop: () => unsubscribe(),
  };
}

const notify = (context: ActorContext<TrafficLightMessage>, state: FollowedState): void =>
  void context.tell(context.self, { type: 'state', state });

function receive(
  dependencies: TrafficLightDependencies,
  metrics: DecisionMetrics,
  state: State,
  message: TrafficLightMessage,
  context: ActorContext<TrafficLightMessage>,
): void {
  switch (message.type) {
    case 'decide': {
      onDecide(dependencies, metrics, state, message, context);
      return;
    }
    case 'review': {
      onReview(state, message, context);
      return;
    }
    case 'decision':
    case 'decisions':
    case 'replay':
    case 'quarantine':
    case 'status':
      onQuery(dependencies, state, message, context);
      return;
    case 'proof':
    case 'obeyed-proof': {
      onProof(dependencies, state, message, context);
      return;
    }
    case 'state':
      state.followed = message.state;
      onState(dependencies, state, context);
      return;
    case 'tables': {
      onState(dependencies, state, context);
      return;
    }
    case 'opened':
      state.isOpening = false;
      state.light = message.light;
      state.problem = null;
      onState(dependencies, state, context);
      return;
    case 'not-opened':
    case 'lost':
      if (message.type === 'lost') message.told();
      onLost(state, message.error, context);
      return;
    case 'durable': {
      message.told();
      return;
    }
    case 'sent': {
      state.anchoring.sent(message, context.log);
      return;
    }
    case 'tick': {
      onTick(state, context);
      return;
    }
  }
}

/** Everything that rests on the chain's state, after a block or a compilation. */
function onState(
  dependencies: TrafficLightDependencies,
  state: State,
  context: ActorContext<TrafficLightMessage>,
): void {
  const { followed, light } = state;
  if (followed === null) return;
  const view = new View(followed.reader);
  const record = readLight(view, dependencies.signer.publicKey) ?? null;
  if (light === null) {
    if (!state.isOpening) openOnNewState(dependencies, state, followed, record, context);
    return;
  }
  if (record !== null && !light.log.extends(record)) {
    // An older copy of the disk, opened on a state from before the anchor.
    const behind = new DecisionLogError('behind', 'the decision log is behind its anchor: a new epoch is due');
    light.log.close(behind);
    onLost(state, behind, context);
    return;
  }
  light.follow(factsOf(dependencies, state.court, followed));
  state.anchoring.go(light, followed, context);
  if (!state.anchoring.isRegistered) return;
  try {
    if (!heed(dependencies, light, followed, context.clock.now(), context.log)) return;
    whenDurable(
      light,
      context,
      () => state.anchoring.go(light, followed, context),
      () => undefined,
    );
  } catch (error) {
    if (!(error instanceof DecisionLogError)) throw error;
    onLost(state, error, context);
  }
}

/**
 * A log that was anchored is opened on a state from after the start: only that shows whether what lies here is what was
 * anchored last, or an older copy.
 */
function openOnNewState(
  dependencies: TrafficLightDependencies,
  state: State,
  followed: FollowedState,
  record: LightRecord | null,
  context: ActorContext<TrafficLightMessage>,
): void {
  if (record !== null && followed.time < state.startedAt) state.problem = 'no block since the start is known yet';
  else open(dependencies, state, followed, record, context);
}

function open(
  dependencies: TrafficLightDependencies,
  state: State,
  followed: FollowedState,
  record: LightRecord | null,
  context: ActorContext<TrafficLightMessage>,
): void {
  state.isOpening = true;
  state.problem = 'the decision log is being opened';
  const known = {
    anchor: record,
    facts: factsOf(dependencies, state.court, followed),
    counters: readCounters(new View(followed.reader), dependencies.signer.publicKey),
  };
  const opening = openLight(dependencies, known, context.random, state.stages);
  context.pipeToSelf(opening, (outcome) =>
    'error' in outcome ? { type: 'not-opened', error: outcome.error } : { type: 'opened', light: outcome.value },
  );
}

/** Nothing is answered; the log is opened anew, which shows what of it is durable. */
function onLost(state: State, error: unknown, context: ActorContext<TrafficLightMessage>): void {
  state.light = null;
  state.isOpening = true;
  state.problem = error instanceof Error ? error.message : String(error);
  context.log.error('the decision log is closed: nothing is decided', { retryMs: reopenMs }, error);
  context.timer('tick', reopenMs, { type: 'tick' });
}

function onTick(state: State, context: ActorContext<TrafficLightMessage>): void {
  context.timer('tick', tickMs, { type: 'tick' });
  const { light } = state;
  if (light === null) {
    state.isOpening = false;
    if (state.followed !== null) notify(context, state.followed);
    return;
  }
  try {
    const entries = light.tick(context.clock.now());
    if (entries.length === 0) return;
    for (const entry of entries)
      if (entry.type === 'missed')
        context.log.warn('an obligation was missed', { decision: entry.decision, obligation: entry.obligation });
    whenDurable(
      light,
      context,
      () => undefined,
      () => undefined,
    );
  } catch (error) {
    if (!(error instanceof DecisionLogError)) throw error;
    onLost(state, error, context);
  }
}

type ReviewMessage = Extract<TrafficLightMessage, { type: 'review' }>;

function onReview(state: State, message: ReviewMessage, context: ActorContext<TrafficLightMessage>): void {
  const { light } = state;
  const { decision, review, proof, replyTo } = message;
  if (light === null) {
    context.reply(replyTo, refuse('not-ready'));
    return;
  }
  const now = context.clock.now();
  try {
    const { verdict, release } =
      review.how === 'discharge'
        ? light.discharge(decision, review.obligation, proof, now)
        : review.how === 'release'
          ? light.release(decision, proof, now)
          : light.reject(decision, proof, now);
    if (verdict.kind === 'rejected' && verdict.reason === 'unknown-decision') {
      context.reply(replyTo, refuse('unknown-decision'));
      return;
    }
    const refused = verdict.kind === 'rejected' && verdict.reason !== 'unknown-decision' ? verdict.reason : null;
    const answer = (): Answered<ReviewAnswered> => ({
      kind: 'answer',
      value: { refused, release: release === null ? null : answerOf(light, release, null) },
    });
    whenDurable(
      light,
      context,
      () => context.reply(replyTo, answer()),
      () => context.reply(replyTo, refuse('unavailable')),
    );
  } catch (error) {
    if (!(error instanceof DecisionLogError)) throw error;
    context.reply(replyTo, refuse('unavailable'));
  }
}

type ProofMessage = Extract<TrafficLightMessage, { type: 'proof' | 'obeyed-proof' }>;

/** The anchor's bundle comes from the chain: a question to somebody else, off the hot path. */
function onProof(
  { feed, signer }: TrafficLightDependencies,
  { light, anchoring }: State,
  message: ProofMessage,
  context: ActorContext<TrafficLightMessage>,
): void {
  if (light === null) {
    if (message.type === 'proof') context.reply(message.replyTo, refuse('not-ready'));
    else context.reply(message.replyTo, refuse('not-ready'));
    return;
  }
  const proving: Proving = {
    ...{ light, signer },
    covering: (index) => anchoring.covering(index),
    bundleOf: (hash) => feed.proof(hash),
  };
  const answer = <T>(replyTo: ReplyTo<Answered<T>>, work: Promise<Answered<T>>): void => {
    context.pipeToSelf(work, (outcome) => ({
      type: 'durable',
      told: () => context.reply(replyTo, 'error' in outcome ? refuse('unavailable') : outcome.value),
    }));
  };
  if (message.type === 'proof') answer(message.replyTo, proofOf(proving, message.id, message.viewer));
  else answer(message.replyTo, obeyedProofOf(proving, message.id));
}
