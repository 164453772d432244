import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'cheating-clients',
  expects:
    'Clients spend what they do not have, use nonces twice and send what has expired, through all nodes at once, while one is down: the books stay right.',
  validators: 4,
  durationMs: 75_000,
  blockTimeMs: 1_000,
  faults: [
    { kind: 'cheat', perSecond: 30, atMs: 5_000, forMs: 28_000 },
    { kind: 'crash', node: 2, atMs: 15_000, forMs: 6_000 },
  ],
} satisfies Scenario;
