import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'withheld-proposals',
  expects:
    'One of four keeps its proposals to itself, later its votes too: each of its turns costs a round, and nothing more.',
  validators: 4,
  durationMs: 80_000,
  faults: [
    { kind: 'withhold', node: 2, messages: ['proposal'], atMs: 10_000, forMs: 70_000 },
    { kind: 'withhold', node: 2, messages: ['prepare', 'commit', 'round-change'], atMs: 40_000, forMs: 40_000 },
  ],
} satisfies Scenario;
