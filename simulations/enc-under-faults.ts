import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'enc-under-faults',
  expects:
    'Each validator runs an execution cluster, all of one operator, whose workloads were given to three of them. Clusters die while they ' +
    'start something, stand still and wake, are cut off, and are taken for dead though they live; agreements are suspended and ' +
    'rulings fall meanwhile. Of a workload one container runs at most, only while it may, and every start has one receipt.',
  validators: 4,
  durationMs: 230_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 0,
  disputants: 3,
  decisionsPerSecond: 1,
  workloads: 14,
  faults: (draw, { fromMs, untilMs }) => {
    const [first = 0, second = 1, third = 2, fourth = 3] = draw.shuffle([0, 1, 2, 3]);
    const atMs = (forMs: number): number => draw.between(fromMs, untilMs - forMs);
    return [
      { kind: 'crash', node: first, atMs: atMs(50_000), forMs: draw.between(20_000, 50_000) },
      { kind: 'crash', node: second, atMs: atMs(5_000), forMs: draw.between(200, 5_000) },
      { kind: 'torn-write', node: third, nth: draw.between(1, 30), downMs: 500, atMs: atMs(20_000), forMs: 20_000 },
      { kind: 'pause', node: third, atMs: atMs(60_000), forMs: draw.pick([8_000, 35_000, 60_000]) },
      { kind: 'disk-failure', node: fourth, atMs: atMs(4_000), forMs: draw.between(500, 4_000) },
      {
        kind: 'partition',
        groups: [[fourth], [first, second, third]],
        atMs: atMs(55_000),
        forMs: draw.pick([6_000, 30_000, 55_000]),
      },
    ];
  },
} satisfies Scenario;
