import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'round-change-storm',
  expects:
    'Links that break each other’s rounds drive the validators to different and ever higher ones: after that the next ' +
    'block comes within the bound, whatever round was reached.',
  validators: 4,
  durationMs: 100_000,
  faults: (draw) => {
    const [a = 0, b = 1, c = 2, d = 3] = draw.shuffle([0, 1, 2, 3]);
    const pairs = [
      [a, b],
      [c, d],
    ] as const;
    return [
      faults.partialPartition({ pairs, atMs: 12_000, forMs: 20_000 }),
      faults.oneWay({ from: [a, c], to: [d], atMs: 18_000, forMs: 20_000 }),
      faults.slowLink({ nodes: [b], upToMs: 3_000, atMs: 25_000, forMs: 15_000 }),
    ];
  },
} satisfies Scenario;
