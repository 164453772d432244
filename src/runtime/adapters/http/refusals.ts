import type { Telemetry } from '../../ports/telemetry.ts';

/** Counts refusals for `/v1/node/refusals` and for the metrics. Reasons are a closed set, so this stays small. */
export class Refusals {
  readonly counts = new Map<string, number>();
  readonly #counter;

  readonly #onRefused: ((reason: string) => void) | undefined;

  /** @param onRefused told of every refusal too */
  constructor(telemetry: Telemetry, onRefused?: (reason: string) => void) {
    this.#onRefused = onRefused;
    this.#counter = telemetry.counter('bpci.http.refusals', 'Requests and connections refused, by reason');
  }

  readonly add = (reason: string): void => {
    const known = this.counts.has(reason) || this.counts.size < 256 ? reason : 'other';
    this.counts.set(known, (this.counts.get(known) ?? 0) + 1);
    this.#counter.add(1, { reason: known });
    this.#onRefused?.(known);
  };
}
