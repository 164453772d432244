import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'partition-heal',
  expects: 'Neither side has a quorum and neither decides; after healing the next block comes within the bound.',
  validators: 7,
  durationMs: 90_000,
  faults: (draw) => {
    const nodes = draw.shuffle([0, 1, 2, 3, 4, 5, 6]);
    return [{ kind: 'partition', groups: [nodes.slice(0, 4), nodes.slice(4)], atMs: 12_000, forMs: 30_000 }];
  },
} satisfies Scenario;
