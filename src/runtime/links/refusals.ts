/** Refusals by reason. Reasons partly come from above: beyond `reasonsMax` distinct ones they are counted as `other`. */
export class Refusals {
  readonly #counts = new Map<string, number>();
  readonly #reasonsMax: number;

  constructor(reasonsMax: number) {
    this.#reasonsMax = reasonsMax;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  count(reason: string): void {
    const isKnown = this.#counts.has(reason) || this.#counts.size < this.#reasonsMax;
    const counted = isKnown ? reason : 'other';
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }
}
