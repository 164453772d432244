/** Tells listeners of every block that is final and durable here. */
export class Finality {
  readonly #listeners = new Set<(height: number) => void>();

  readonly announce = (height: number): void => {
    for (const listener of [...this.#listeners]) listener(height);
  };

  subscribe(listener: (height: number) => void): () => void {
    // A wrapper, so that the same function can be subscribed twice.
    const own = (height: number): void => listener(height);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}
