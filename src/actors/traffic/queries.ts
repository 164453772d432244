/** Questions to a traffic light that change nothing. */
import type { CourtBook } from '../../protocols/court/court-book.ts';
import { View } from '../../protocols/ledger/view.ts';
import type { Admission } from '../../protocols/traffic/admission.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { Anchoring } from './anchoring.ts';
import { decisionById, filterDecisions, replayById } from './answers.ts';
import type { Refusals } from './refusals.ts';
import type { Stages } from './stages.ts';
import type { TrafficLightDependencies } from './following.ts';
import type { PolicyLibrary } from '../policy/policy-library.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { FollowedState } from './chain-feed.ts';
import type { Light } from './light.ts';
import type { LightStatus, TrafficLightMessage } from './messages.ts';

export interface TrafficLightState {
  light: Light | null;
  isOpening: boolean;
  problem: string | null;
  followed: FollowedState | null;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly court: CourtBook;
  readonly admission: Admission;
  readonly anchoring: Anchoring;
  readonly stages: Stages;
  readonly refusals: Refusals;
}

type Query = Extract<TrafficLightMessage, { type: 'decision' | 'decisions' | 'replay' | 'quarantine' | 'status' }>;

const notReady = { kind: 'refused', reason: 'not-ready' } as const;

export function onQuery(
  { library, signer }: Pick<TrafficLightDependencies, 'library' | 'signer'>,
  state: TrafficLightState,
  message: Query,
  context: ActorContext<TrafficLightMessage>,
): void {
  const { light } = state;
  switch (message.type) {
    case 'decision':
      context.reply(message.replyTo, light === null ? notReady : decisionById(light, message.id, message.viewer));
      return;
    case 'decisions':
      context.reply(message.replyTo, light === null ? [] : filterDecisions(light, message.filter, message.viewer));
      return;
    case 'replay':
      onReplay(library, state, message, context);
      return;
    case 'quarantine': {
      const { viewer, replyTo } = message;
      const held = light?.held ?? [];
      const isSeen = ({ requester, tenant }: (typeof held)[number]): boolean =>
        viewer === null || viewer === requester || viewer === tenant;
      context.reply(replyTo, held.filter(isSeen));
      return;
    }
    case 'status':
      context.reply(message.replyTo, statusOf(state, signer.publicKey));
  }
}

/** Sets that are not here any more are compiled anew first. */
function onReplay(
  library: PolicyLibrary,
  { light, followed }: TrafficLightState,
  { id, viewer, replyTo }: Extract<Query, { type: 'replay' }>,
  context: ActorContext<TrafficLightMessage>,
): void {
  if (light === null || followed === null) {
    context.reply(replyTo, notReady);
    return;
  }
  context.pipeToSelf(replayById(light, library, new View(followed.reader), id, viewer), (outcome) => ({
    type: 'durable',
    told: () => context.reply(replyTo, 'error' in outcome ? { kind: 'refused', reason: 'unavailable' } : outcome.value),
  }));
}

function statusOf(state: TrafficLightState, account: PublicKey): LightStatus {
  const { light, admission, anchoring, followed, problem } = state;
  const facts = light?.facts;
  const reason =
    problem ??
    (anchoring.isRegistered ? null : 'the light is not registered on chain yet') ??
    (facts?.policy === null ? 'the active policy set is not here yet' : null);
  return {
    light: account,
    isReady: light !== null && reason === null,
    problem: reason,
    head: light?.log.head ?? null,
    anchoredSize: anchoring.anchoredSize,
    underWay: admission.underWay,
    held: light?.held.length ?? 0,
    height: followed?.height ?? 0,
    policySet: facts?.policy?.inForce.base.set.hash ?? null,
  };
}
