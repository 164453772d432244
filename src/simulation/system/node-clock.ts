/**
 * The clocks of one machine, which may be wrong: its wall clock stands off from true time, and its oscillator, which all
 * of its clocks and timers share, runs fast or slow.
 */
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';

/** Below what a timer may be early by rounding, ms. */
const roundingMs = 1e-6;

export class NodeClock implements Clock {
  /** Of the wall clock to what the oscillator makes of the time, ms. May be changed at any time. */
  offsetMs = 0;
  readonly #clock: Clock;
  /** Whole, so that what is added and taken away again leaves nothing. */
  #partsPerMillion = 0;
  /** Where the present rate began. */
  #own = { trueMs: 0, ownMs: 0 };
  /** How far the oscillator has come from true time in all. */
  #driftMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From the start of the run. */
  get trueMs(): number {
    return this.#clock.monotonicMs();
  }

  now(): number {
    return this.#clock.now() + Math.floor(this.offsetMs + this.#driftMs + this.#drifting());
  }

  monotonicMs(): number {
    return this.#own.ownMs + (this.#clock.monotonicMs() - this.#own.trueMs) * this.#rate;
  }

  /** Whoever waits for what is left of a time, found too short by rounding, must come to its end: no wait is shorter. */
  setTimer(askedMs: number, callback: () => void): TimerHandle {
    const delayMs = askedMs > 0 ? Math.max(askedMs, roundingMs) : askedMs;
    if (this.isRight) return this.#clock.setTimer(delayMs, callback);
    const dueMs = this.monotonicMs() + delayMs;
    const wait = (): TimerHandle =>
      this.#clock.setTimer((dueMs - this.monotonicMs()) / this.#rate, () => {
        // The oscillator may have become slower meanwhile.
        if (dueMs - this.monotonicMs() > roundingMs) handle = wait();
        else callback();
      });
    let handle = wait();
    return { cancel: () => handle.cancel() };
  }

  /** Its oscillator is off by so much more, fast where positive. Timers set while it was right keep to true time. */
  drift(partsPerMillion: number): void {
    const ownMs = this.monotonicMs();
    this.#driftMs += this.#drifting();
    this.#own = { trueMs: this.#clock.monotonicMs(), ownMs };
    this.#partsPerMillion += partsPerMillion;
  }

  /** Whether its oscillator is. */
  get isRight(): boolean {
    return this.#partsPerMillion === 0;
  }

  /** The wall clock is set by somebody who knows the time. */
  setRight(): void {
    this.#driftMs = -this.#drifting();
  }

  /** Own seconds in a true one. */
  get #rate(): number {
    return 1 + this.#partsPerMillion / 1e6;
  }

  /** At the present rate. */
  #drifting(): number {
    return (this.#clock.monotonicMs() - this.#own.trueMs) * (this.#partsPerMillion / 1e6);
  }
}
