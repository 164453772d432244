/**
 * Follows the chain on a node that does not validate: applies final blocks that block sync fetched, each checked against
 * the validator set and executed here, so that the node reads local state with no round trip.
 */
import type { ActorContext, ActorDefinition } from '../runtime/ports/actors.ts';
import type { Verifier } from '../runtime/ports/signer.ts';
import { StoreError } from '../runtime/ports/store.ts';
import type { BlocksDelivery } from './block-sync.ts';
import { applySynced } from './chain/apply-synced.ts';
import type { Chain } from './chain/chain.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';

export type LedgerFollowerMessage =
  | { readonly type: 'deliver'; readonly delivery: BlocksDelivery }
  | { readonly type: 'durable'; readonly to: number }
  | { readonly type: 'failed'; readonly error: unknown }
  /** Time to see whether a full store has room again, and that it has. */
  | { readonly type: 'retry' }
  | { readonly type: 'room'; readonly to: number };

export interface LedgerFollowerDependencies {
  readonly chain: Chain;
  readonly verifier: Pick<Verifier, 'verify'>;
  /** The block at this height is stored here and durable. */
  readonly onFinal: (height: number) => void;
  readonly onRefusedBlock: (height: number, peer: PublicKey, reason: string) => void;
  /** The store is full: nothing is taken until there is room. */
  readonly onFull: () => void;
  /** Blocks that were delivered and are not stored are lost, by a restart or for want of room. */
  readonly onMissed: () => void;
}

interface State {
  /** Last height told as final. */
  readonly told: number;
  readonly isFull: boolean;
}

const retryMs = 1000;

export function ledgerFollowerActor(
  dependencies: LedgerFollowerDependencies,
): ActorDefinition<State, LedgerFollowerMessage> {
  const { chain } = dependencies;
  return {
    name: 'ledger-follower',
    initial: () => {
      dependencies.onMissed();
      return { told: chain.tip.height, isFull: false };
    },
    receive: (state, message, context) => {
      switch (message.type) {
        case 'deliver':
          return state.isFull ? state : apply(dependencies, state, message.delivery, context);
        case 'durable':
          return tell(dependencies, state, message.to);
        case 'failed':
          return onFailure(dependencies, state, message.error, context);
        case 'retry':
          awaitRoom(chain, context);
          return state;
        case 'room':
          dependencies.onMissed();
          return { ...tell(dependencies, state, message.to), isFull: false };
      }
    },
  };
}

function apply(
  dependencies: LedgerFollowerDependencies,
  state: State,
  { from, blocks, peer }: BlocksDelivery,
  context: ActorContext<LedgerFollowerMessage>,
): State {
  const { chain, verifier } = dependencies;
  if (from > chain.tip.height + 1) {
    // What came before it was lost here; the peer that sent this one is not to blame.
    dependencies.onMissed();
    return state;
  }
  try {
    const refusal = applySynced(chain, verifier, blocks, context.clock.now());
    if (refusal !== null) dependencies.onRefusedBlock(refusal.height, peer, refusal.reason);
  } catch (error) {
    return onFailure(dependencies, state, error, context);
  }
  const to = chain.tip.height;
  context.pipeToSelf(chain.store.durable(), (outcome) =>
    'error' in outcome ? { type: 'failed', error: outcome.error } : { type: 'durable', to },
  );
  return state;
}

function tell({ onFinal }: LedgerFollowerDependencies, state: State, to: number): State {
  for (let height = state.told + 1; height <= to; height++) onFinal(height);
  return { ...state, told: Math.max(state.told, to) };
}

/** A full store is waited for; every other failure is supervision's. */
function onFailure(
  { onFull }: LedgerFollowerDependencies,
  state: State,
  error: unknown,
  context: ActorContext<LedgerFollowerMessage>,
): State {
  if (!(error instanceof StoreError) || error.code !== 'full') throw error;
  if (!state.isFull) {
    context.log.error('the disk is full: not following until there is room', { retryMs }, error);
    onFull();
  }
  context.timer('retry', retryMs, { type: 'retry' });
  return { ...state, isFull: true };
}

/** Only a sync that succeeds shows that there is room again. What was stored before is then durable, and told of. */
function awaitRoom(chain: Chain, context: ActorContext<LedgerFollowerMessage>): void {
  const to = chain.tip.height;
  context.pipeToSelf(chain.store.durable(), (outcome) =>
    'error' in outcome ? { type: 'failed', error: outcome.error } : { type: 'room', to },
  );
}
