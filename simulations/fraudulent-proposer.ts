import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'fraudulent-proposer',
  expects:
    'Whenever it is its turn, one of four proposes a block that is wrong in one way, the same for everybody: nobody votes for it, and blocks go on.',
  validators: 4,
  durationMs: 80_000,
  faults: (draw) => {
    const ways = draw.shuffle([
      'state-root',
      'beacon',
      'time-too-early',
      'seals-missing',
      'expired-transaction',
    ] as const);
    return ways.map((wrong, index) => ({
      ...{ kind: 'invalid-blocks' as const, node: 3, wrong },
      ...{ atMs: 5_000 + 14_000 * index, forMs: 14_000 },
    }));
  },
} satisfies Scenario;
