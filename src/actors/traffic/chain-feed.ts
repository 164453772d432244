/** The chain as a service follows it: its state after each final block, and transactions of its own. */
import type { StateReader } from '../../protocols/ledger/view.ts';
import type { ChainId } from '../../protocols/shared/brands.ts';

export interface FollowedState {
  readonly height: number;
  /** Header time, ms since 1970. */
  readonly time: number;
  /** Of this moment: to be read before the next one comes. */
  readonly reader: StateReader;
}

export interface Sent {
  readonly hash: string;
  /** `ok`, or why it changed nothing. */
  readonly code: string;
}

export interface ChainFeed {
  readonly chainId: ChainId;
  /** null: nothing is followed yet. */
  current(): FollowedState | null;
  /** Called after every block that is followed. Returns the unsubscribe function. */
  subscribe(listener: (state: FollowedState) => void): () => void;
  /** Signs with the service's own key; resolves when final, rejects where it cannot be. */
  send(kind: string, body: unknown): Promise<Sent>;
  /** The proof bundle of a final transaction, as JSON; null where there is none. */
  proof(hash: string): Promise<unknown>;
}
