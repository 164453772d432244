/**
 * Event sourcing on the Store port: an actor's state as the sum of its events, kept across restarts and crashes.
 *
 * ```ts
 * initial: () => openJournal({ store, table: 'till', name: 'front-desk', zero: 0, apply: add, event: uint, snapshot: uint }),
 * receive: async (journal, { amount, replyTo }, context) => {
 *   journal.append([amount]);
 *   await journal.durable(); // before anybody is told
 *   context.reply(replyTo, journal.state);
 *   return journal;
 * },
 * ```
 *
 * - Atomic: the events of one `append` are there all or none.
 * - Single writer: opening a journal ends the writing of whoever had it open before; its next `append` throws
 *   `superseded` and writes nothing. So an actor that restarted never shares its journal with what is left of its past.
 * - Replay is a function of what is stored: events are numbered without gaps, a snapshot names the last event in it, and
 *   both change in one commit. A gap is a StoreError `corrupt`, never skipped.
 *
 * Layout of the table: `name 0x00 w` writer's number, `name 0x00 s` snapshot, `name 0x00 e` and 8 bytes: one event each.
 */
import { concatBytes, fromUint64Key, toUtf8, uint64Key } from '../../protocols/shared/bytes.ts';
import { type Codec, decode, encode, struct, uint } from '../../protocols/shared/codec.ts';
import { CodedError, invariant } from '../../protocols/shared/errors.ts';
import { type Store, StoreError, type Write } from '../ports/store.ts';

export type JournalErrorCode = 'superseded';

export class JournalError extends CodedError<JournalErrorCode> {
  override readonly name = 'JournalError';
}

export interface JournalOptions<State, Event> {
  readonly store: Store;
  readonly table: string;
  /** Unique in the table; 1 to 400 bytes without 0x00. */
  readonly name: string;
  /** The state before the first event. */
  readonly zero: State;
  /** Pure. Must not change the state that it is given. */
  readonly apply: (state: State, event: Event) => State;
  readonly event: Codec<Event>;
  readonly snapshot: Codec<State>;
  /** Events between two snapshots; what a snapshot contains is deleted with it. Default 1,000. */
  readonly snapshotEvery?: number;
}

export interface Journal<State, Event> {
  /** The sum of all events appended. */
  readonly state: State;
  /** Events ever appended. */
  readonly length: number;
  /** Appends and commits, at once and together. Throws JournalError `superseded`, StoreError. Not durable yet. */
  append(events: readonly Event[]): void;
  /** Resolves when all that was appended is on stable storage. */
  durable(): Promise<void>;
}

/** Reads the journal and becomes its only writer. Throws StoreError `corrupt` where what is stored has a gap. */
export function openJournal<State, Event>(options: JournalOptions<State, Event>): Journal<State, Event> {
  return new StoredJournal(options);
}

const tags = { writer: 0x77, snapshot: 0x73, event: 0x65 } as const;

class StoredJournal<State, Event> implements Journal<State, Event> {
  readonly #options: JournalOptions<State, Event>;
  readonly #snapshotEvery: number;
  readonly #snapshotCodec: Codec<{ readonly length: number; readonly state: State }>;
  readonly #writer: number;
  #state: State;
  #length = 0;
  /** Events that the last snapshot contains. */
  #snapshotLength = 0;

  constructor(options: JournalOptions<State, Event>) {
    invariant(options.name.length > 0 && !options.name.includes('\0'), 'a journal needs a name without 0x00');
    this.#options = options;
    this.#snapshotEvery = options.snapshotEvery ?? 1_000;
    this.#snapshotCodec = struct({ length: uint, state: options.snapshot });
    this.#state = options.zero;
    this.#replay();
    this.#writer = (this.#storedWriter() ?? 0) + 1;
    this.#options.store.commit([this.#put(tags.writer, encode(uint, this.#writer))]);
  }

  get state(): State {
    return this.#state;
  }

  get length(): number {
    return this.#length;
  }

  append(events: readonly Event[]): void {
    const { store, apply, event: codec } = this.#options;
    // Commits are synchronous: nobody can come between this look and the commit.
    if (this.#storedWriter() !== this.#writer) {
      throw new JournalError('superseded', `the journal ${this.#options.name} has been opened by a later writer`);
    }
    let state = this.#state;
    let length = this.#length;
    const writes: Write[] = [];
    for (const event of events) {
      state = apply(state, event);
      writes.push(this.#put(tags.event, encode(codec, event), uint64Key(length)));
      length += 1;
    }
    const isSnapshotDue = length - this.#snapshotLength >= this.#snapshotEvery;
    if (isSnapshotDue) {
      writes.push(this.#put(tags.snapshot, encode(this.#snapshotCodec, { length, state })));
      for (let i = this.#snapshotLength; i < length; i++) writes.push(this.#put(tags.event, null, uint64Key(i)));
    }
    store.commit(writes);
    this.#state = state;
    this.#length = length;
    if (isSnapshotDue) this.#snapshotLength = length;
  }

  durable(): Promise<void> {
    return this.#options.store.durable();
  }

  #replay(): void {
    const { store, table, name, apply, event: codec } = this.#options;
    const stored = store.get(table, this.#key(tags.snapshot));
    if (stored !== undefined) {
      const { length, state } = decode(this.#snapshotCodec, stored);
      this.#state = state;
      this.#length = length;
      this.#snapshotLength = length;
    }
    for (const [key, value] of store.range(table, { from: this.#key(tags.event), to: this.#key(tags.event + 1) })) {
      const number = fromUint64Key(key.subarray(key.length - 8));
      if (number !== this.#length) {
        throw new StoreError('corrupt', `the journal ${name} goes from event ${this.#length} to ${number}`);
      }
      this.#state = apply(this.#state, decode(codec, value));
      this.#length += 1;
    }
  }

  #storedWriter(): number | undefined {
    const { store, table } = this.#options;
    const stored = store.get(table, this.#key(tags.writer));
    return stored === undefined ? undefined : decode(uint, stored);
  }

  #put(tag: number, value: Uint8Array | null, number: Uint8Array = new Uint8Array(0)): Write {
    return { table: this.#options.table, key: concatBytes(this.#key(tag), number), value };
  }

  #key(tag: number): Uint8Array {
    return concatBytes(toUtf8(this.#options.name), Uint8Array.of(0, tag));
  }
}
