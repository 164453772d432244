/**
 * A light's own transactions: it registers, opens an epoch, anchors its log (one anchor under way; after a stall the newest size
 * goes next), leases counters where requests came short of them, lists itself in the registry, and confirms the court's orders.
 */
import { awaitedConfirmations } from '../../protocols/ledger/modules/court/enforcement.ts';
import { readLight } from '../../protocols/ledger/modules/traffic/traffic.ts';
import { personsMax } from '../../protocols/traffic/counters.ts';
import type { ReviewerRole } from '../../protocols/ledger/modules/traffic/bodies.ts';
import { type ReadView, View } from '../../protocols/ledger/view.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { concatBytes, fromHex, fromUint64Key, toHex, toUtf8, uint64Key } from '../../protocols/shared/bytes.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Log } from '../../runtime/ports/telemetry.ts';
import type { ChainFeed, FollowedState } from './chain-feed.ts';
import { serviceKind } from './following.ts';
import type { Light } from './light.ts';
import type { TrafficLightMessage } from './messages.ts';
import { isListed, listingDue, type ServiceListing } from '../../protocols/registry/listing.ts';

export interface AnchoringDependencies {
  readonly feed: ChainFeed;
  readonly store: Store;
  readonly signer: { readonly publicKey: PublicKey };
  /** Who may sign proofs, told at registration. */
  readonly reviewers: readonly ReviewerRole[];
  readonly listing: ServiceListing;
}

/** Where a log was anchored. */
export interface Anchored {
  readonly size: number;
  /** Of the transaction. */
  readonly hash: string;
}

type SentMessage = Extract<TrafficLightMessage, { type: 'sent' }>;

/** Log id and anchored size → transaction. */
const anchorsTable = 'traffic-anchors';
/** Leased at once, persons: at least this, and three times what was asked for. */
const leaseMin = 1000;
/** What failed and can wait is sent again after so long, ms of header time. */
const retryMs = 30_000;

export class Anchoring {
  readonly #dependencies: AnchoringDependencies;
  readonly #underWay = new Set<SentMessage['what']>();
  /** Header time before which it is not sent again. */
  readonly #notBefore = new Map<SentMessage['what'], number>();
  #time = 0;
  #logId: string | null = null;
  #anchoredSize = 0;
  #isRegistered = false;

  constructor(dependencies: AnchoringDependencies) {
    this.#dependencies = dependencies;
  }

  /** Whether the chain knows the log that is appended to: what is decided before could be anchored nowhere. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  get anchoredSize(): number {
    return this.#anchoredSize;
  }

  /** The first anchor that covers an entry; null: none yet. */
  covering(index: number): Anchored | null {
    if (this.#logId === null) return null;
    const log = fromHex(this.#logId);
    const from = concatBytes(log, uint64Key(index + 1));
    for (const [key, value] of this.#dependencies.store.range(anchorsTable, { from, limit: 1 })) {
      if (toHex(key.subarray(0, 32)) !== this.#logId) return null;
      return { size: fromUint64Key(key.subarray(32)), hash: new TextDecoder().decode(value) };
    }
    return null;
  }

  /** After each block: what is due is sent, each kind once at a time. */
  go(light: Light, followed: FollowedState, context: ActorContext<TrafficLightMessage>): void {
    const view = new View(followed.reader);
    this.#time = followed.time;
    const { head } = light.log;
    const record = readLight(view, this.#dependencies.signer.publicKey);
    this.#logId = head.logId;
    this.#isRegistered = record?.logId === head.logId;
    this.#anchoredSize = this.#isRegistered ? (record?.size ?? 0) : 0;
    if (record === undefined) {
      const roles = this.#dependencies.reviewers;
      this.#send('register', 'traffic.register', { logId: head.logId, roles }, 0, context);
    } else if (!this.#isRegistered) {
      this.#send('register', 'traffic.open-epoch', { logId: head.logId, epoch: head.epoch }, 0, context);
    } else {
      if (head.size > record.size && !record.isForked && !this.#underWay.has('anchor')) {
        const { logId, size, root } = head;
        const consistency = light.log.consistency(record.size, size).map(toHex);
        this.#send('anchor', 'traffic.anchor', { logId, size, root, consistency }, size, context);
      }
      this.#lease(light, context);
      this.#list(view, context);
      this.#confirm(light, view, context);
    }
  }

  /** A transaction of ours is final, or failed. */
  sent({ what, outcome, size, hash }: SentMessage, log: Log): void {
    this.#underWay.delete(what);
    if (outcome !== 'ok') {
      log.warn('a transaction of the light failed', { what, outcome });
      if (what === 'list' || what === 'confirm') this.#notBefore.set(what, this.#time + retryMs);
      return;
    }
    if (what !== 'anchor' || this.#logId === null) return;
    const key = concatBytes(fromHex(this.#logId), uint64Key(size));
    this.#dependencies.store.commit([{ table: anchorsTable, key, value: toUtf8(hash) }]);
  }

  /** What a request came short of, and more for the next ones. */
  #lease(light: Light, context: ActorContext<TrafficLightMessage>): void {
    if (this.#underWay.has('lease')) return;
    const short = light.takeShortage();
    if (short === null) return;
    const { subject, counter, window, persons, spent, unspent } = short;
    // What is leased already is spent of while this is under way.
    const lease = Math.min(personsMax, unspent + Math.max(leaseMin, 3 * persons));
    const body = { subject, counter, window, spent, lease };
    this.#send('lease', 'traffic.lease-counter', body, 0, context);
  }

  #list(view: ReadView, context: ActorContext<TrafficLightMessage>): void {
    const { listing, signer } = this.#dependencies;
    const due = listingDue(view, listing, { kind: serviceKind, account: signer.publicKey }, this.#time);
    if (due !== null) this.#send('list', due.kind, due.body, 0, context);
  }

  /** The first order that the log says is obeyed and nobody has confirmed. */
  #confirm(light: Light, view: ReadView, context: ActorContext<TrafficLightMessage>): void {
    const { listing, signer } = this.#dependencies;
    if (this.#underWay.has('confirm') || !isListed(view, listing, signer.publicKey)) return;
    for (const { case: ruled, index } of awaitedConfirmations(view, serviceKind)) {
      const receipt = light.receiptOf({ case: ruled, index });
      if (receipt === null) continue;
      const body = { case: ruled, index, service: listing.id, receipt };
      this.#send('confirm', 'court.confirm-action', body, 0, context);
      return;
    }
  }

  #send(
    what: SentMessage['what'],
    kind: string,
    body: unknown,
    size: number,
    context: ActorContext<TrafficLightMessage>,
  ): void {
    if (this.#underWay.has(what) || this.#time < (this.#notBefore.get(what) ?? 0)) return;
    this.#underWay.add(what);
    context.pipeToSelf(this.#dependencies.feed.send(kind, body), (outcome) =>
      'error' in outcome
        ? {
            type: 'sent',
            what,
            size,
            hash: '',
            outcome: outcome.error instanceof Error ? outcome.error.message : 'failed',
          }
        : { type: 'sent', what, size, hash: outcome.value.hash, outcome: outcome.value.code },
    );
  }
}
