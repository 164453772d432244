import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'crash-anywhere',
  expects:
    'For every-effect: three blocks and a round that is lost. Whoever dies in them, wherever, comes back and contradicts nothing.',
  validators: 4,
  durationMs: 60_000,
  blockTimeMs: 500,
  roundTimeoutBaseMs: 400,
  transfersPerSecond: 4,
  effectsMs: [3_000, 4_500],
  faults: (draw) => {
    const [a = 0, b = 1, c = 2, d = 3] = draw.shuffle([0, 1, 2, 3]);
    const time = { atMs: 3_100 + draw.between(0, 400), forMs: 700 };
    return [
      draw.pick([
        faults.partition({
          groups: [
            [a, b],
            [c, d],
          ],
          ...time,
        }),
        faults.oneWay({ from: [a], to: [b, c, d], ...time }),
        faults.loss({ probability: 0.3, ...time }),
        faults.withhold({ node: a, messages: ['proposal'], atMs: 2_500, forMs: 3_000 }),
        faults.withhold({ node: a, messages: ['commit'], atMs: 2_500, forMs: 3_000 }),
        faults.equivocate({ node: a, atMs: 2_500, forMs: 3_000 }),
        faults.falseStarts({ node: a, atMs: 2_500, forMs: 3_000 }),
      ]),
    ];
  },
} satisfies Scenario;
