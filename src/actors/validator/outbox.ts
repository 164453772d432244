/**
 * Sends that wait until what they rest on is on stable storage. Records and sends are queued in the order of the state
 * machine's effects; one fsync covers everything queued before it; no send leaves before its records are covered. No
 * record outlives the block that it builds on: a block is durable before the records that follow it are written.
 * Source: consensus design, "Crash safety"; runtime design, "Store".
 */
import type { Store, Write } from '../../runtime/ports/store.ts';

interface Batch {
  readonly writes: Write[];
  /** Written with the rest, waited for by nobody. */
  readonly unawaited: Write[];
  readonly sends: (() => void)[];
}

const emptyBatch = (): Batch => ({ writes: [], unawaited: [], sends: [] });

export class Outbox {
  readonly #records: Store;
  readonly #chain: Pick<Store, 'durable'>;
  #queued = emptyBatch();
  /** Its block is durable now. */
  #afterBlock: Batch | null = null;
  #chainDirty = false;
  #flushing = false;

  /** `records`: guard and consensus journal. `chain`: where blocks are stored. */
  constructor(stores: { readonly records: Store; readonly chain: Pick<Store, 'durable'> }) {
    this.#records = stores.records;
    this.#chain = stores.chain;
  }

  record(writes: readonly Write[]): void {
    this.#queued.writes.push(...writes);
  }

  /** Records and deletes that no send rests on: a crash may undo them. */
  recordUnawaited(writes: readonly Write[]): void {
    this.#queued.unawaited.push(...writes);
  }

  /** A block was committed to the chain store: what is queued is written and sent when it is durable. */
  chainWritten(): void {
    this.#chainDirty = true;
  }

  /** Runs when everything recorded so far is durable. */
  whenDurable(send: () => void): void {
    this.#queued.sends.push(send);
  }

  /**
   * Starts one flush unless one is under way or nothing is queued. Returns what must be called, and `flush` after it,
   * or null. Throws StoreError where the commit itself fails.
   */
  flush(): Promise<() => void> | null {
    if (this.#flushing) return null;
    if (this.#afterBlock === null && this.#chainDirty) return this.#flushBlock();
    const { writes, unawaited, sends } = this.#afterBlock ?? this.#take();
    this.#afterBlock = null;
    if (unawaited.length > 0) this.#records.commit(unawaited);
    if (writes.length === 0 && sends.length === 0) return null;
    if (writes.length > 0) this.#records.commit(writes);
    this.#flushing = true;
    const covered = writes.length > 0 ? this.#records.durable() : Promise.resolve();
    return covered.then(() => () => {
      this.#flushing = false;
      for (const send of sends) send();
    });
  }

  /**
   * The block alone. A guard that remembers a signature above a block that a power cut took never signs at the height
   * of that block again, and where that befalls more than f validators at once, nobody decides it.
   */
  #flushBlock(): Promise<() => void> {
    const batch = this.#take();
    this.#chainDirty = false;
    this.#flushing = true;
    return this.#chain.durable().then(() => () => {
      this.#flushing = false;
      this.#afterBlock = batch;
    });
  }

  #take(): Batch {
    const queued = this.#queued;
    this.#queued = emptyBatch();
    return queued;
  }
}
