/** Requests that were not decided: all counted, one a second and reason written down, so that a flood does not fill the log. */
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Counter, Telemetry } from '../../runtime/ports/telemetry.ts';
import type { Refusal } from './messages.ts';

const logEveryMs = 1000;

export class Refusals {
  readonly #telemetry: Telemetry;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #counter: Counter;
  readonly #byReason = new Map<Refusal, { loggedMs: number; unlogged: number }>();

  constructor(telemetry: Telemetry, clock: Pick<Clock, 'monotonicMs'>) {
    this.#telemetry = telemetry;
    this.#clock = clock;
    this.#counter = telemetry.counter('bpci.traffic.refused', 'Requests that were not decided');
  }

  /** @param sample tells of one of them, for whoever looks for the cause */
  note(reason: Refusal, count: number, sample: Readonly<Record<string, string>> = {}): void {
    if (count === 0) return;
    this.#counter.add(count, { reason });
    const nowMs = this.#clock.monotonicMs();
    const before = this.#byReason.get(reason) ?? { loggedMs: Number.NEGATIVE_INFINITY, unlogged: 0 };
    const requests = before.unlogged + count;
    const isDue = nowMs - before.loggedMs >= logEveryMs;
    this.#byReason.set(reason, isDue ? { loggedMs: nowMs, unlogged: 0 } : { ...before, unlogged: requests });
    if (isDue) this.#telemetry.log.warn('requests are refused', { reason, requests, ...sample });
  }
}
