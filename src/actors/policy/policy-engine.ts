/**
 * The policy engine: holds what the chain says is in force, answers evaluations from memory, attests what it compiled where it is
 * an evaluator. Sets change as a whole, between two messages. All judgement is in `protocols`; what goes wrong on the way is Red.
 */
import {
  readActiveSet,
  readSets,
  readTenantSets,
  readTightening,
} from '../../protocols/ledger/modules/policies/policies.ts';
import { readCounters } from '../../protocols/ledger/modules/traffic/traffic.ts';
import { type ReadView, View } from '../../protocols/ledger/view.ts';
import { CourtBook } from '../../protocols/court/court-book.ts';
import { noTightening } from '../../protocols/policy/published.ts';
import type { PolicyEvaluationRequest } from '../../protocols/policy/request.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { consult, type Consultation, type ConsultedView } from '../../protocols/traffic/consult.ts';
import type { DecisionOutcome } from '../../protocols/traffic/decide.ts';
import type { ActorContext, ActorDefinition } from '../../runtime/ports/actors.ts';
import type { PolicyStatus } from '../../runtime/ports/policy-api.ts';
import type { Log, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { ChainFeed, FollowedState } from '../traffic/chain-feed.ts';
import { Attesting, type AttestingOptions, type Judged } from './attesting.ts';
import type { Evaluated, KnownSets, PolicyEngineMessage } from './messages.ts';
import type { PolicyLibrary } from './policy-library.ts';

export interface PolicyEngineDependencies {
  readonly feed: ChainFeed;
  readonly library: PolicyLibrary;
  readonly account: PublicKey;
  readonly attesting: Pick<AttestingOptions, 'workshop' | 'random'>;
  readonly telemetry: Telemetry;
  /** State older than this decides nothing, ms. */
  readonly stateAgeMsMax: number;
}

interface State {
  followed: FollowedState | null;
  facts: ConsultedView | null;
  readonly attesting: Attesting;
  readonly court: CourtBook;
}

type Context = ActorContext<PolicyEngineMessage>;

const refused = (reason: string): DecisionOutcome => ({
  ...{ state: 'Red', action: 'block', compliance: 'non-compliant', reasons: [reason], policy: null },
  ...{ obligations: [], spends: [], lifetimeMs: null },
});

export function policyEngineActor(dependencies: PolicyEngineDependencies): ActorDefinition<State, PolicyEngineMessage> {
  const { feed, library, account, attesting, telemetry } = dependencies;
  const metrics = {
    evaluations: telemetry.counter('bpci.policy.evaluations', 'Evaluations by state'),
    duration: telemetry.histogram('bpci.policy.evaluation.duration', 'One evaluation', 's'),
    attestations: telemetry.counter('bpci.policy.attestations', 'Published sets by what became of them here'),
  };
  let unsubscribe = (): void => undefined;
  return {
    name: 'policy-engine',
    initial: (context) => {
      unsubscribe();
      const follow = (state: FollowedState): void => void context.tell(context.self, { type: 'state', state });
      unsubscribe = feed.subscribe(follow);
      const current = feed.current();
      if (current !== null) follow(current);
      const bytesOf = library.bytesOf.bind(library);
      return {
        ...{ followed: null, facts: null, court: new CourtBook() },
        attesting: new Attesting({ ...attesting, evaluator: account, bytesOf }),
      };
    },
    receive: (state, message, context) => {
      receive(dependencies, metrics, state, message, context);
      return state;
    },
    onStop: () => unsubscribe(),
  };
}

interface Metrics {
  readonly evaluations: ReturnType<Telemetry['counter']>;
  readonly duration: ReturnType<Telemetry['histogram']>;
  readonly attestations: ReturnType<Telemetry['counter']>;
}

function receive(
  dependencies: PolicyEngineDependencies,
  metrics: Metrics,
  state: State,
  message: PolicyEngineMessage,
  context: Context,
): void {
  switch (message.type) {
    case 'state':
    case 'tables':
      if (message.type === 'state') state.followed = message.state;
      follow(dependencies, state, context);
      return;
    case 'evaluate':
      context.reply(
        message.replyTo,
        message.requests.map((request) => evaluate(metrics, state, request, context)),
      );
      return;
    case 'counted':
      context.reply(message.replyTo, counted(state, message.request, context));
      return;
    case 'sets':
      context.reply(message.replyTo, state.followed === null ? null : knownSets(state.followed));
      return;
    case 'status':
      context.reply(message.replyTo, statusOf(state));
      return;
    case 'judged':
      uponJudged(dependencies, metrics, state, message.judged, context);
      return;
    case 'attested': {
      const { judged, outcome } = message;
      const isTaken = 'value' in outcome && outcome.value.code === 'ok';
      metrics.attestations.add(1, { outcome: isTaken ? 'attested' : 'not-taken' });
      if (!isTaken)
        context.log.warn('an attestation was not taken', {
          publication: judged.publication,
          problem: 'value' in outcome ? outcome.value.code : String(outcome.error),
        });
      state.attesting.done(judged);
    }
  }
}

function follow({ library, account, stateAgeMsMax }: PolicyEngineDependencies, state: State, context: Context): void {
  const { followed } = state;
  if (followed === null) return;
  const view = new View(followed.reader);
  const totals = new Map(
    readCounters(view, account).map(({ subject, counter, window, total }) => [
      `${subject}/${counter}/${window}`,
      total,
    ]),
  );
  state.facts = {
    ...state.court.factsOf(followed.reader),
    ...{ height: followed.height, stateTime: followed.time, stateAgeMsMax },
    policy: library.follow(view),
    total: (subject, counter, window) => totals.get(`${subject}/${counter}/${window}`) ?? 0,
  };
  attestNext(state, view, context);
}

function attestNext(state: State, view: ReadView, context: Context): void {
  const work = state.attesting.next(view);
  if (work === null) return;
  context.pipeToSelf(work, (outcome) => {
    if ('error' in outcome) throw outcome.error;
    return { type: 'judged', judged: outcome.value };
  });
}

function uponJudged(
  { feed }: PolicyEngineDependencies,
  metrics: Metrics,
  state: State,
  judged: Judged,
  context: Context,
): void {
  const { publication, compiled, problem } = judged;
  if (compiled === null) {
    metrics.attestations.add(1, { outcome: 'refused' });
    context.log.warn('a published set is not attested', { publication, problem: problem ?? '' });
    state.attesting.done(judged);
    return;
  }
  context.pipeToSelf(feed.send('policies.attest', { publication, compiled }), (outcome) => ({
    ...{ type: 'attested', judged, outcome },
  }));
}

/** What goes wrong in an evaluation is Red, with a reason; the engine goes on. */
function consultOrRefuse(facts: ConsultedView, request: PolicyEvaluationRequest, now: number, log: Log): Consultation {
  try {
    return consult(facts, request, now);
  } catch (error) {
    log.error('an evaluation failed', {}, error);
    return { outcome: refused('engine-error'), policy: null, counters: request.counters };
  }
}

function evaluate(
  { evaluations, duration }: Metrics,
  { facts }: State,
  request: PolicyEvaluationRequest,
  context: Context,
): Evaluated {
  const time = context.clock.now();
  if (facts === null) return { outcome: refused('chain-not-followed'), policy: null, height: 0, stateTime: 0, time };
  const startedMs = context.clock.monotonicMs();
  const { outcome, policy } = consultOrRefuse(facts, request, time, context.log);
  duration.record((context.clock.monotonicMs() - startedMs) / 1000);
  evaluations.add(1, { state: outcome.state });
  return { outcome, policy, height: facts.height, stateTime: facts.stateTime, time };
}

function counted({ facts }: State, request: PolicyEvaluationRequest, context: Context): PolicyEvaluationRequest {
  if (facts === null) return request;
  const { counters } = consultOrRefuse(facts, request, context.clock.now(), context.log);
  return { ...request, counters };
}

function knownSets({ reader, height }: FollowedState): KnownSets {
  const view = new View(reader);
  const network = readActiveSet(view, null) ?? null;
  const active = new Set(readTenantSets(view).map(({ id }) => id));
  if (network !== null) active.add(network.id);
  const tightening = network === null ? noTightening : readTightening(view, network.publishedAt);
  return { height, sets: readSets(view), active, network, tightening };
}

function statusOf({ facts, followed, attesting }: State): PolicyStatus {
  const base = facts?.policy?.inForce.base;
  const problem = facts === null ? 'the chain is not followed yet' : base === undefined ? 'policy-not-ready' : null;
  return {
    ...{ isReady: problem === null, problem, height: facts?.height ?? 0 },
    ...{ compiled: base?.compiledHash ?? null, validUntil: base?.validUntil ?? null },
    isEvaluator: followed !== null && attesting.isEvaluator(new View(followed.reader)),
    refused: attesting.refused,
  };
}
