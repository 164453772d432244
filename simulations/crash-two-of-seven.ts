import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'crash-two-of-seven',
  expects: 'Two of seven are down together, as many as may be: blocks go on, and both catch up.',
  validators: 7,
  durationMs: 90_000,
  faults: (draw) => {
    const [first = 0, second = 1] = draw.shuffle([0, 1, 2, 3, 4, 5, 6]);
    return [
      { kind: 'crash', node: first, atMs: draw.between(10_000, 14_000), forMs: 30_000 },
      { kind: 'crash', node: second, atMs: draw.between(14_000, 18_000), forMs: 30_000 },
    ];
  },
} satisfies Scenario;
