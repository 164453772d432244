/** The clusters of an operator: their registration and states on chain, their executors, their listing, their batches. */
import {
  clusterSigningBytes,
  type ClusterDescription,
  type RegisterClusterBody,
} from '../../protocols/ledger/modules/enc/bodies.ts';
import { registerClusterCodec } from '../../protocols/ledger/modules/enc/bodies.ts';
import type { ServiceListing } from '../../protocols/registry/listing.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import { RegistryListing } from '../registry-listing.ts';
import type { ChainFeed } from '../traffic/chain-feed.ts';
import type { ChainFacts } from './chain-facts.ts';
import type { RunningContainer, WorkloadExecutor } from './executor.ts';
import type { EncMessage, Outcome } from './messages.ts';
import type { ReceiptBatch, RecordStore } from './record-store.ts';

/** A cluster as its operator configures it. */
export interface OwnCluster extends ClusterDescription {
  readonly id: string;
  readonly region: string;
  readonly country: string;
  /** Signs its receipts. */
  readonly signer: Signer;
  readonly executor: WorkloadExecutor;
  /** Whether it is registered where the chain does not know it. */
  readonly isRegistering: boolean;
}

type Context = ActorContext<EncMessage>;

/** An executor that does not answer for so long is taken for dead, ms. */
const deadAfterMs = 20_000;
/** Blocks until what was refused is tried again, at most. */
const pauseMax = 32;

export class Cluster {
  readonly own: OwnCluster;
  readonly registration: RegisterClusterBody;
  readonly listing: RegistryListing;
  /** undefined: not known. */
  containers: ReadonlyMap<string, RunningContainer> | undefined = undefined;
  isObserving = false;
  /** Something was done since the look that is under way began. */
  isOutdated = false;
  /** Workloads of which something was done that no look has shown yet. */
  readonly unseen = new Set<Digest>();
  /** Monotonic ms of the last answer; null before the first. */
  #answeredMs: number;
  #isSending = false;
  #notBefore = 0;
  #failures = 0;
  /** What the operator wants: changed by a drain. */
  isDraining = false;
  #anchoring: ReceiptBatch | null = null;

  constructor(own: OwnCluster, feed: ChainFeed, account: PublicKey, context: Context, monotonicMs: number) {
    this.own = own;
    this.#answeredMs = monotonicMs;
    const { id, region, country, capabilities, certifications, agreements, endpoints, signer } = own;
    const possession = signer.sign(clusterSigningBytes(feed.chainId, account, id));
    this.registration = {
      ...{
        id,
        key: signer.publicKey,
        possession,
        region,
        country,
        capabilities,
        certifications,
        agreements,
        endpoints,
      },
    };
    this.listing = new RegistryListing(feed, { kind: 'enc-cluster', account }, context.log);
  }

  get id(): string {
    return this.own.id;
  }

  /** For longer than one that is alive may. */
  isLost(monotonicMs: number): boolean {
    return this.containers === undefined && monotonicMs - this.#answeredMs > deadAfterMs;
  }

  observed(outcome: Outcome<readonly RunningContainer[]>, monotonicMs: number): void {
    this.isObserving = false;
    if ('error' in outcome) {
      this.containers = undefined;
      return;
    }
    this.#answeredMs = monotonicMs;
    this.containers = new Map(outcome.value.map((container) => [container.id, container]));
  }

  /** What the chain is to be told of the cluster now; null: nothing. One transaction at a time. */
  due(
    facts: ChainFacts,
    account: PublicKey,
    records: RecordStore,
  ): { readonly kind: string; readonly body: unknown } | null {
    if (this.#isSending || facts.height < this.#notBefore) return null;
    const found = facts.cluster(this.id);
    const due =
      found === undefined
        ? !this.own.isRegistering
          ? null
          : { kind: 'enc.register-cluster', body: registerClusterCodec.toJson(this.registration) }
        : found.owner !== account
          ? null
          : (this.#stateDue(found.state) ?? this.#batchDue(found.batches, found.anchoredBy, records));
    this.#isSending = due !== null;
    return due;
  }

  #stateDue(state: string): { readonly kind: string; readonly body: unknown } | null {
    const to =
      state === 'offline'
        ? 'joining'
        : state === 'joining' || (!this.isDraining && state !== 'active')
          ? 'active'
          : this.isDraining && state === 'active'
            ? 'draining'
            : null;
    return to === null ? null : { kind: 'enc.set-state', body: { id: this.id, state: to } };
  }

  /** A batch whose anchor nobody told us of is found by its number. */
  #batchDue(
    batches: number,
    anchoredBy: Digest | null,
    records: RecordStore,
  ): { readonly kind: string; readonly body: unknown } | null {
    let batch = records.nextBatch(this.id, batches);
    if (batch !== null && batch.batch === batches && anchoredBy !== null) {
      records.anchored(batch, anchoredBy);
      batch = records.nextBatch(this.id, batches);
    }
    this.#anchoring = batch;
    if (batch === null) return null;
    const { root, receipts } = batch;
    return {
      kind: 'enc.anchor-receipts',
      body: { cluster: this.id, batch: batch.batch, count: receipts.length, root },
    };
  }

  sent(
    outcome: Outcome<{ readonly hash: string; readonly code: string }>,
    height: number,
    records: RecordStore,
  ): string | null {
    this.#isSending = false;
    const isTaken = 'value' in outcome && outcome.value.code === 'ok';
    this.#failures = isTaken ? 0 : this.#failures + 1;
    // The followed state comes to know of what is final a little later.
    this.#notBefore = height + (isTaken ? 1 : Math.min(pauseMax, 2 ** this.#failures));
    if (isTaken && this.#anchoring !== null) records.anchored(this.#anchoring, outcome.value.hash as Digest);
    this.#anchoring = null;
    return isTaken ? null : 'value' in outcome ? outcome.value.code : String(outcome.error);
  }

  announce(listing: ServiceListing): void {
    this.listing.announce(listing);
  }
}
