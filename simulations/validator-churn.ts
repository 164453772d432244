import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'validator-churn',
  expects:
    'Validators are voted in, exchanged and voted out while one crashes: quorum and turns change, and those outside follow.',
  validators: 5,
  standbys: 2,
  durationMs: 120_000,
  faults: (draw) => [
    { kind: 'join', node: 5, atMs: 10_000, forMs: 50_000 },
    { kind: 'exchange', node: draw.between(0, 1), by: 6, atMs: draw.between(16_000, 22_000), forMs: 36_000 },
    { kind: 'leave', node: 2, atMs: draw.between(34_000, 40_000), forMs: 30_000 },
    { kind: 'crash', node: draw.between(3, 6), atMs: draw.between(20_000, 60_000), forMs: 8_000 },
  ],
} satisfies Scenario;
