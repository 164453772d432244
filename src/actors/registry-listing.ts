/** Keeps a service on the registry's list: one transaction at a time, renewed before its lease ends. */
import { listingDue, type ServiceListing } from '../protocols/registry/listing.ts';
import { readService } from '../protocols/ledger/modules/registry.ts';
import { View } from '../protocols/ledger/view.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import type { Log } from '../runtime/ports/telemetry.ts';
import type { ChainFeed, FollowedState, Sent } from './traffic/chain-feed.ts';

/** Blocks until the next attempt at most. */
const pauseMax = 64;
/** Blocks in which the followed state comes to know of a transaction that is final. */
const catchUpBlocks = 4;

export interface ListedService {
  readonly kind: string;
  readonly account: PublicKey;
}

export class RegistryListing {
  readonly #feed: ChainFeed;
  readonly #own: ListedService;
  readonly #log: Log;
  #listing: ServiceListing | null = null;
  #isUnderWay = false;
  #notBefore = 0;
  #failures = 0;
  #warnedOf: PublicKey | null = null;

  constructor(feed: ChainFeed, own: ListedService, log: Log) {
    this.#feed = feed;
    this.#own = own;
    this.#log = log;
  }

  /** What the list is to say from now on. */
  announce(listing: ServiceListing): void {
    this.#listing = listing;
    this.#notBefore = 0;
  }

  /** After each block: what is sent now, or null. {@link done} is told what became of it. */
  next({ reader, time, height }: FollowedState): Promise<Sent> | null {
    if (this.#listing === null || this.#isUnderWay || height < this.#notBefore) return null;
    const view = new View(reader);
    this.#warn(readService(view, this.#listing.id)?.owner ?? this.#own.account, this.#listing.id);
    const due = listingDue(view, this.#listing, this.#own, time);
    if (due === null) return null;
    this.#isUnderWay = true;
    return this.#feed.send(due.kind, due.body);
  }

  done(outcome: { readonly value: Sent } | { readonly error: unknown }, height: number): void {
    this.#isUnderWay = false;
    const isTaken = 'value' in outcome && outcome.value.code === 'ok';
    this.#failures = isTaken ? 0 : this.#failures + 1;
    this.#notBefore = height + (isTaken ? catchUpBlocks : Math.min(pauseMax, 2 ** this.#failures));
    if (isTaken) return;
    const problem = 'value' in outcome ? outcome.value.code : String(outcome.error);
    this.#log.warn('the service is not registered', { problem });
  }

  /** Once for each who has the name in the service's place. */
  #warn(owner: PublicKey, name: string): void {
    if (owner === this.#own.account || owner === this.#warnedOf) return;
    this.#warnedOf = owner;
    this.#log.error('another service is registered under the name', { name, owner });
  }
}
