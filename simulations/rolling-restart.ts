import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'rolling-restart',
  expects: 'Every validator is restarted in turn, as for an upgrade: no block is missed for long and nothing is lost.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) =>
    [0, 1, 2, 3].map((node) => ({
      kind: 'crash' as const,
      node,
      atMs: 10_000 + 9_000 * node,
      forMs: draw.between(500, 4_000),
    })),
} satisfies Scenario;
