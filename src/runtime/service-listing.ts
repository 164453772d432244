/** A service stands in the registry while it runs: listed after the first block that it follows, renewed before its lease ends. */
import { RegistryListing } from '../actors/registry-listing.ts';
import type { ChainFeed, FollowedState } from '../actors/traffic/chain-feed.ts';
import type { ServiceListing } from '../protocols/registry/listing.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import type { Log } from './ports/telemetry.ts';

/** Returns what ends it. The registry forgets the service when its lease is over. */
export function keepListed(
  feed: ChainFeed,
  own: { readonly kind: string; readonly account: PublicKey },
  listing: ServiceListing,
  log: Log,
): () => void {
  const registry = new RegistryListing(feed, own, log);
  registry.announce(listing);
  let isOver = false;
  const follow = (state: FollowedState): void => {
    const done = (outcome: Parameters<RegistryListing['done']>[0]): void => {
      if (!isOver) registry.done(outcome, feed.current()?.height ?? state.height);
    };
    registry.next(state)?.then(
      (value) => done({ value }),
      (error: unknown) => done({ error }),
    );
  };
  const unsubscribe = feed.subscribe(follow);
  const current = feed.current();
  if (current !== null) follow(current);
  return () => {
    isOver = true;
    unsubscribe();
  };
}
