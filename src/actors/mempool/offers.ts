/** Sending transactions to the validators: once when they are accepted, and again until they are final. */
import type { Mempool } from '../../protocols/ledger/mempool.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { MempoolContext, MempoolDependencies } from './messages.ts';
import { gossipBatches, type GossipMessage } from '../mempool-wire.ts';

const remindMs = 5_000;
/** Bytes sent again to everybody in one reminder at most, and to one peer when its link comes up. */
const remindBytes = 1024 * 1024;

export class Offers {
  readonly #dependencies: Pick<MempoolDependencies, 'self' | 'peers' | 'remote'>;
  readonly #pool: Mempool;
  #outgoing: Uint8Array[] = [];
  /** Own transactions that arrived before this one were offered at least one reminder ago. */
  #remindBelow = 0;
  #remindFrom = 0;

  constructor(dependencies: Pick<MempoolDependencies, 'self' | 'peers' | 'remote'>, pool: Mempool) {
    this.#dependencies = dependencies;
    this.#pool = pool;
  }

  /** Gathered until the messages that wait now are handled, so that batches grow with the load. */
  offer(transactions: readonly { readonly bytes: Uint8Array }[], context: MempoolContext): void {
    if (transactions.length > 0 && this.#outgoing.length === 0) context.tell(context.self, { type: 'flush' });
    for (const { bytes } of transactions) this.#outgoing.push(bytes);
  }

  flush(context: MempoolContext): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#send(outgoing, this.#dependencies.peers(), context);
  }

  #send(transactions: readonly Uint8Array[], peers: readonly PublicKey[], context: MempoolContext): void {
    for (const batch of gossipBatches(transactions)) {
      // One message object for all peers: it is encoded once.
      const message: GossipMessage = { type: 'gossip', peer: this.#dependencies.self, transactions: batch };
      // A peer without link or credit misses it here; reminders and its next link-up make up for that.
      for (const peer of peers) context.tell(this.#dependencies.remote(peer), message);
    }
  }

  /** A peer's link came up: what was offered meanwhile may have passed it by. */
  linked(peer: PublicKey, context: MempoolContext): void {
    const chosen: Uint8Array[] = [];
    let bytes = 0;
    for (const { transaction } of this.#pool.own()) {
      bytes += transaction.bytes.length;
      if (bytes > remindBytes) break;
      chosen.push(transaction.bytes);
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
