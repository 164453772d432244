/**
 * Exhaustive exploration of the production consensus machine: the shipped scope (four validators, one height, two rounds,
 * one twin) to its end, smaller ones with a crash and without reductions. One core; CPU time, so that what else runs on
 * the machine does not count.
 */
import { pathToFileURL } from 'node:url';
import { explore, type ExploreOptions } from '../src/simulation/protocol/exploration/explore.ts';
import { report, rounded } from './support/results.ts';

const secondsMax = 600;

const scopes: readonly (readonly [string, ExploreOptions])[] = [
  [
    '2 validators, 2 rounds, a crash, no reductions',
    {
      ...{ validators: 2, rounds: 2, twins: 0, crashes: 1 },
      reductions: { slicing: false, partialOrder: false, symmetry: false },
    },
  ],
  ['2 validators, 2 rounds, a crash', { validators: 2, rounds: 2, twins: 0, crashes: 1 }],
  ['4 validators, 2 rounds, no twin', { validators: 4, rounds: 2, twins: 0 }],
  ['4 validators, 2 rounds, a twin', { validators: 4, rounds: 2, twins: 1 }],
];

interface Row {
  readonly scope: string;
  readonly outcome: string;
  readonly states: number;
  readonly steps: number;
  readonly depth: number;
  readonly machineSteps: number;
  readonly cpuSeconds: number;
  readonly statesPerSecond: number;
}

function measure(scope: string, options: ExploreOptions): Row {
  const before = process.cpuUsage();
  const { outcome, cases, states, transitions, depth } = explore(options);
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = (user + system) / 1e6;
  const machineSteps = cases.reduce((sum, one) => sum + one.machineSteps, 0);
  const statesPerSecond = rounded(states / cpuSeconds, 0);
  return {
    scope,
    outcome,
    states,
    steps: transitions,
    depth,
    machineSteps,
    cpuSeconds: rounded(cpuSeconds, 1),
    statesPerSecond,
  };
}

export function run(): Promise<void> {
  const rows = scopes.map(([scope, options]) => measure(scope, options));
  const shipped = rows.at(-1);
  if (shipped === undefined) throw new Error('a scope is measured');
  const isMet = shipped.outcome === 'finished' && shipped.cpuSeconds <= secondsMax;
  report('model-check', 'Exploration of the production consensus machine on one core', {
    settings: { heights: 1, roundsTimedOut: 1 },
    rows,
    judgements: [
      {
        what: `shipped scope ${shipped.outcome}, s`,
        measured: shipped.cpuSeconds,
        target: `<= ${secondsMax}`,
        met: isMet,
      },
    ],
  });
  return Promise.resolve();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
