import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'bond-on-its-way-back',
  expects:
    'A validator asks for a part of its bond and contradicts itself before it gets it: what is on its way back is forfeited with the rest, and no money is lost.',
  validators: 4,
  durationMs: 75_000,
  blockTimeMs: 1_000,
  faults: [
    { kind: 'unbond', node: 1, atMs: 2_000, forMs: 25_000 },
    { kind: 'equivocate', node: 1, atMs: 12_000, forMs: 60_000 },
  ],
} satisfies Scenario;
