/** Sending transactions to the validators: once when they are accepted, and again until they are final. */
import type { Mempool } from '../../protocols/ledger/mempool.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import type { MempoolContext, MempoolDependencies } from './messages.ts';
import { gossipBatches, type GossipMessage } from '../mempool-wire.ts';

const remindMs = 5_000;
/** Bytes sent again to everybody in one reminder at most, and to one peer when its link comes up. */
const remindBytes = 1024 * 1024;
/** Traces that are told apart in one sending: a batch on a link belongs to one of them. The rest goes untraced. */
const tracesMax = 64;

interface Offer {
  readonly hash: Digest;
  readonly bytes: Uint8Array;
}

type OffersDependencies = Pick<MempoolDependencies, 'self' | 'peers' | 'remote' | 'traces'>;

export class Offers {
  readonly #dependencies: OffersDependencies;
  readonly #pool: Mempool;
  #outgoing: Offer[] = [];
  /** Own transactions that arrived before this one were offered at least one reminder ago. */
  #remindBelow = 0;
  #remindFrom = 0;

  constructor(dependencies: OffersDependencies, pool: Mempool) {
    this.#dependencies = dependencies;
    this.#pool = pool;
  }

  /** Gathered until the messages that wait now are handled, so that batches grow with the load. */
  offer(transactions: readonly Offer[], context: MempoolContext): void {
    if (transactions.length > 0 && this.#outgoing.length === 0) context.tell(context.self, { type: 'flush' });
    for (const transaction of transactions) this.#outgoing.push(transaction);
  }

  flush(context: MempoolContext): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#send(outgoing, this.#dependencies.peers(), context);
  }

  /** What belongs to a trace goes as part of it. */
  #send(offers: readonly Offer[], peers: readonly PublicKey[], context: MempoolContext): void {
    const { traces } = this.#dependencies;
    const byTrace = new Map<string | undefined, Uint8Array[]>();
    for (const { hash, bytes } of offers) {
      const origin = byTrace.size > tracesMax || traces.isEmpty ? undefined : traces.originOf(hash);
      const together = byTrace.get(origin);
      if (together === undefined) byTrace.set(origin, [bytes]);
      else together.push(bytes);
    }
    for (const [origin, transactions] of byTrace) {
      context.within(origin, () => {
        const span =
          origin === undefined
            ? undefined
            : context.span('mempool.gossip', { 'bpci.transactions': transactions.length, 'bpci.peers': peers.length });
        this.#sendTogether(transactions, peers, context);
        span?.end();
      });
    }
  }

  #sendTogether(transactions: readonly Uint8Array[], peers: readonly PublicKey[], context: MempoolContext): void {
    for (const batch of gossipBatches(transactions)) {
      // One message object for all peers: it is encoded once.
      const message: GossipMessage = { type: 'gossip', peer: this.#dependencies.self, transactions: batch };
      // A peer without link or credit misses it here; reminders and its next link-up make up for that.
      for (const peer of peers) context.tell(this.#dependencies.remote(peer), message);
    }
  }

  /** A peer's link came up: what was offered meanwhile may have passed it by. */
  linked(peer: PublicKey, context: MempoolContext): void {
    const chosen: Offer[] = [];
    let bytes = 0;
    for (const { transaction } of this.#pool.own()) {
      bytes += transaction.bytes.length;
      if (bytes > remindBytes) break;
      chosen.push(transaction);
    }
    this.#send(chosen, [peer], context);
  }

  /** Offers what has waited for a while again: a part each time, the oldest first and then on from there. */
  remind(context: MempoolContext): void {
    const waiting = [...this.#pool.own()].filter(({ sequence }) => sequence < this.#remindBelow);
    const rest = waiting.filter(({ sequence }) => sequence >= this.#remindFrom);
    let bytes = 0;
    this.#remindFrom = 0;
    for (const { transaction, sequence } of rest.length > 0 ? rest : waiting) {
      bytes += transaction.bytes.length;
      if (bytes > remindBytes) {
        this.#remindFrom = sequence;
        break;
      }
      this.offer([transaction], context);
    }
    this.#remindBelow = this.#pool.arrivals;
    context.timer('remind', remindMs, { type: 'remind' });
  }
}
