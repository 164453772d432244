import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'clock-skew',
  expects:
    'One of four is seconds ahead, then one runs fast and one is set anew again and again: blocks of the wrong time ' +
    'wait or are refused, and nobody else’s does.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [ahead = 0, fast = 1, restless = 2] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.clock({ node: ahead, offsetMs: draw.between(2_000, 30_000), atMs: 10_000, forMs: 12_000 }),
      faults.clockDrift({ node: fast, partsPerMillion: 50_000, atMs: 20_000, forMs: 20_000 }),
      faults.clockJumps({ node: restless, upToMs: 5_000, everyMs: 700, atMs: 30_000, forMs: 12_000 }),
    ];
  },
} satisfies Scenario;
