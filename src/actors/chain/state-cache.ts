/**
 * Entries of the committed state that were read or written lately, in front of the store: an account is looked at when
 * its transaction arrives, when a block with it is checked, and when that block is executed. Bounded; the oldest go first.
 */
import { toName } from '../../protocols/shared/bytes.ts';
import type { StateReader, StateWrite } from '../../protocols/ledger/view.ts';

const entriesMax = 16_384;

export class StateCache implements StateReader {
  readonly #reader: StateReader;
  readonly #entriesMax: number;
  /** undefined: known to be absent. */
  readonly #entries = new Map<string, Uint8Array | undefined>();

  constructor(reader: StateReader, max = entriesMax) {
    this.#reader = reader;
    this.#entriesMax = max;
  }

  /** The caller must not write to the bytes. */
  get(key: Uint8Array): Uint8Array | undefined {
    const name = toName(key);
    const known = this.#entries.get(name);
    if (known !== undefined || this.#entries.has(name)) return known;
    return this.#keep(name, this.#reader.get(key));
  }

  range(prefix: Uint8Array): ReturnType<StateReader['range']> {
    return this.#reader.range(prefix);
  }

  /** What a block changed, once it is in the store. */
  apply(writes: readonly StateWrite[]): void {
    for (const { key, value } of writes) {
      const name = toName(key);
      // Written again is used again: to the end of the queue.
      this.#entries.delete(name);
      this.#keep(name, value ?? undefined);
    }
  }

  /** The store holds another state. */
  clear(): void {
    this.#entries.clear();
  }

  /** A copy: what was read or encoded may be a piece of a larger buffer, which it would hold for as long. */
  #keep(name: string, value: Uint8Array | undefined): Uint8Array | undefined {
    const kept = value?.slice();
    this.#entries.set(name, kept);
    if (this.#entries.size > this.#entriesMax) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    return kept;
  }
}
