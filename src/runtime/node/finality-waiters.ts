/** Callers that wait for a transaction to become final. A block costs one look-up a transaction, however many wait. */
import type { Chain } from '../../actors/chain/chain.ts';
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import type { Finality } from '../../actors/node/finality.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { TransactionView } from '../ports/chain-api.ts';
import type { Clock } from '../ports/clock.ts';
import { finalTransactionView } from './chain-views.ts';

export interface FinalityWaitersParts {
  readonly chain: Pick<Chain, 'tip' | 'transactionsOf'>;
  readonly reader: ChainReader;
  readonly finality: Finality;
  readonly clock: Pick<Clock, 'setTimer'>;
}

type Waiter = (view: TransactionView | null) => void;

export class FinalityWaiters {
  readonly #parts: FinalityWaitersParts;
  readonly #waiting = new Map<Digest, Set<Waiter>>();
  /** Last height heard of. */
  #height: number;

  constructor(parts: FinalityWaitersParts) {
    this.#parts = parts;
    this.#height = parts.chain.tip.height;
    parts.finality.subscribe((height) => this.#onBlock(height));
    parts.finality.subscribeHistory(() => this.#look(this.#waiting.keys()));
  }

  /** Resolves with the transaction once it is final, or with null after `timeoutMs` or when `signal` aborts. */
  wait(hash: Digest, timeoutMs: number, signal: AbortSignal | undefined): Promise<TransactionView | null> {
    const now = finalTransactionView(this.#parts.reader, hash);
    if (now !== null || signal?.aborted === true) return Promise.resolve(now);
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(hash) ?? new Set();
      const finish: Waiter = (view) => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        waiters.delete(finish);
        if (waiters.size === 0 && this.#waiting.get(hash) === waiters) this.#waiting.delete(hash);
        resolve(view);
      };
      const onAbort = (): void => finish(null);
      const timer = this.#parts.clock.setTimer(timeoutMs, onAbort);
      signal?.addEventListener('abort', onAbort);
      this.#waiting.set(hash, waiters.add(finish));
    });
  }

  #onBlock(height: number): void {
    const isNext = height <= this.#height + 1;
    this.#height = Math.max(height, this.#height);
    if (this.#waiting.size === 0) return;
    // After a snapshot the heights between were never announced.
    this.#look(isNext ? this.#parts.chain.transactionsOf(height).map(({ hash }) => hash) : this.#waiting.keys());
  }

  #look(hashes: Iterable<Digest>): void {
    for (const hash of [...hashes]) {
      const waiters = this.#waiting.get(hash);
      if (waiters === undefined) continue;
      const view = finalTransactionView(this.#parts.reader, hash);
      if (view !== null) for (const finish of [...waiters]) finish(view);
    }
  }
}
