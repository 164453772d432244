import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'wiped-validator',
  expects: 'A validator loses its disks, guard included: it fetches the chain and abstains before it votes again.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => [{ kind: 'wipe', node: 3, atMs: draw.between(15_000, 25_000), forMs: draw.between(100, 20_000) }],
} satisfies Scenario;
