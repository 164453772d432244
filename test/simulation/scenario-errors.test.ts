/** Goal: a scenario that cannot be run says what is wrong with it and where. Method: one mistake a row. */
import { expect } from 'chai';
import { type Scenario, ScenarioError, simulate } from '../../src/simulation.ts';
import { brief } from './scenarios.ts';

/** As a file without types may hold it. */
const wrong = (change: Readonly<Record<string, unknown>>): Scenario => ({ ...brief, ...change });
const fault = (change: Readonly<Record<string, unknown>>): Scenario =>
  wrong({ faults: [{ kind: 'crash', node: 1, atMs: 100, forMs: 100, ...change }] });

const cases: readonly [scenario: Scenario, message: string][] = [
  [wrong({ name: undefined }), 'scenario (without a name): name: a text is expected'],
  [wrong({ validators: 3 }), 'scenario brief: validators: a whole number from 4 to 31'],
  [wrong({ durationMs: 1_000 }), 'scenario brief: durationMs: a whole number of milliseconds, at least 50000'],
  [wrong({ transfersPerSecond: -1 }), 'scenario brief: transfersPerSecond: a number from 0 to 1000'],
  [wrong({ delayMs: [5, 1] }), 'scenario brief: delayMs: two numbers, the lower one first'],
  [wrong({ effectsMs: [5_000, 10_001] }), 'scenario brief: effectsMs: two whole numbers, the lower one first, at most'],
  [wrong({ standbys: -1 }), 'scenario brief: standbys: a whole number from 0 to 31'],
  [wrong({ violates: ['agreemint'] }), 'scenario brief: violates: names of checkers: agreement, signatures'],
  [wrong({ faults: 'some' }), 'scenario brief: faults: a list, a function that gives one, or "swarm"'],
  [
    fault({ kind: 'flod' }),
    'scenario brief: faults[0].kind: "flod" is no fault; these are: crash, crash-at-effect, wipe',
  ],
  [fault({ node: 4 }), 'scenario brief: faults[0].node: validators are numbered 0 to 3'],
  [fault({ atMs: 1.5 }), 'scenario brief: faults[0].atMs: a whole number of milliseconds'],
  [fault({ forMs: 10_000 }), 'scenario brief: faults[0].forMs: ends 10100 ms after the start; recovery needs the run'],
  [fault({ kind: 'loss', probability: 2 }), 'scenario brief: faults[0].probability: a number from 0 to 1'],
  [fault({ kind: 'restore', copiedAtMs: 200 }), 'scenario brief: faults[0].copiedAtMs: before atMs'],
  [fault({ kind: 'delay', upToMs: -1 }), 'scenario brief: faults[0].upToMs: at most 60000'],
  [fault({ kind: 'clock', offsetMs: 'much' }), 'scenario brief: faults[0].offsetMs: whole milliseconds'],
  [
    fault({ kind: 'partition', groups: [[0], [9]] }),
    'scenario brief: faults[0].groups: validators are numbered 0 to 3',
  ],
  [fault({ forMS: 5 }), 'scenario brief: faults[0].forMS: a crash has no such field; it has: kind, atMs, forMs, node'],
  [fault({ kind: 'withhold', messages: [] }), 'scenario brief: faults[0].messages: a list of: proposal, prepare'],
  [
    wrong({ faults: [1, 2].map((node) => ({ kind: 'replay', node, atMs: 100, forMs: 100 })) }),
    'scenario brief: faults: 2 of 4 validators lie, at most 1 may where nothing is to be violated',
  ],
  [fault({ kind: 'one-way', from: [0], to: [7] }), 'scenario brief: faults[0].to: validators are numbered 0 to 3'],
];

describe('a scenario that cannot be run', () => {
  for (const [scenario, message] of cases) {
    it(`is refused: ${message}`, async () => {
      const refusal = await simulate(scenario, { seed: 1 }).then(
        () => null,
        (error: unknown) => error,
      );
      expect(refusal).to.be.instanceOf(ScenarioError);
      expect((refusal as ScenarioError).message).to.include(message);
    });
  }
});
