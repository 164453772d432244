/** The chain as a court follows it: state and own transactions as every service has them, events, and other people's transactions. */
import type { EventView } from '../../runtime/ports/chain-api.ts';
import type { ChainFeed, Sent } from '../traffic/chain-feed.ts';

export interface CourtChain {
  readonly feed: ChainFeed;
  /** Stored events after an id (null: from the first), oldest first, at most `limit`. */
  events(after: string | null, limit: number): Promise<readonly EventView[]>;
  /** Passes on a transaction that its sender signed; resolves when it is final or was refused. Rejects with
   *  CodedError where nobody can tell. */
  relay(transaction: Uint8Array): Promise<Sent>;
}
