import type { LinkLimits } from './limits.ts';

/** What a peer's past behaviour allows it: how often it may connect, and how long it stays out after abuse. */
export class Standing {
  readonly #limits: LinkLimits;
  #allowance: number;
  #allowanceAtMs: number;
  #reports = 0;
  #reportsAtMs: number;
  #violations = 0;
  #outUntilMs = 0;

  constructor(limits: LinkLimits, nowMs: number) {
    this.#limits = limits;
    this.#allowance = limits.acceptBurst;
    this.#allowanceAtMs = nowMs;
    this.#reportsAtMs = nowMs;
  }

  /** Milliseconds for which the peer is still kept out. */
  outForMs(nowMs: number): number {
    return Math.max(0, this.#outUntilMs - nowMs);
  }

  /** Takes one connection from the allowance; false where none is left. */
  mayConnect(nowMs: number): boolean {
    const grown = this.#allowance + ((nowMs - this.#allowanceAtMs) / 1000) * this.#limits.acceptPerSecond;
    this.#allowance = Math.min(this.#limits.acceptBurst, grown);
    this.#allowanceAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
  }

  /** One report from above; true where it was one too many. Reports fade by one a second. */
  report(nowMs: number): boolean {
    this.#reports = Math.max(0, this.#reports - (nowMs - this.#reportsAtMs) / 1000) + 1;
    this.#reportsAtMs = nowMs;
    if (this.#reports <= this.#limits.reportsMax) return false;
    this.#reports = 0;
    return true;
  }

  /** The peer broke the protocol: it stays out, twice as long each time. */
  punish(nowMs: number): void {
    const { penaltyMinMs, penaltyMaxMs } = this.#limits;
    this.#outUntilMs = nowMs + Math.min(penaltyMaxMs, penaltyMinMs * 2 ** Math.min(20, this.#violations));
    this.#violations += 1;
  }

  /** The peer has been linked for long without a fault. */
  forgive(): void {
    this.#violations = 0;
  }
}
