import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'torn-write',
  expects:
    'Power fails in the midst of durable writes, of every validator in turn: each resumes from what is whole, and ' +
    'contradicts nothing.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) =>
    [0, 1, 2, 3, 0, 1, 2, 3].map((node, at) =>
      faults.tornWrite({ node, nth: draw.between(1, 6), downMs: 200, atMs: 10_000 + 4_500 * at, forMs: 4_400 }),
    ),
} satisfies Scenario;
