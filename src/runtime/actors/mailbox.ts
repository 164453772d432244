/**
 * Messages waiting for one actor: a ring that grows to its capacity and gives memory back after a burst. A message that
 * carries nothing else is stored as it is; one with an ask, a trace, a credit or a condition is wrapped in
 * {@link Carried}.
 */
import type { MailboxOptions } from '../ports/actors.ts';
import type { Ask } from './ask.ts';

/** A message is delivered only while its guard is active: cancelled timers and watches never arrive late. */
export interface Guard {
  active: boolean;
  /** The mailbox has taken the message out. */
  readonly taken?: () => unknown;
}

export class Carried {
  readonly message: unknown;
  readonly ask: Ask | undefined;
  /** W3C traceparent of the work that this message is part of. Spans opened while it is handled change it. */
  trace: string | undefined;
  /** Returns the credit of a message from a link, once. */
  readonly consumed: (() => void) | undefined;
  readonly guard: Guard | undefined;

  constructor(
    message: unknown,
    options: {
      readonly ask?: Ask | undefined;
      readonly trace?: string | undefined;
      readonly consumed?: (() => void) | undefined;
      readonly guard?: Guard | undefined;
    },
  ) {
    this.message = message;
    this.ask = options.ask;
    this.trace = options.trace;
    this.consumed = options.consumed;
    this.guard = options.guard;
  }
}

export type Overflow = NonNullable<MailboxOptions['overflow']>;

/** A sender that waits until there is room for its message. */
export interface Waiter {
  readonly item: unknown;
  admitted(): void;
  refused(): void;
}

const nothing: unknown[] = [];
const slotsMin = 4;
/** A ring larger than this is given back when it runs empty. */
const slotsKept = 1024;

const mailboxCapacityDefault = 10_000;

export class Mailbox {
  length = 0;
  readonly capacity: number;
  readonly overflow: Overflow;
  #slots = nothing;
  #head = 0;
  #waiters: Waiter[] | undefined = undefined;

  constructor(options: MailboxOptions | undefined) {
    this.capacity = options?.capacity ?? mailboxCapacityDefault;
    this.overflow = options?.overflow ?? 'reject';
  }

  get full(): boolean {
    return this.length >= this.capacity;
  }

  /** Appends; the caller has looked at the capacity. */
  push(item: unknown): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length) & (this.#slots.length - 1)] = item;
    this.length += 1;
  }

  /** Takes the oldest out; call only where `length` is above 0. A waiting sender gets the room. */
  shift(): unknown {
    const slots = this.#slots;
    const item = slots[this.#head];
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.length -= 1;
    if (this.#waiters !== undefined) this.#admitWaiting();
    else if (this.length === 0 && slots.length > slotsKept) this.#slots = nothing;
    return item;
  }

  /**
   * Takes out the oldest message that someone else has sent; undefined where there is none. What the actor itself has
   * asked for (guarded: timers, watches, piped work) stays: a flood must not silence its own clock.
   */
  displace(): { readonly item: unknown } | undefined {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let i = 0; i < this.length; i++) {
      const item = slots[(this.#head + i) & last];
      if (item instanceof Carried && item.guard !== undefined) continue;
      for (let j = i; j > 0; j--) slots[(this.#head + j) & last] = slots[(this.#head + j - 1) & last];
      slots[this.#head] = undefined;
      this.#head = (this.#head + 1) & last;
      this.length -= 1;
      return { item };
    }
    return undefined;
  }

  wait(waiter: Waiter): void {
    (this.#waiters ??= []).push(waiter);
  }

  /** Empties the mailbox for good and refuses everyone who waits. */
  drain(onItem: (item: unknown) => void): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    while (this.length > 0) onItem(this.shift());
    this.#slots = nothing;
    this.#head = 0;
    if (waiters !== undefined) for (const waiter of waiters) waiter.refused();
  }

  #admitWaiting(): void {
    const waiters = this.#waiters as Waiter[];
    while (waiters.length > 0 && !this.full) {
      const waiter = waiters.shift() as Waiter;
      this.push(waiter.item);
      waiter.admitted();
    }
    if (waiters.length === 0) this.#waiters = undefined;
  }

  #grow(): void {
    const old = this.#slots;
    const grown = new Array<unknown>(Math.max(slotsMin, old.length * 2));
    for (let i = 0; i < this.length; i++) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}
