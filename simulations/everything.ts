import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'everything',
  expects:
    'Every seed draws its own mix of faults; what must hold always holds, and blocks come back when they are over.',
  validators: [4, 4, 5, 6, 7],
  standbys: [0, 0, 1, 2],
  durationMs: 120_000,
  endsWhenWell: true,
  // With the shorter ones there are blocks enough for a node without any to start from a snapshot.
  blockTimeMs: [2_000, 2_000, 2_000, 1_000, 750],
  transfersPerSecond: [1, 2, 5, 10],
  faults: 'swarm',
} satisfies Scenario;
