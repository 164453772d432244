/** What must hold of the events that nodes tell: the building blocks of checkers for actors of one's own. */

export interface SeenEvent<Event> {
  readonly atMs: number;
  readonly node: number;
  readonly event: Event;
}

/** One run's watch. */
export interface EventWatch<Event> {
  /** Of every event, in order. Says what is wrong, or null. */
  onEvent?(seen: SeenEvent<Event>): string | null;
  /** After the last step: what only the end shows. Times from the start, ms. */
  atEnd?(end: { readonly elapsedMs: number; readonly calmSinceMs: number }): string | null;
}

export interface EventChecker<in Event> {
  readonly name: string;
  /** Made anew for every run. */
  watch(): EventWatch<Event>;
}

type Key = string | number;

/** Of one key there is one value, whoever tells it and however often. Events without a key are none of its business. */
export function agreement<Event>(
  name: string,
  { key, value }: { readonly key: (event: Event) => Key | null; readonly value: (event: Event, node: number) => Key },
): EventChecker<Event> {
  return {
    name,
    watch: () => {
      const known = new Map<Key, { readonly value: Key; readonly node: number }>();
      return {
        onEvent: ({ event, node }) => {
          const place = key(event);
          if (place === null) return null;
          const told = value(event, node);
          const first = known.get(place);
          if (first === undefined) known.set(place, { value: told, node });
          if (first === undefined || first.value === told) return null;
          return `${place}: node ${first.node} says ${first.value}, node ${node} says ${told}`;
        },
      };
    },
  };
}

/** `problem` says what is wrong with an event that must not be, and null of every other. */
export function never<Event>(name: string, problem: (seen: SeenEvent<Event>) => string | null): EventChecker<Event> {
  return { name, watch: () => ({ onEvent: problem }) };
}

/** Once the faults are over, at least one such event comes before the run ends. */
export function eventually<Event>(name: string, isIt: (seen: SeenEvent<Event>) => boolean): EventChecker<Event> {
  return {
    name,
    watch: () => {
      let lastMs = -1;
      return {
        onEvent: (seen) => {
          if (isIt(seen)) lastMs = seen.atMs;
          return null;
        },
        atEnd: ({ calmSinceMs, elapsedMs }) =>
          lastMs >= calmSinceMs
            ? null
            : `nothing of it from ${calmSinceMs} ms, the end of the faults, to ${elapsedMs} ms`,
      };
    },
  };
}

/** A watch of one's own, made anew for every run: for what has a state. */
export function watching<Event>(name: string, watch: () => EventWatch<Event>): EventChecker<Event> {
  return { name, watch };
}
