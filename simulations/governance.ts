import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'governance',
  expects:
    'Governors propose parameters, sound ones and others, while one of four is down for a while and a node is set up ' +
    'anew: what is voted for is in force at one height everywhere, the rest is refused or lapses.',
  validators: 4,
  standbys: 1,
  durationMs: 90_000,
  blockTimeMs: 500,
  faults: (draw) => [
    { kind: 'govern', atMs: 10_000, forMs: 40_000 },
    { kind: 'crash', node: draw.between(0, 3), atMs: draw.between(15_000, 30_000), forMs: 5_000 },
    { kind: 'newcomer', node: 4, atMs: 47_000, forMs: 1_000 },
  ],
} satisfies Scenario;
