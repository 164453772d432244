import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'flapping',
  expects: 'The links of one of four come and go, and another’s connections are lost at its end only: blocks go on.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [restless = 0, forgotten = 1] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.flapping({ nodes: [restless], downMs: 400, upMs: 600, atMs: 10_000, forMs: 30_000 }),
      faults.halfOpen({ node: forgotten, everyMs: 2_000, atMs: 15_000, forMs: 20_000 }),
    ];
  },
} satisfies Scenario;
