import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'policy-change-under-load',
  expects:
    'The network and tenants publish policy sets, engines attest them, rules are retired and facts revoked, while decisions ' +
    'and evaluations run, nodes crash, and the one that serves the sets is away: each rests on the set that was in force at ' +
    'its height, attested and sound; a retired rule and a revoked fact permit nothing from their block on; a tenant makes ' +
    'things stricter only; a light without its set says Red; and nobody lets more persons pass than were leased.',
  validators: 4,
  durationMs: 90_000,
  blockTimeMs: 1_000,
  transfersPerSecond: 1,
  decisionsPerSecond: 8,
  changesPolicies: true,
  faults: (draw, { fromMs, untilMs }) => {
    const [first = 0, second = 1, third = 2] = draw.shuffle([0, 1, 2, 3]);
    const atMs = (): number => draw.between(fromMs, untilMs - 8_000);
    // The last node serves what is published: who starts while it is away has no set.
    const awayMs = draw.between(fromMs, untilMs - 12_000);
    const starter = draw.between(0, 2);
    return [
      { kind: 'crash', node: 3, atMs: awayMs, forMs: draw.between(4_000, 8_000) },
      { kind: 'crash', node: starter, atMs: awayMs + draw.between(500, 2_000), forMs: draw.between(200, 1_500) },
      { kind: 'crash', node: first, atMs: atMs(), forMs: draw.between(500, 5_000) },
      { kind: 'pause', node: second, atMs: atMs(), forMs: draw.between(1_000, 6_000) },
      { kind: 'slow-disk', node: third, upToMs: 400, atMs: atMs(), forMs: 8_000 },
      { kind: 'loss', probability: 0.1, atMs: atMs(), forMs: 6_000 },
    ];
  },
} satisfies Scenario;
