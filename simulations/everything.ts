import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'everything',
  expects:
    'Every seed draws its own mix of faults; what must hold always holds, and blocks come back when they are over.',
  validators: [4, 4, 5, 6, 7],
  durationMs: 120_000,
  endsWhenWell: true,
  // With the shorter one there are blocks enough for a validator that lost its disks to start from a snapshot.
  blockTimeMs: [2_000, 2_000, 2_000, 1_000],
  transfersPerSecond: [1, 2, 5, 10],
  faults: 'swarm',
} satisfies Scenario;
