/**
 * Runs what was asked for once the present turn's synchronous work is done (a microtask), in the order asked. One
 * microtask serves all lanes. The microtask queue is part of the language and as deterministic as the callbacks it
 * follows.
 */
export class TurnEnd {
  #waiting: (() => void)[] = [];

  defer(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#waiting.length === 1) void Promise.resolve().then(() => this.#run());
  }

  #run(): void {
    const callbacks = this.#waiting;
    this.#waiting = [];
    let done = 0;
    try {
      for (const callback of callbacks) {
        done += 1;
        callback();
      }
    } finally {
      // One that throws is a bug of whom it belongs to, and must not silence the other lanes.
      for (const callback of callbacks.slice(done)) this.defer(callback);
    }
  }
}
