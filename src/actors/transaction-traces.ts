/**
 * The traces of the transactions that wait here, so that one trace follows a transaction from the request that brought
 * it to the block that holds it, over every node that it passes. In memory only: nothing of it is signed, hashed or
 * stored. Empty, and never asked anything, where nobody traces.
 */
import type { Digest } from '../protocols/shared/brands.ts';
import type { Span, Telemetry } from '../runtime/ports/telemetry.ts';

/** Transactions followed at once; more than these wait untraced. */
const followedMax = 10_000;
/** Transactions that one span links to. */
const linksMax = 64;

interface Followed {
  /** From the pool to the block. */
  readonly pending: Span;
  /** What brought it here: offers to others are part of that. */
  readonly origin: string;
}

interface Hashed {
  readonly hash: Digest;
}

export class TransactionTraces {
  readonly #telemetry: Pick<Telemetry, 'span'>;
  readonly #followed = new Map<Digest, Followed>();

  constructor(telemetry: Pick<Telemetry, 'span'>) {
    this.#telemetry = telemetry;
  }

  get isEmpty(): boolean {
    return this.#followed.size === 0;
  }

  /** A transaction came into the pool as part of the trace `origin`. */
  follow(hash: Digest, origin: string): void {
    if (this.#followed.size >= followedMax || this.#followed.has(hash)) return;
    const pending = this.#telemetry.span('transaction.pending', {
      traceparent: origin,
      attributes: { 'bpci.transaction.hash': hash },
    });
    this.#followed.set(hash, { pending, origin });
  }

  /** W3C traceparent of what brought this transaction here, where it is followed. */
  originOf(hash: Digest): string | undefined {
    return this.#followed.get(hash)?.origin;
  }

  /** Traceparents of those among `transactions` that are followed, in their order, each trace at most once an origin. */
  of(transactions: readonly Hashed[]): readonly string[] {
    if (this.isEmpty) return [];
    const found = new Set<string>();
    for (const { hash } of transactions) {
      const followed = this.#followed.get(hash);
      // A node without a collector of its own still passes on what others trace.
      if (followed !== undefined) found.add(followed.pending.traceparent ?? followed.origin);
      if (found.size > linksMax) break;
    }
    return [...found];
  }

  /** They are in a block, which this span is about. */
  included(transactions: readonly Hashed[], block: Span): void {
    const { traceparent } = block;
    if (this.isEmpty || traceparent === undefined) return;
    for (const { hash } of transactions) this.#followed.get(hash)?.pending.addLink(traceparent);
  }

  /** It has left the pool. */
  leave(hash: Digest, outcome: string): void {
    const followed = this.#followed.get(hash);
    if (followed === undefined) return;
    this.#followed.delete(hash);
    followed.pending.setAttributes({ 'bpci.transaction.outcome': outcome });
    followed.pending.end();
  }

  /** The pool starts anew. */
  abandon(): void {
    for (const hash of [...this.#followed.keys()]) this.leave(hash, 'restarted');
  }
}
