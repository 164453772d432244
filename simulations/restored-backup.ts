import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'restored-backup',
  expects:
    'A validator comes back as an old copy of itself, guard included: it abstains until it cannot contradict itself.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => [
    { kind: 'crash', node: 1, atMs: 16_000, forMs: 1_000 },
    {
      kind: 'restore',
      node: 1,
      copiedAtMs: draw.between(10_000, 15_000),
      atMs: draw.between(25_000, 30_000),
      forMs: draw.between(100, 15_000),
    },
  ],
} satisfies Scenario;
