/**
 * Phi-accrual failure detection. Source: Hayashibara, Défago, Yared, Katayama, "The φ accrual failure detector" (SRDS
 * 2004): intervals between heartbeats are taken as normally distributed; φ = −log10 of the probability that the next
 * one is later than now.
 *
 * Deviation: φ is not computed. It grows with z = (silence − mean) / deviation and nothing else, so "φ ≥ 8" is compared
 * as z ≥ 5.612. No transcendental function takes part, so that a simulation gives the same verdicts on every machine.
 */

/** P(Z > 5.612) = 10⁻⁸ for a standard normal Z: φ = 8. */
const zOfPhi8 = 5.612;
const windowLength = 64;

export class Suspicion {
  readonly #intervals: number[] = [];
  readonly #deviationMinMs: number;
  #next = 0;
  #sum = 0;
  #squares = 0;
  #heardAtMs: number;

  /** Until intervals are seen, they are assumed to be `intervalMs` and its quarter. */
  constructor(intervalMs: number, nowMs: number) {
    this.#deviationMinMs = intervalMs / 4;
    this.#heardAtMs = nowMs;
    this.#learn(intervalMs - this.#deviationMinMs);
    this.#learn(intervalMs + this.#deviationMinMs);
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** A heartbeat came, whose sender says that it was `lateMs` late by its own doing. */
  onHeartbeat(nowMs: number, lateMs: number): void {
    const intervalMs = nowMs - this.#heardAtMs;
    this.#heardAtMs = nowMs;
    this.#learn(Math.max(0, intervalMs - Math.min(lateMs, intervalMs)));
  }

  /** This node itself did not listen for so long: not the peer's silence. */
  forgive(lateMs: number, nowMs: number): void {
    this.#heardAtMs = Math.min(nowMs, this.#heardAtMs + lateMs);
  }

  /** Whether φ ≥ 8. */
  isSuspect(nowMs: number): boolean {
    const count = this.#intervals.length;
    const mean = this.#sum / count;
    const variance = Math.max(0, this.#squares / count - mean * mean);
    const deviation = Math.max(this.#deviationMinMs, Math.sqrt(variance));
    return nowMs - this.#heardAtMs - mean >= zOfPhi8 * deviation;
  }

  #learn(intervalMs: number): void {
    const replaced = this.#intervals.length < windowLength ? 0 : (this.#intervals[this.#next] ?? 0);
    this.#intervals[this.#next] = intervalMs;
    this.#next = (this.#next + 1) % windowLength;
    this.#sum += intervalMs - replaced;
    this.#squares += intervalMs * intervalMs - replaced * replaced;
  }
}
