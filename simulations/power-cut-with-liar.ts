import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'power-cut-with-liar',
  expects:
    'All correct validators lose power at one moment, twice, and whoever comes back is told by a liar that it is an old copy: none believes it, and blocks go on.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [liar = 0, ...others] = draw.shuffle([0, 1, 2, 3]);
    const cuts = [draw.between(15_000, 20_000), draw.between(35_000, 40_000)];
    return [
      { kind: 'false-starts', node: liar, atMs: 5_000, forMs: 85_000 },
      ...cuts.flatMap((atMs) =>
        others.map((node) => ({ kind: 'crash' as const, node, atMs, forMs: draw.between(500, 4_000) })),
      ),
    ];
  },
} satisfies Scenario;
