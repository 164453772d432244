import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'crash-one',
  expects:
    'With one of four validators down the others go on; it catches up and contradicts nothing that it has signed.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => [
    { kind: 'crash', node: 2, atMs: draw.between(10_000, 15_000), forMs: draw.between(100, 20_000) },
    { kind: 'crash', node: 2, atMs: draw.between(36_000, 40_000), forMs: draw.between(100, 10_000) },
  ],
} satisfies Scenario;
