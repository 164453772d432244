/** Scenarios that press on the court and on traffic lights. */
import type { Scenario } from '../simulation/system/scenario.ts';
import { brief, crashes, fromMs } from './brief-scenario.ts';

/** Lights that are asked all the time. */
const flows = { ...brief, transfersPerSecond: 0, decisionsPerSecond: 6 } as const;

/** Clusters with something to run. */
const clusters = { ...brief, transfersPerSecond: 0, decisionsPerSecond: 1, disputants: 1, workloads: 10 } as const;

export const serviceScenarios = {
  disputes: {
    ...brief,
    name: 'disputes',
    expects: 'Cases go their way while one after the other is down.',
    durationMs: 105_000,
    transfersPerSecond: 0,
    disputants: 3,
    faults: (draw) => crashes(draw, 3),
  },
  'disputes, a long stall': {
    ...brief,
    name: 'disputes, a long stall',
    expects: 'Nobody can act while the chain stands still: deadlines move.',
    durationMs: 125_000,
    transfersPerSecond: 0,
    disputants: 3,
    faults: [
      {
        kind: 'partition',
        groups: [
          [0, 1],
          [2, 3],
        ],
        atMs: 20_000,
        forMs: 62_000,
      },
    ],
  },
  flows: {
    ...flows,
    name: 'flows',
    expects: 'A light is replaced by an older copy, and others die in the midst of writes.',
    syncMs: [20, 200],
    faults: (draw) => [
      { kind: 'restore', node: 0, copiedAtMs: 14_000, atMs: draw.between(18_000, 24_000), forMs: 500 },
      ...[1, 2, 3].map((node) => ({ kind: 'crash' as const, node, atMs: draw.between(fromMs, 28_000), forMs: 800 })),
    ],
  },
  'flows, a stall': {
    ...flows,
    name: 'flows, a stall',
    expects: 'The chain stands still for longer than its state is good for.',
    faults: [
      {
        kind: 'partition',
        groups: [
          [0, 1],
          [2, 3],
        ],
        atMs: fromMs,
        forMs: 16_000,
      },
    ],
  },
  'flows of the suspended': {
    ...flows,
    name: 'flows of the suspended',
    expects: 'Rulings suspend tenants, whose flows are Red from then on.',
    durationMs: 110_000,
    disputants: 3,
    faults: [],
  },
  'flows and changing policies': {
    ...flows,
    name: 'flows and changing policies',
    expects: 'Sets are published and rules retired; one starts while the node that serves the sets is away.',
    durationMs: 90_000,
    changesPolicies: true,
    faults: (draw) => [
      { kind: 'crash', node: 3, atMs: 18_000, forMs: 6_000 },
      { kind: 'crash', node: draw.between(0, 2), atMs: draw.between(18_500, 20_000), forMs: 500 },
      ...crashes(draw, 1),
    ],
  },
  'flows of many': {
    ...flows,
    name: 'flows of many',
    expects: 'A light is replaced by an older copy while many persons are counted.',
    decisionsPerSecond: 30,
    faults: (draw) => [
      { kind: 'restore', node: 0, copiedAtMs: 14_000, atMs: draw.between(18_000, 24_000), forMs: 500 },
    ],
  },
  workloads: {
    ...clusters,
    name: 'workloads',
    expects: 'Workloads of tenants run, while agreements are suspended and taken up again and a cluster dies.',
    durationMs: 100_000,
    faults: (draw) => crashes(draw, 1),
  },
  'workloads, one stands still': {
    ...clusters,
    name: 'workloads, one stands still',
    expects: 'Two of the clusters stand still for longer than a lease stays fresh, and others take what they had.',
    durationMs: 165_000,
    faults: (draw) => {
      const [first = 0, second = 1] = draw.shuffle([0, 1, 2, 3]);
      return [
        { kind: 'pause', node: first, atMs: draw.between(24_000, 28_000), forMs: 80_000 },
        { kind: 'pause', node: second, atMs: 109_000, forMs: 15_000 },
      ];
    },
  },
} satisfies Readonly<Record<string, Scenario>>;
