import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'minority-isolated',
  expects: 'Two of seven are cut off together: the others go on without them, and they decide nothing by themselves.',
  validators: 7,
  durationMs: 90_000,
  faults: (draw) => {
    const nodes = draw.shuffle([0, 1, 2, 3, 4, 5, 6]);
    return [faults.partition({ groups: [nodes.slice(0, 5), nodes.slice(5)], atMs: 12_000, forMs: 25_000 })];
  },
} satisfies Scenario;
