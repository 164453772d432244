import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'equivocation',
  expects:
    'Two of seven agree to show one block to one half and another to the other: no two are final, and the chain punishes both.',
  validators: 7,
  durationMs: 70_000,
  faults: [
    { kind: 'equivocate', node: 1, atMs: 10_000, forMs: 60_000 },
    { kind: 'equivocate', node: 4, atMs: 10_000, forMs: 60_000 },
  ],
} satisfies Scenario;
