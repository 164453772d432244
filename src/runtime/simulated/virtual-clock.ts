/**
 * Time that moves only when it is told to. Timers fire in the order of (due time, priority, order of setting), so that a
 * run is a function of its inputs alone.
 */
import type { Clock, TimerHandle } from '../ports/clock.ts';

interface Entry extends TimerHandle {
  readonly dueMs: number;
  readonly priority: number;
  readonly sequence: number;
  readonly callback: () => void;
  /** Place in the heap; -1 once it has left. */
  index: number;
}

function before(a: Entry, b: Entry): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  return a.priority !== b.priority ? a.priority < b.priority : a.sequence < b.sequence;
}

export interface VirtualClockOptions {
  /** Wall time at which the clock starts; the monotonic time starts at 0. */
  readonly nowMs?: number;
  /** Asked once for every timer: of those due at one moment the lowest fires first. Default: in the order of setting. */
  readonly priority?: () => number;
}

export class VirtualClock implements Clock {
  readonly #heap: Entry[] = [];
  readonly #startMs: number;
  readonly #priority: () => number;
  #elapsedMs = 0;
  #sequence = 0;

  constructor(options: VirtualClockOptions = {}) {
    this.#startMs = options.nowMs ?? 1_700_000_000_000;
    this.#priority = options.priority ?? (() => 0);
  }

  now(): number {
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    return this.#set(delayMs, this.#priority(), callback);
  }

  /** The same clock for others, whose timers draw from another stream: setting them shifts the priorities of none of these. */
  withPriority(priority: () => number): Clock {
    return {
      now: () => this.now(),
      monotonicMs: () => this.monotonicMs(),
      setTimer: (delayMs, callback) => this.#set(delayMs, priority(), callback),
    };
  }

  /** Timers that have not fired yet. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Monotonic time of the next timer; undefined where there is none. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Moves time to the next timer and fires it. False where there is none. */
  runNext(): boolean {
    const next = this.#heap[0];
    if (next === undefined) return false;
    this.#remove(next);
    this.#elapsedMs = next.dueMs;
    next.callback();
    return true;
  }

  /** Fires everything due up to the monotonic time `targetMs`, also what is set meanwhile, then stands there. */
  advanceTo(targetMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= targetMs; next = this.#heap[0]) this.runNext();
    if (targetMs > this.#elapsedMs) this.#elapsedMs = targetMs;
  }

  advanceBy(durationMs: number): void {
    this.advanceTo(this.#elapsedMs + durationMs);
  }

  #set(delayMs: number, priority: number, callback: () => void): TimerHandle {
    const delay = delayMs > 0 ? delayMs : 0;
    const entry: Entry = {
      dueMs: this.#elapsedMs + delay,
      priority,
      sequence: this.#sequence++,
      callback,
      index: -1,
      cancel: () => this.#remove(entry),
    };
    this.#insert(entry);
    return entry;
  }

  #insert(entry: Entry): void {
    this.#heap.push(entry);
    this.#rise(entry, this.#heap.length - 1);
  }

  #remove(entry: Entry): void {
    const hole = entry.index;
    if (hole === -1) return;
    entry.index = -1;
    const last = this.#heap.pop() as Entry;
    if (last === entry) return;
    this.#rise(last, hole);
    this.#sink(last, last.index);
  }

  #rise(entry: Entry, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt] as Entry;
      if (!before(entry, parent)) break;
      this.#place(parent, at);
      at = parentAt;
    }
    this.#place(entry, at);
  }

  #sink(entry: Entry, from: number): void {
    const { length } = this.#heap;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= length) break;
      const right = this.#heap[childAt + 1];
      if (right !== undefined && before(right, this.#heap[childAt] as Entry)) childAt += 1;
      const child = this.#heap[childAt] as Entry;
      if (!before(child, entry)) break;
      this.#place(child, at);
      at = childAt;
    }
    this.#place(entry, at);
  }

  #place(entry: Entry, at: number): void {
    this.#heap[at] = entry;
    entry.index = at;
  }
}
