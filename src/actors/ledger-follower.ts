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
  | { readonly type: 'failed'; readonly error: unknown };

export interface LedgerFollowerDependencies {
  readonly chain: Chain;
  readonly verifier: Pick<Verifier, 'verify'>;
  /** The block at this height is stored here and durable. */
  readonly onFinal: (height: number) => void;
  readonly onRefusedBlock: (height: number, peer: PublicKey, reason: string) => void;
  /** The store is full: the same blocks are to be asked for again. */
  readonly onFull: () => void;
}

interface State {
  /** Last height told as final. */
  readonly told: number;
}

export function ledgerFollowerActor(
  dependencies: LedgerFollowerDependencies,
): ActorDefinition<State, LedgerFollowerMessage> {
  const { chain } = dependencies;
  return {
    name: 'ledger-follower',
    initial: () => ({ told: chain.tip.height }),
    receive: (state, message, context) => {
      switch (message.type) {
        case 'deliver':
          apply(dependencies, message.delivery, context);
          return state;
        case 'durable':
          for (let height = state.told + 1; height <= message.to; height++) dependencies.onFinal(height);
          return { told: Math.max(state.told, message.to) };
        case 'failed':
          throw message.error;
      }
    },
  };
}

function apply(
  dependencies: LedgerFollowerDependencies,
  { blocks, peer }: BlocksDelivery,
  context: ActorContext<LedgerFollowerMessage>,
): void {
  const { chain, verifier } = dependencies;
  try {
    const refusal = applySynced(chain, verifier, blocks, context.clock.now());
    if (refusal !== null) dependencies.onRefusedBlock(refusal.height, peer, refusal.reason);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'full') throw error;
    context.log.error('the disk is full: not following until there is room', {}, error);
    dependencies.onFull();
  }
  const to = chain.tip.height;
  context.pipeToSelf(chain.store.durable(), (outcome) =>
    'error' in outcome ? { type: 'failed', error: outcome.error } : { type: 'durable', to },
  );
}
