/** The chain as a court needs it, over a node's HTTP interface. */
import type { CourtChain } from '../actors/court/court-chain.ts';
import type { ChainFeed, Sent } from '../actors/traffic/chain-feed.ts';
import { transactionHash } from '../protocols/ledger/transaction.ts';
import type { ChainClient } from './chain-client.ts';
import { ClientError } from './client-error.ts';
import { finalOf } from './send-transaction.ts';

export const createCourtChain = (client: ChainClient, feed: ChainFeed): CourtChain => ({
  feed,
  events: async (after, limit) => (await client.eventPage({ after, limit })).events,
  relay: async (transaction): Promise<Sent> => {
    try {
      return await finalOf(client, transaction);
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'refused') throw error;
      return { hash: transactionHash(transaction), code: error.reason };
    }
  },
});
