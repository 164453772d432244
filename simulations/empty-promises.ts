import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'empty-promises',
  expects:
    'One of four claims heights that are not there and has no block for anybody: those who were cut off, and one that lost its disk, catch up from the others.',
  validators: 4,
  durationMs: 110_000,
  blockTimeMs: 1_000,
  faults: [
    { kind: 'empty-promises', node: 0, atMs: 5_000, forMs: 105_000 },
    { kind: 'partition', groups: [[1], [0, 2, 3]], atMs: 15_000, forMs: 8_000 },
    { kind: 'partition', groups: [[2], [0, 1, 3]], atMs: 26_000, forMs: 8_000 },
    { kind: 'wipe', node: 3, atMs: 68_000, forMs: 1_000 },
  ],
} satisfies Scenario;
