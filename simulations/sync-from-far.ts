import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'sync-from-far',
  expects:
    'One of four is away for forty blocks and fetches them; another has lost everything seventy blocks on, and starts ' +
    'from a snapshot.',
  validators: 4,
  durationMs: 135_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 2,
  faults: (draw) => {
    const [away = 0, lost = 1] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.crash({ node: away, atMs: 10_000, forMs: 40_000 }),
      faults.wipe({ node: lost, atMs: 85_000 + draw.between(0, 5_000), forMs: 1_000 }),
    ];
  },
} satisfies Scenario;
