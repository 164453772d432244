import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'restored-running-copy',
  expects:
    'A validator is replaced at once by a copy that was taken while it ran, twice: peers have seen what the copy forgot.',
  validators: 4,
  durationMs: 90_000,
  delayMs: [50, 200],
  faults: (draw) => [
    {
      kind: 'restore',
      node: 1,
      copiedAtMs: draw.between(12_000, 16_000),
      atMs: draw.between(17_000, 17_200),
      forMs: 200,
    },
    {
      kind: 'restore',
      node: 1,
      copiedAtMs: draw.between(25_000, 27_000),
      atMs: draw.between(27_000, 29_000),
      forMs: 200,
    },
  ],
} satisfies Scenario;
