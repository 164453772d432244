/**
 * Days, months and years of a moment, without a clock: the windows of counters and the day as of which policies hold.
 * Proleptic Gregorian calendar.
 */
import type { Day } from '../policy/facts.ts';

const dayMs = 86_400_000;
const daysTo1970 = 719_468;
const daysOfEra = 146_097;

interface Date {
  readonly year: number;
  /** 1–12 */
  readonly month: number;
  /** 1–31 */
  readonly day: number;
}

/** Counted in years that begin in March, so that the leap day is the last one. Source: H. Hinnant, "chrono-compatible low-level date algorithms". */
function dateOf(timeMs: number, offsetMs: number): Date {
  const days = Math.floor((timeMs + offsetMs) / dayMs) + daysTo1970;
  const era = Math.floor(days / daysOfEra);
  const dayOfEra = days - era * daysOfEra;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / (daysOfEra - 1));
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

const padded = (value: number, width: number): string => String(value).padStart(width, '0');

/** `YYYY-MM-DD` at UTC. `timeMs` is in milliseconds since 1970. */
export function utcDay(timeMs: number): Day {
  const { year, month, day } = dateOf(timeMs, 0);
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}

/** `YYYY` at UTC+08:00. */
export const chinaYear = (timeMs: number): string => padded(dateOf(timeMs, 8 * 3_600_000).year, 4);

/** `YYYY-MM` at UTC of the moment's month and of the eleven before it, the newest first. */
export function twelveMonths(timeMs: number): readonly string[] {
  const { year, month } = dateOf(timeMs, 0);
  const index = year * 12 + month - 1;
  return Array.from({ length: 12 }, (_, back) => {
    const at = index - back;
    return `${padded(Math.floor(at / 12), 4)}-${padded((at % 12) + 1, 2)}`;
  });
}
