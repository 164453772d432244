/** What the HTTP server of a service asks: accounts and roles as the followed state has them, readiness as the service was seen last. */
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import { application } from '../protocols/ledger/application.ts';
import { accountAt, rolesAt } from '../protocols/ledger/queries.ts';
import type { StateReader } from '../protocols/ledger/view.ts';
import { isHex64, type PublicKey } from '../protocols/shared/brands.ts';
import type { ServedChain } from './adapters/http/server.ts';

/** `problemOf` asks the service itself: null where it works. */
export function servedChain(feed: ChainFeed, name: string, problemOf: () => Promise<string | null>): ServedChain {
  let problem: string | null = 'starting';
  const look = (): void =>
    void problemOf().then(
      (found) => (problem = found),
      () => (problem = `the ${name} does not answer`),
    );
  feed.subscribe(look);
  look();
  const view = (): ReturnType<ServedChain['health']> => {
    look();
    const check = { name, ok: problem === null, detail: problem ?? 'works' };
    return { ok: check.ok, checks: [check] };
  };
  const reader = (): StateReader | null => feed.current()?.reader ?? null;
  return {
    health: () => ({ ok: true, checks: [] }),
    readiness: view,
    account: (key) => {
      const state = reader();
      return state === null || !isHex64(key) ? null : (accountAt(state, key as PublicKey) ?? null);
    },
    rolesOf: (key) => {
      const state = reader();
      return state === null || !isHex64(key) ? [] : rolesAt(state, application, key as PublicKey);
    },
  };
}
