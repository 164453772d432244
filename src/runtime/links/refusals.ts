/**
 * Refusals by reason. Our own reasons are few; those reported from above may quote what a peer sent, so only
 * `reportedMax` distinct ones are counted by name and the rest as `reported: other`.
 */
const reasonLengthMax = 80;

export class Refusals {
  readonly #counts = new Map<string, number>();
  readonly #reportedMax: number;
  #reported = 0;

  constructor(reportedMax: number) {
    this.#reportedMax = reportedMax;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  countReported(reason: string): void {
    const named = `reported: ${reason.slice(0, reasonLengthMax)}`;
    if (!this.#counts.has(named)) this.#reported += 1;
    this.count(this.#counts.has(named) || this.#reported <= this.#reportedMax ? named : 'reported: other');
  }
}
