/** Virtual milliseconds, and a seeded random stream: the same seed gives the same run. */

export type Random = () => number;

/** Uniform in [0, 1) (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export const integerBelow = (random: Random, bound: number): number => Math.floor(random() * bound);

interface Event {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Callbacks in order of time, then of scheduling. */
export class EventQueue {
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  after(delayMs: number, callback: () => void): void {
    const heap = this.#heap;
    const event = { at: this.now + delayMs, order: this.#order++, callback };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = event;
  }

  /** Runs what is due until the time, while the condition (asked before every callback) holds. */
  run(until: number, goesOn: () => boolean): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= until) {
      if (!goesOn()) return;
      const next = this.#take();
      this.now = next.at;
      next.callback();
    }
    if (goesOn()) this.now = Math.max(this.now, until);
  }

  #take(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
