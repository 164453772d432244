import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'validator-churn',
  expects:
    'Validators are voted in, out and exchanged while one crashes: quorum and turns change, those outside follow, and one that lost everything joins by a snapshot.',
  validators: 5,
  standbys: 2,
  durationMs: 125_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 3,
  faults: (draw) => [
    { kind: 'join', node: 5, atMs: 10_000, forMs: 50_000 },
    { kind: 'leave', node: 2, atMs: draw.between(24_000, 30_000), forMs: 25_000 },
    { kind: 'crash', node: draw.between(3, 5), atMs: draw.between(20_000, 60_000), forMs: 8_000 },
    { kind: 'wipe', node: 6, atMs: 68_000, forMs: 1_000 },
    { kind: 'exchange', node: draw.between(0, 1), by: 6, atMs: draw.between(69_000, 71_000), forMs: 14_000 },
  ],
} satisfies Scenario;
