/** What happened to each agreement and each case, in order, from the chain's events. */
import type { EventView } from '../../runtime/ports/chain-api.ts';

/** Kept of one agreement or case; the oldest go first. */
const eventsMax = 1000;

export class Timelines {
  readonly #bySubject = new Map<string, EventView[]>();
  /** Id of the last event that was taken, whatever it was about. */
  #last: string | null = null;

  get last(): string | null {
    return this.#last;
  }

  add(events: readonly EventView[]): void {
    for (const event of events) {
      this.#last = event.id;
      if (event.module !== 'court' && event.module !== 'agreements') continue;
      for (const subject of [event.attributes['case'], event.attributes['agreement']]) {
        if (typeof subject === 'string') this.#note(subject, event);
      }
    }
  }

  /** Oldest first; empty for what nothing happened to. */
  of(subject: string): readonly EventView[] {
    return this.#bySubject.get(subject) ?? [];
  }

  #note(subject: string, event: EventView): void {
    const known = this.#bySubject.get(subject);
    if (known === undefined) this.#bySubject.set(subject, [event]);
    else {
      known.push(event);
      if (known.length > eventsMax) known.shift();
    }
  }
}
