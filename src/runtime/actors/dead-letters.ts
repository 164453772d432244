/** Messages that nobody handled: counted by reason and shown to whoever listens. */
import type { DeadLetter } from '../ports/actors.ts';
import type { Counter, Telemetry } from '../ports/telemetry.ts';
import { Carried } from './mailbox.ts';

export class DeadLetters {
  readonly #listeners = new Set<(letter: DeadLetter) => void>();
  readonly #telemetry: Telemetry;
  readonly #counter: Counter;
  #count = 0;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#counter = telemetry.counter('bpci.runtime.dead_letters', 'Messages that no actor handled, by reason');
  }

  get count(): number {
    return this.#count;
  }

  publish(path: string, message: unknown, reason: DeadLetter['reason']): void {
    this.#count += 1;
    this.#counter.add(1, { reason });
    if (this.#listeners.size === 0) return;
    const letter: DeadLetter = { path, message, reason };
    for (const listener of this.#listeners) {
      try {
        listener(letter);
      } catch (cause) {
        this.#telemetry.log.error('a listener to dead letters failed', { path }, cause);
      }
    }
  }

  /** What was in a mailbox, or was on its way into one. Its ask fails, its credit returns. */
  publishItem(path: string, item: unknown, reason: 'stopped' | 'mailbox-full'): void {
    if (!(item instanceof Carried)) {
      this.publish(path, item, reason);
      return;
    }
    item.consumed?.();
    if (item.guard?.active === false) return;
    this.publish(path, item.message, reason);
    if (reason === 'stopped') item.ask?.fail('target-stopped', `${path} has stopped`);
    else item.ask?.fail('mailbox-full', `the mailbox of ${path} is full`);
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
