/** Tells listeners of every block that is final and durable here. */
export class Finality {
  readonly #listeners = new Set<(height: number) => void>();
  readonly #historyListeners = new Set<() => void>();

  readonly announce = (height: number): void => {
    for (const listener of [...this.#listeners]) listener(height);
  };

  subscribe(listener: (height: number) => void): () => void {
    // A wrapper, so that the same function can be subscribed twice.
    const own = (height: number): void => listener(height);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Blocks before a snapshot, which were never announced, have been filled in. */
  readonly historyFilled = (): void => {
    for (const listener of [...this.#historyListeners]) listener();
  };

  subscribeHistory(listener: () => void): () => void {
    const own = (): void => listener();
    this.#historyListeners.add(own);
    return () => this.#historyListeners.delete(own);
  }
}
