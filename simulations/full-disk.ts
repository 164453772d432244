import { faults, type Scenario } from '../src/simulation.ts';

export default {
  name: 'full-disk',
  expects:
    'One of four has no room: it does not vote, misses what it cannot store, and fetches that when there is room. Then ' +
    'a disk fails: its validator ends itself, and is started again until it stays up.',
  validators: 4,
  durationMs: 90_000,
  faults: (draw) => {
    const [full = 0, broken = 1] = draw.shuffle([0, 1, 2, 3]);
    return [
      faults.fullDisk({ node: full, atMs: 10_000 + draw.between(0, 2_000), forMs: 9_000 }),
      faults.diskFailure({ node: broken, atMs: 28_000 + draw.between(0, 2_000), forMs: 9_000 }),
    ];
  },
} satisfies Scenario;
