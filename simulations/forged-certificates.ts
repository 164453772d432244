import type { Scenario } from '../src/simulation.ts';

export default {
  name: 'forged-certificates',
  expects:
    'Two of seven send forged certificates, stale messages and wrong blocks, while partitions make rounds in which they matter.',
  validators: 7,
  durationMs: 90_000,
  faults: (draw) => [
    { kind: 'forge-certificates', node: 1, atMs: 10_000, forMs: 80_000 },
    { kind: 'replay', node: 1, atMs: 10_000, forMs: 80_000 },
    { kind: 'forge-certificates', node: 5, atMs: 10_000, forMs: 80_000 },
    { kind: 'invalid-blocks', node: 5, wrong: null, atMs: 30_000, forMs: 60_000 },
    ...[0, 1, 2].map((cut) => ({
      ...{ kind: 'loss' as const, probability: 0.1 },
      ...{ atMs: 12_000 + 12_000 * cut + draw.between(0, 2_000), forMs: 6_000 },
    })),
  ],
} satisfies Scenario;
