/**
 * Time limits of asks. Asks of one limit expire in the order of their making, so one clock timer serves all of them:
 * thousands of asks in flight cost one timer.
 */
import type { Clock, TimerHandle } from '../ports/clock.ts';
import type { Ask } from './ask.ts';

interface Queue {
  readonly asks: Set<Ask>;
  timer: TimerHandle;
}

export class Deadlines {
  readonly #clock: Clock;
  /** By time limit in ms. */
  readonly #queues = new Map<number, Queue>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(ask: Ask, timeoutMs: number): void {
    ask.dueMs = this.#clock.monotonicMs() + timeoutMs;
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      queue = { asks: new Set(), timer: this.#clock.setTimer(timeoutMs, () => this.#expire(timeoutMs)) };
      this.#queues.set(timeoutMs, queue);
    }
    queue.asks.add(ask);
    ask.openByDeadline = queue.asks;
  }

  /** Leaves no timer behind. */
  clear(): void {
    for (const queue of this.#queues.values()) queue.timer.cancel();
    this.#queues.clear();
  }

  #expire(timeoutMs: number): void {
    const queue = this.#queues.get(timeoutMs);
    if (queue === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    for (const ask of queue.asks) {
      if (ask.dueMs > nowMs) {
        queue.timer = this.#clock.setTimer(ask.dueMs - nowMs, () => this.#expire(timeoutMs));
        return;
      }
      ask.fail('timeout', `no answer within ${timeoutMs} ms`);
    }
    this.#queues.delete(timeoutMs);
  }
}
