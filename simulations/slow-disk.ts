import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'slow-disk',
  expects:
    'Two of four have disks that take up to seconds: what they say waits for them, and no time-out is missed by it.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [slow = 0, slower = 1] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.slowDisk({ node: slow, upToMs: 300, atMs: 10_000, forMs: 30_000 }),
      faults.slowDisk({ node: slower, upToMs: 3_000, atMs: 20_000, forMs: 20_000 }),
    ];
  },
} satisfies Scenario;
