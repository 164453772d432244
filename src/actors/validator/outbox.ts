/**
 * Sends that wait until what they rest on is on stable storage. Records and sends are queued in the order of the state
 * machine's effects; one fsync covers everything queued before it; no send leaves before its records are covered.
 * Source: consensus design, "Crash safety"; runtime design, "Store".
 */
import type { Store, Write } from '../../runtime/ports/store.ts';

export class Outbox {
  readonly #records: Store;
  readonly #chain: Pick<Store, 'durable'>;
  #writes: Write[] = [];
  /** Written with the rest, waited for by nobody. */
  #unawaited: Write[] = [];
  #sends: (() => void)[] = [];
  #chainDirty = false;
  #flushing = false;

  /** `records`: guard and consensus journal. `chain`: where blocks are stored. */
  constructor(stores: { readonly records: Store; readonly chain: Pick<Store, 'durable'> }) {
    this.#records = stores.records;
    this.#chain = stores.chain;
  }

  record(writes: readonly Write[]): void {
    for (const write of writes) this.#writes.push(write);
  }

  /** Records and deletes that no send rests on: a crash may undo them. */
  recordUnawaited(writes: readonly Write[]): void {
    for (const write of writes) this.#unawaited.push(write);
  }

  /** A block was committed to the chain store: what follows waits for its durability too. */
  chainWritten(): void {
    this.#chainDirty = true;
  }

  /** Runs when everything recorded so far is durable. */
  whenDurable(send: () => void): void {
    this.#sends.push(send);
  }

  /**
   * Starts one flush unless one is under way or nothing is queued. Returns what `flushed` must be called after, or null.
   * Throws StoreError where the commit itself fails.
   */
  flush(): Promise<() => void> | null {
    if (this.#flushing) return null;
    if (this.#unawaited.length > 0) this.#records.commit(this.#unawaited);
    this.#unawaited = [];
    if (this.#writes.length === 0 && this.#sends.length === 0 && !this.#chainDirty) return null;
    const { records, sends } = { records: this.#writes.length > 0, sends: this.#sends };
    if (records) this.#records.commit(this.#writes);
    const chainDirty = this.#chainDirty;
    this.#writes = [];
    this.#sends = [];
    this.#chainDirty = false;
    this.#flushing = true;
    const covered: Promise<void>[] = [];
    if (records) covered.push(this.#records.durable());
    if (chainDirty) covered.push(this.#chain.durable());
    return Promise.all(covered).then(() => () => {
      this.#flushing = false;
      for (const send of sends) send();
    });
  }
}
