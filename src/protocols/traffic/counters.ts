/**
 * Cumulative thresholds. Persons are counted a subject (tenant), counter and window: a year at UTC+08:00 for the PIPL's, twelve
 * monthly buckets for those of 28 CFR 202.205. Slices are leased on chain; a light spends only what it leased, and what
 * another light leased and has not reported counts as spent.
 * Source: policy-and-traffic design, "Facts".
 */
import type { Digest } from '../shared/brands.ts';
import { toUtf8 } from '../shared/bytes.ts';
import { type Codec, struct, textMax, uint } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { counterNames, type CounterName } from '../policy/vocabulary.ts';
import { chinaYear, twelveMonths } from './calendar.ts';

/** Persons at most in one declaration and one lease, so that sums stay exact. */
export const personsMax = 1_000_000_000_000;

export interface Spend {
  readonly counter: CounterName;
  readonly window: string;
  readonly persons: number;
}

export const spendCodec: Codec<Spend> = struct<Spend>({
  counter: textMax(64) as Codec<CounterName>,
  window: textMax(16),
  persons: uint,
});

const yearlyCounters: ReadonlySet<CounterName> = new Set(['piplPersons', 'piplSensitivePersons']);

/** Windows that count at a moment, that of the moment first: what is spent now is spent in that one. */
const windowsOf = (counter: CounterName, timeMs: number): readonly string[] =>
  yearlyCounters.has(counter) ? [chinaYear(timeMs)] : twelveMonths(timeMs);

/** Whose persons are counted: the same for every light. Tenants' names are public, those of persons never come here. */
export const counterSubject = (tenant: string): Digest => taggedHash('bpci/traffic-subject/v1', toUtf8(tenant));

/** What the light knows of one subject's counter in one window. */
export interface CounterStanding {
  /** By all lights: reported as spent, and leased since. */
  readonly total: number;
  /** Own part of that: reported as spent, and leased since. */
  readonly granted: number;
  /** Spent by this light, all in all. */
  readonly spent: number;
}

/** Persons that this light may still let pass. */
export const remaining = ({ granted, spent }: CounterStanding): number => Math.max(0, granted - spent);

export interface CounterValue {
  readonly counter: CounterName;
  /** Persons before, everything unknown counted as spent, and those of the request. */
  readonly value: number;
  /** Where the request's own would be spent. */
  readonly window: string;
  readonly persons: number;
  /** Whether the lease covers them. */
  readonly isLeased: boolean;
}

/** The counters that a request declares, as they would stand after it. */
export function valuesOf(
  declared: Readonly<Record<CounterName, number>>,
  timeMs: number,
  standing: (counter: CounterName, window: string) => CounterStanding,
): readonly CounterValue[] {
  const values: CounterValue[] = [];
  for (const counter of counterNames) {
    const persons = declared[counter];
    if (persons === 0) continue;
    const windows = windowsOf(counter, timeMs);
    let value = persons;
    for (const window of windows) {
      const known = standing(counter, window);
      value += known.total - remaining(known);
    }
    const [window] = windows as readonly [string];
    values.push({ counter, value, window, persons, isLeased: remaining(standing(counter, window)) >= persons });
  }
  return values;
}
