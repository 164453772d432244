import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'traffic-under-faults',
  expects:
    'Each validator runs a traffic light. Processes die in the midst of writes, disks fail, are full, or are replaced by an ' +
    'older copy, and the chain stalls: what was answered is durable and can be proved, a log behind its anchor is frozen, ' +
    'and nothing passes on old state, without a policy, or after its deadline.',
  validators: 4,
  durationMs: 110_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 1,
  disputants: 1,
  decisionsPerSecond: 6,
  faults: (draw, { fromMs, untilMs }) => {
    const [first = 0, second = 1, third = 2, fourth = 3] = draw.shuffle([0, 1, 2, 3]);
    const atMs = (): number => draw.between(fromMs, untilMs - 16_000);
    const copiedAtMs = draw.between(fromMs, untilMs - 20_000);
    return [
      { kind: 'torn-write', node: first, nth: draw.between(1, 20), downMs: 500, atMs: atMs(), forMs: 3_000 },
      { kind: 'crash', node: first, atMs: atMs(), forMs: draw.between(500, 5_000) },
      { kind: 'disk-failure', node: second, atMs: atMs(), forMs: draw.between(500, 4_000) },
      draw.chance(0.5)
        ? { kind: 'full-disk', node: third, atMs: atMs(), forMs: draw.between(1_000, 6_000) }
        : { kind: 'slow-disk', node: third, upToMs: 600, atMs: atMs(), forMs: 8_000 },
      { kind: 'restore', node: fourth, copiedAtMs, atMs: copiedAtMs + draw.between(500, 12_000), forMs: 500 },
      {
        kind: 'partition',
        groups: [
          [first, second],
          [third, fourth],
        ],
        atMs: atMs(),
        forMs: draw.pick([3_000, 14_000]),
      },
    ];
  },
} satisfies Scenario;
