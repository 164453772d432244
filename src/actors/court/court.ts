/**
 * The court actor: follows the chain, answers about agreements and cases, remembers what happened to them, takes statements and
 * gives notice of what they prove. All judgement is in `protocols/court` and in the ledger's modules.
 */
import type { Json } from '../../protocols/ledger/json-codec.ts';
import type { SignatureRule } from '../../protocols/ledger/module.ts';
import { CourtBook } from '../../protocols/court/court-book.ts';
import type { HandedIn } from '../../protocols/court/handed-in.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ServiceListing } from '../../protocols/registry/listing.ts';
import type { ActorContext, ActorDefinition } from '../../runtime/ports/actors.ts';
import { type Store, StoreError } from '../../runtime/ports/store.ts';
import type { Counter, Telemetry } from '../../runtime/ports/telemetry.ts';
import { RegistryListing } from '../registry-listing.ts';
import type { FollowedState } from '../traffic/chain-feed.ts';
import type { CourtChain } from './court-chain.ts';
import type { CourtMessage, StatementAnswer } from './messages.ts';
import { ObligationMonitor } from './obligation-monitor.ts';
import { answerQuestion } from './questions.ts';
import { Timelines } from './timelines.ts';

const eventsPage = 1000;

/** What a court asks of the agreements that name it. */
export interface CourtTerms {
  /** As agreements spell it: `court-1`. */
  readonly name: string;
  readonly jurisdiction: string;
  /** Minor units in dispute from which a panel decides. */
  readonly arbitrationThreshold: bigint;
  readonly legalFrameworkVersion: string;
}

export interface CourtDependencies {
  readonly chain: CourtChain;
  readonly terms: CourtTerms;
  readonly telemetry: Telemetry;
  /** The court's account. */
  readonly account: PublicKey;
  /** Keeps the statements that are handed in. */
  readonly store: Store;
  readonly signatures: SignatureRule;
}

interface State {
  followed: FollowedState | null;
  readonly timelines: Timelines;
  isReading: boolean;
  /** Whether there was a block since the events were read last. */
  isBehind: boolean;
  readonly monitor: ObligationMonitor;
  readonly book: CourtBook;
  readonly listing: RegistryListing;
}

type Context = ActorContext<CourtMessage>;

interface Metrics {
  readonly questions: Counter;
  readonly statements: Counter;
  readonly notices: Counter;
}

const metricsOf = (telemetry: Telemetry): Metrics => ({
  questions: telemetry.counter('bpci.court.questions', 'Questions answered, by what they are about'),
  statements: telemetry.counter('bpci.court.statements', 'Statements handed in, by what became of them'),
  notices: telemetry.counter('bpci.court.notices', 'Notices of breaches by the court itself, by what became of them'),
});

export function courtActor(dependencies: CourtDependencies): ActorDefinition<State, CourtMessage> {
  const { terms, account, store, signatures, telemetry } = dependencies;
  const { feed } = dependencies.chain;
  const metrics = metricsOf(telemetry);
  let unsubscribe = (): void => undefined;
  /** Outlives a restart of the actor. */
  let announced: ServiceListing | null = null;
  return {
    name: 'court',
    initial: (context) => {
      unsubscribe();
      unsubscribe = feed.subscribe((state) => notify(context, state));
      const current = feed.current();
      if (current !== null) notify(context, current);
      const { log } = context;
      const listing = new RegistryListing(feed, { kind: 'court', account }, log);
      if (announced !== null) listing.announce(announced);
      return {
        ...{ followed: null, timelines: new Timelines(), isReading: false, isBehind: false, book: new CourtBook() },
        monitor: new ObligationMonitor({ feed, store, signatures, court: terms.name, log }),
        listing,
      };
    },
    receive: (state, message, context) => {
      if (message.type === 'announce') announced = message.listing;
      receive(dependencies, metrics, state, message, context);
      return state;
    },
    onStop: () => unsubscribe(),
  };
}

