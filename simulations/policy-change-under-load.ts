import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'policy-change-under-load',
  expects:
    'Policy sets are published and attested, and rules are retired, while decisions run and nodes crash: each decision rests ' +
    'on the set that was in force at its height, which enough evaluators attested, and a retired rule permits nothing from ' +
    'its block on.',
  validators: 4,
  durationMs: 90_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 1,
  decisionsPerSecond: 8,
  changesPolicies: true,
  faults: (draw, { fromMs, untilMs }) => {
    const [first = 0, second = 1, third = 2] = draw.shuffle([0, 1, 2, 3]);
    const atMs = (): number => draw.between(fromMs, untilMs - 8_000);
    return [
      { kind: 'crash', node: first, atMs: atMs(), forMs: draw.between(500, 5_000) },
      { kind: 'pause', node: second, atMs: atMs(), forMs: draw.between(1_000, 6_000) },
      { kind: 'slow-disk', node: third, upToMs: 400, atMs: atMs(), forMs: 8_000 },
      { kind: 'loss', probability: 0.1, atMs: atMs(), forMs: 6_000 },
    ];
  },
} satisfies Scenario;
