import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'mempool-flood',
  expects:
    'Two validators are sent far more than they can want, most of it unsound: blocks keep their pace, and what was taken is in them.',
  validators: 4,
  durationMs: 75_000,
  faults: [
    { kind: 'flood', node: 1, perSecond: 300, atMs: 10_000, forMs: 14_000 },
    { kind: 'flood', node: 3, perSecond: 150, atMs: 18_000, forMs: 14_000 },
    { kind: 'crash', node: 1, atMs: 22_000, forMs: 3_000 },
  ],
} satisfies Scenario;
