import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'twin-validators',
  expects:
    'Two instances of one validator run under its key, and peers change from one to the other: nothing forks, blocks go on.',
  validators: 4,
  durationMs: 80_000,
  transfersPerSecond: 10,
  faults: (draw) => [{ kind: 'twins', node: draw.between(0, 3), everyMs: 1_700, atMs: 10_000, forMs: 60_000 }],
} satisfies Scenario;
