/** What the HTTP server of a service asks: accounts and roles as the followed state has them, readiness as the service was seen last. */
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import { application } from '../protocols/ledger/application.ts';
import { accountAt, rolesAt } from '../protocols/ledger/queries.ts';
import type { StateReader } from '../protocols/ledger/view.ts';
import { isHex64, type PublicKey } from '../protocols/shared/brands.ts';
import type { ServedChain } from './adapters/http/server.ts';

export interface ServedChainOptions {
  readonly feed: Pick<ChainFeed, 'current' | 'subscribe'>;
  /** Of the check, and what it says where all is well. */
  readonly name: string;
  readonly whenReady: string;
  /** Asked after every block and at every question. */
  readonly status: () => Promise<{ readonly isReady: boolean; readonly problem: string | null }>;
}

/** Roles of accounts, as the followed state has them now. */
export const rolesIn =
  (feed: Pick<ChainFeed, 'current'>) =>
  (key: string): readonly string[] => {
    const state = feed.current()?.reader ?? null;
    return state === null || !isHex64(key) ? [] : rolesAt(state, application, key as PublicKey);
  };

export function servedChain({ feed, name, whenReady, status }: ServedChainOptions): ServedChain {
  let problem: string | null = 'starting';
  const look = (): void =>
    void status().then(
      (seen) => (problem = seen.isReady ? null : (seen.problem ?? 'not ready')),
      () => (problem = 'it does not answer'),
    );
  feed.subscribe(look);
  look();
  const reader = (): StateReader | null => feed.current()?.reader ?? null;
  return {
    health: () => ({ ok: true, checks: [] }),
    readiness: () => {
      look();
      const check = { name, ok: problem === null, detail: problem ?? whenReady };
      return { ok: check.ok, checks: [check] };
    },
    account: (key) => {
      const state = reader();
      return state === null || !isHex64(key) ? null : (accountAt(state, key as PublicKey) ?? null);
    },
    rolesOf: rolesIn(feed),
  };
}
