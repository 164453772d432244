/**
 * Goal: a saved schedule comes back as it was, and one that cannot be run says in which line why. Method: round trips, and
 * one mistake a row in a file of known lines.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { JsonError, parsePlacedJson } from '../../src/simulation/json-places.ts';
import { fieldName, fieldPath, parseSchedule, ScheduleFileError } from '../../src/simulation/schedule-file.ts';
import { formatSystemSchedule, type SystemSchedule, systemScheduleOf } from '../../src/simulation/system-schedule.ts';

const saved: SystemSchedule = {
  note: 'A note with "quotes" and a line\nbreak.',
  found: { checker: 'agreement', atMs: 12.5, detail: 'two blocks' },
  run: {
    seed: '42.1',
    scenario: {
      ...{ name: 'saved', expects: 'Nothing.', validators: 4, durationMs: 60_000, delayMs: [5, 50] },
      faults: [
        { kind: 'crash', node: 1, atMs: 11_000, forMs: 500 },
        {
          kind: 'partition',
          groups: [
            [0, 1],
            [2, 3],
          ],
          atMs: 12_000,
          forMs: 500,
        },
      ],
    },
  },
};

const text = formatSystemSchedule(saved);
const read = (content: string): SystemSchedule => systemScheduleOf(parseSchedule(content, 'some.json'));

describe('a saved schedule', () => {
  it('comes back as it was saved', () => {
    expect(read(text)).to.deep.equal(saved);
    expect(formatSystemSchedule(read(text))).to.equal(text);
  });

  it('has one fault a line, so that people can read it and compare two', () => {
    expect(text.split('\n').filter((line) => line.includes('"kind":"'))).to.have.length(2);
  });

  const cases: readonly [from: string, to: string, line: number, message: string][] = [
    ['"bpci-schedule"', '"other"', 2, 'format: "bpci-schedule" is expected'],
    ['"version": 1', '"version": 2', 3, 'version: 2 is another version of the format: this program reads version 1'],
    ['"version": 1', '"versions": 1', 1, 'version: none is another version'],
    ['"kind": "system"', '"kind": "network"', 4, 'kind: one of system, actors, protocol'],
    ['"seed": "42.1"', '"seed": 42', 6, 'seed: a text is expected'],
    ['"validators": 4', '"validators": 3', 10, 'scenario.validators: a whole number from 4'],
    ['"validators": 4', '"validators": [4, 7]', 10, 'scenario.validators: a number: a schedule leaves nothing to draw'],
    ['"kind":"crash"', '"kind":"earthquake"', 15, 'faults[0].kind: "earthquake" is no fault; these are: crash'],
    ['"groups":[[0,1]', '"groups":[[0,9]', 16, 'faults[1].groups: validators are numbered 0 to 3'],
    ['"forMs":500}\n', '"forMs":90000}\n', 16, 'faults[1].forMs: ends 102000 ms after the start'],
    ['"checker": "agreement"', '"checker": 5', 18, 'found: null, or what was violated'],
    ['"atMs":11000', '"atMs":110 00', 15, 'not JSON: "," or "}" is expected, found "00'],
    ['\n}\n', '\n', 23, 'not JSON: "," or "}" is expected, found the end'],
  ];
  for (const [from, to, line, message] of cases) {
    it(`with ${to.trim() || 'its end missing'} is refused in line ${line}`, () => {
      expect(text).to.include(from);
      const damaged = text.slice(0, text.lastIndexOf(from)) + to + text.slice(text.lastIndexOf(from) + from.length);
      expect(() => read(damaged))
        .to.throw(ScheduleFileError)
        .with.property('message')
        .that.matches(new RegExp(`^some\\.json:${line}: `))
        .and.includes(message);
    });
  }
});

describe('JSON with the lines of its values', () => {
  it('is read as the engine reads it', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (json, indent) => {
        const expected: unknown = JSON.parse(json);
        expect(parsePlacedJson(JSON.stringify(expected, null, indent)).value).to.deep.equal(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused where the engine refuses it', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('"', ',', '}', ']', 'x', '\u0001', '\\'), (json, at, put) => {
        const place = at % (json.length + 1);
        const damaged = json.slice(0, place) + put + json.slice(place);
        const byEngine = outcomeOf(() => JSON.parse(damaged) as unknown);
        const byPlaces = outcomeOf(() => parsePlacedJson(damaged).value);
        // What is there twice is refused here alone.
        if (byPlaces === 'twice') return;
        expect(byPlaces).to.deep.equal(byEngine);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the line of each value', () => {
    const placed = parsePlacedJson('{\n "a": [\n  1,\n  {"b": null}\n ],\n "c": 2\n}');
    const lines = [['a'], ['a', 1, 'b'], ['a', 7], ['c'], ['d'], []].map((path) => placed.lineOf(path));
    expect(lines).to.deep.equal([2, 4, 2, 6, 1, 1]);
  });

  it('names fields as errors do, and finds them by their names', () => {
    const path = ['faults', 3, 'groups', 0];
    expect(fieldName(path)).to.equal('faults[3].groups[0]');
    expect(fieldPath('faults[3].groups[0]')).to.deep.equal(path);
  });
});

function outcomeOf(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof JsonError && error.message.includes('twice')) return 'twice';
    return 'refused';
  }
}
