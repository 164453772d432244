import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'dispute-under-faults',
  expects:
    'Parties make agreements, breach them and dispute before panels, while validators crash and lose power, disks are slow ' +
    'or full, and the chain stalls: value is conserved, nobody votes twice, nothing is enforced before it is final, no stage ' +
    'hangs, and every draw can be done again.',
  validators: 4,
  durationMs: 120_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 1,
  disputants: 2,
  faults: (draw, { fromMs, untilMs }) => {
    const [first = 0, second = 1, third = 2, fourth = 3] = draw.shuffle([0, 1, 2, 3]);
    const atMs = (): number => draw.between(fromMs, untilMs - 12_000);
    // Longer than a minute is an outage, by which deadlines move.
    const stallMs = draw.pick([4_000, 12_000, 62_000]);
    const powerMs = atMs();
    return [
      {
        kind: 'partition',
        groups: [
          [first, second],
          [third, fourth],
        ],
        atMs: fromMs + 6_000,
        forMs: stallMs,
      },
      { kind: 'crash', node: first, atMs: atMs(), forMs: draw.between(500, 6_000) },
      { kind: 'slow-disk', node: second, upToMs: 400, atMs: atMs(), forMs: 10_000 },
      draw.chance(0.5)
        ? { kind: 'full-disk', node: third, atMs: atMs(), forMs: draw.between(1_000, 6_000) }
        : { kind: 'torn-write', node: third, nth: draw.between(1, 10), downMs: 500, atMs: atMs(), forMs: 1_000 },
      ...(draw.chance(0.5)
        ? [first, second, third, fourth].map((node) => ({ kind: 'crash' as const, node, atMs: powerMs, forMs: 800 }))
        : [{ kind: 'loss' as const, probability: 0.1, atMs: atMs(), forMs: 8_000 }]),
    ];
  },
} satisfies Scenario;