function receive(
  dependencies: CourtDependencies,
  metrics: Metrics,
  state: State,
  message: CourtMessage,
  context: Context,
): void {
  switch (message.type) {
    case 'ask': {
      const { timelines, monitor, book } = state;
      const statementsOf = monitor.statementsOf.bind(monitor);
      const memory = {
        timelines,
        book,
        now: context.clock.now(),
        statementsOf,
        status: () => statusOf(dependencies, state),
      };
      metrics.questions.add(1, { about: message.question.about });
      context.reply(message.replyTo, answerQuestion(message.question, state.followed, memory));
      return;
    }
    case 'state':
      uponState(dependencies, state, message.state, context);
      return;
    case 'events':
      state.isReading = false;
      state.timelines.add(message.events);
      if (!message.isLast) state.isBehind = true;
      readEvents(dependencies, state, context);
      return;
    case 'events-failed':
      // The next block asks again.
      state.isReading = false;
      context.log.warn('the events of the chain cannot be read', { problem: String(message.error) });
      return;
    case 'statement':
      uponStatement(metrics, state, message, context);
      return;
    case 'kept': {
      const isKept = 'value' in message.outcome;
      if (!isKept) context.log.error('a statement could not be kept', {}, message.outcome);
      metrics.statements.add(1, { outcome: isKept ? 'taken' : 'not-kept' });
      context.reply(message.replyTo, isKept ? message.taken : { kind: 'refused', reason: 'not-kept' });
      return;
    }
    case 'noticed': {
      const { breach, outcome } = message;
      metrics.notices.add(1, { outcome: 'value' in outcome ? outcome.value.code : 'failed' });
      state.monitor.noticed(breach, outcome, state.followed?.height ?? 0);
      return;
    }
    case 'announce':
      state.listing.announce(message.listing);
      return;
    case 'listed':
      state.listing.done(message.outcome, state.followed?.height ?? 0);
  }
}

/** After each block: what there is to read, to notice, to renew. */
function uponState(dependencies: CourtDependencies, state: State, followed: FollowedState, context: Context): void {
  state.followed = followed;
  state.isBehind = true;
  readEvents(dependencies, state, context);
  for (const { breach, sent } of state.monitor.look(followed)) {
    context.pipeToSelf(sent, (outcome) => ({ type: 'noticed', breach, outcome }));
  }
  const listed = state.listing.next(followed);
  if (listed !== null) context.pipeToSelf(listed, (outcome) => ({ type: 'listed', outcome }));
}

/** Answered once the statement is on stable storage. */
function uponStatement(
  { statements }: Metrics,
  { followed, monitor }: State,
  { handedIn, replyTo }: Extract<CourtMessage, { type: 'statement' }>,
  context: Context,
): void {
  const taken =
    followed === null ? ({ kind: 'refused', reason: 'not-ready' } as const) : take(monitor, followed, handedIn);
  if (taken.kind === 'refused') {
    statements.add(1, { outcome: taken.reason });
    context.reply(replyTo, taken);
    return;
  }
  context.pipeToSelf(monitor.durable(), (outcome) => ({ type: 'kept', taken, outcome, replyTo }));
}

function take(monitor: ObligationMonitor, followed: FollowedState, handedIn: HandedIn): StatementAnswer {
  try {
    return monitor.take(followed, handedIn);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { kind: 'refused', reason: 'not-kept' };
  }
}

const notify = (context: Context, state: FollowedState): void =>
  void context.tell(context.self, { type: 'state', state });

/** One page at a time, until there are no more. */
function readEvents({ chain }: CourtDependencies, state: State, context: Context): void {
  if (state.isReading || !state.isBehind) return;
  state.isReading = true;
  state.isBehind = false;
  context.pipeToSelf(
    chain.events(state.timelines.last, eventsPage),
    (outcome): CourtMessage =>
      'error' in outcome
        ? { type: 'events-failed', error: outcome.error }
        : { type: 'events', events: outcome.value, isLast: outcome.value.length < eventsPage },
  );
}

function statusOf({ terms, chain }: CourtDependencies, { followed }: State): Json {
  return {
    court: terms.name,
    chainId: chain.feed.chainId,
    jurisdiction: terms.jurisdiction,
    arbitrationThreshold: terms.arbitrationThreshold.toString(),
    legalFrameworkVersion: terms.legalFrameworkVersion,
    height: followed?.height ?? 0,
    time: followed?.time ?? 0,
  };
}
