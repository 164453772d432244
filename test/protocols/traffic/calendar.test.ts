/** Goal: days, months and years begin when they do, for every moment. Method: the edges by hand; against the platform’s calendar. */
import { expect } from 'chai';
import fc from 'fast-check';
import { chinaYear, twelveMonths, utcDay } from '../../../src/protocols/traffic/calendar.ts';

const at = (text: string): number => Date.parse(text);
const lastMoment = at('9999-12-31T15:59:59.999Z');

describe('the calendar of counters', () => {
  const days: readonly (readonly [string, string])[] = [
    ['1970-01-01T00:00:00.000Z', '1970-01-01'],
    ['1999-12-31T23:59:59.999Z', '1999-12-31'],
    ['2000-02-29T00:00:00.000Z', '2000-02-29'],
    ['2000-02-29T23:59:59.999Z', '2000-02-29'],
    ['2000-03-01T00:00:00.000Z', '2000-03-01'],
    ['2023-02-28T23:59:59.999Z', '2023-02-28'],
    ['2023-03-01T00:00:00.000Z', '2023-03-01'],
    ['2024-02-29T12:00:00.000Z', '2024-02-29'],
    ['2100-02-28T23:59:59.999Z', '2100-02-28'],
    ['2100-03-01T00:00:00.000Z', '2100-03-01'],
    ['2400-02-29T00:00:00.000Z', '2400-02-29'],
  ];
  for (const [moment, day] of days) it(`${moment} is on ${day}`, () => expect(utcDay(at(moment))).to.equal(day));

  it('begins a Chinese year at 16:00 UTC of the day before', () => {
    expect(chinaYear(at('2025-12-31T15:59:59.999Z'))).to.equal('2025');
    expect(chinaYear(at('2025-12-31T16:00:00.000Z'))).to.equal('2026');
    expect(chinaYear(at('2026-01-01T00:00:00.000Z'))).to.equal('2026');
  });

  it('counts twelve months back over the turn of a year, the newest first', () => {
    const months = twelveMonths(at('2026-01-31T23:59:59.999Z'));
    expect(months).to.deep.equal([
      ...['2026-01', '2025-12', '2025-11', '2025-10', '2025-09', '2025-08'],
      ...['2025-07', '2025-06', '2025-05', '2025-04', '2025-03', '2025-02'],
    ]);
    const next = twelveMonths(at('2026-02-01T00:00:00.000Z'));
    expect(next).to.deep.equal(['2026-02', ...months.slice(0, 11)]);
    expect(twelveMonths(at('2025-12-31T23:59:59.999Z')).at(-1)).to.equal('2025-01');
  });

  it('is the platform’s, for every moment up to the year 9999', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: lastMoment }), (moment) => {
        const day = new Date(moment).toISOString().slice(0, 10);
        expect(utcDay(moment)).to.equal(day);
        expect(twelveMonths(moment)[0]).to.equal(day.slice(0, 7));
        expect(chinaYear(moment)).to.equal(new Date(moment + 8 * 3_600_000).toISOString().slice(0, 4));
      }),
      { numRuns: 2000 },
    );
  });
});
