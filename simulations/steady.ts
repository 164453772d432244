import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'steady',
  expects: 'Nothing goes wrong: a block every two seconds, every transfer final.',
  validators: 4,
  durationMs: 60_000,
  faults: [],
} satisfies Scenario;
