/**
 * When a group of log entries is written where decisions are gathered (`batch`): once it is full or has waited long enough, so that
 * one fsync covers many decisions. The delay counts from the oldest request of the group.
 */
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';

export interface GatherLimits {
  /** A group of so many is written at once. */
  readonly entriesMax: number;
  /** No entry waits longer for others, ms. */
  readonly delayMs: number;
}

export class Gathering {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly #limits: GatherLimits;
  #timer: TimerHandle | null = null;
  #wakeMs = Number.POSITIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'setTimer'>, limits: GatherLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Monotonic ms at which a group with a request that came then (absent: now) has to be written. */
  dueMs(receivedMs = this.#clock.monotonicMs()): number {
    return receivedMs + this.#limits.delayMs;
  }

  isDue(entries: number, dueMs: number): boolean {
    return entries >= this.#limits.entriesMax || this.#clock.monotonicMs() >= dueMs;
  }

  /** Calls `wake` once, not before `dueMs`; an earlier call than the one that is set takes its place. */
  wakeAt(dueMs: number, wake: () => void): void {
    if (this.#timer !== null && this.#wakeMs <= dueMs) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#wakeMs = dueMs;
    this.#timer = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.monotonicMs()), () => {
      this.#timer = null;
      wake();
    });
  }
}
