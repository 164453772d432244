import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'one-way-loss',
  expects:
    'One of four is heard by nobody but hears everybody, and later the other way round: neither stops the others.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [odd = 0, ...others] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.oneWay({ from: [odd], to: others, atMs: 12_000, forMs: 12_000 }),
      faults.oneWay({ from: others, to: [odd], atMs: 30_000, forMs: 12_000 }),
    ];
  },
} satisfies Scenario;
