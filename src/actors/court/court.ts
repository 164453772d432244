/**
 * The court actor: follows the chain, answers about agreements and cases, remembers what happened to them. All judgement is in
 * `protocols/court` and in the ledger's modules.
 */
import type { Json } from '../../protocols/ledger/json-codec.ts';
import type { ActorContext, ActorDefinition } from '../../runtime/ports/actors.ts';
import type { Telemetry } from '../../runtime/ports/telemetry.ts';
import type { FollowedState } from '../traffic/chain-feed.ts';
import type { CourtChain } from './court-chain.ts';
import type { CourtMessage } from './messages.ts';
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
}

interface State {
  followed: FollowedState | null;
  readonly timelines: Timelines;
  isReading: boolean;
  /** Whether there was a block since the events were read last. */
  isBehind: boolean;
}

export function courtActor(dependencies: CourtDependencies): ActorDefinition<State, CourtMessage> {
  const { feed } = dependencies.chain;
  const questions = dependencies.telemetry.counter(
    'bpci.court.questions',
    'Questions answered, by what they are about',
  );
  let unsubscribe = (): void => undefined;
  return {
    name: 'court',
    initial: (context) => {
      unsubscribe();
      unsubscribe = feed.subscribe((state) => notify(context, state));
      const current = feed.current();
      if (current !== null) notify(context, current);
      return { followed: null, timelines: new Timelines(), isReading: false, isBehind: false };
    },
    receive: (state, message, context) => {
      switch (message.type) {
        case 'ask': {
          const memory = { timelines: state.timelines, status: () => statusOf(dependencies, state) };
          questions.add(1, { about: message.question.about });
          context.reply(message.replyTo, answerQuestion(message.question, state.followed, memory));
          break;
        }
        case 'state':
          state.followed = message.state;
          state.isBehind = true;
          readEvents(dependencies, state, context);
          break;
        case 'events':
          state.isReading = false;
          state.timelines.add(message.events);
          if (!message.isLast) state.isBehind = true;
          readEvents(dependencies, state, context);
          break;
        case 'events-failed':
          // The next block asks again.
          state.isReading = false;
          context.log.warn('the events of the chain cannot be read', { problem: String(message.error) });
          break;
      }
      return state;
    },
    onStop: () => unsubscribe(),
  };
}

const notify = (context: ActorContext<CourtMessage>, state: FollowedState): void =>
  void context.tell(context.self, { type: 'state', state });

/** One page at a time, until there are no more. */
function readEvents({ chain }: CourtDependencies, state: State, context: ActorContext<CourtMessage>): void {
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
