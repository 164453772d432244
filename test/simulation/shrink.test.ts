/**
 * Goal: shrinking ends at the smallest run that shows the same failure, and saved failures stay found. Method: a stand-in for
 * the simulator whose failures are a function of the case alone; a planted defect under the real one; every saved regression.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type Scenario, simulate, type SimulationResult } from '../../src/simulation.ts';
import { replayProtocol } from '../../src/simulation/protocol/replay.ts';
import { rulesOf } from '../../src/simulation/protocol/rules-by-name.ts';
import { protocolScheduleOf } from '../../src/simulation/protocol/schedule-json.ts';
import { parseSchedule } from '../../src/simulation/schedule-file.ts';
import { shrinkCase, type SimulationCase } from '../../src/simulation/shrink.ts';
import { systemScheduleOf } from '../../src/simulation/system-schedule.ts';
import type { Fault } from '../../src/simulation/system/faults/index.ts';
import { checkFaults } from '../../src/simulation/system/scenario.ts';
import { brief } from './scenarios.ts';

const large: SimulationCase = {
  seed: '7',
  scenario: {
    ...brief,
    ...{ validators: 7, durationMs: 120_000, transfersPerSecond: 10 },
    faults: [
      { kind: 'loss', probability: 0.05, atMs: 10_000, forMs: 9_000 },
      { kind: 'crash', node: 2, atMs: 14_321, forMs: 2_000 },
      { kind: 'pause', node: 3, atMs: 15_000, forMs: 2_000 },
      {
        kind: 'partition',
        groups: [
          [0, 1, 2, 4],
          [3, 5, 6],
        ],
        atMs: 20_000,
        forMs: 8_000,
      },
      { kind: 'crash', node: 5, atMs: 60_000, forMs: 2_000 },
    ],
  },
};

/** A run in which the checker named sees something at that time, or nothing. */
function outcome(
  { scenario, seed }: SimulationCase,
  seen: readonly [checker: string, detail: string][],
): SimulationResult {
  checkFaults(scenario, scenario.faults, scenario.durationMs);
  const violations = seen.map(([checker, detail]) => ({ checker, detail, atMs: 30_000 }));
  const verdicts = [{ checker: 'agreement' as const, outcome: 'violated' as const, violations }];
  return {
    ...{ scenario: scenario.name, seed, traceHash: '', ok: seen.length === 0, verdicts, faults: scenario.faults },
    network: { validators: scenario.validators, standbys: 0, blockTimeMs: 2000, transfersPerSecond: 5 },
    ...{
      heights: 30,
      isTelling: true,
      steps: 1,
      simulatedMs: scenario.durationMs,
      recoveryMs: null,
      counts: {},
      log: [],
    },
    transactions: { submitted: 0, acknowledged: 0, rejected: 0 },
  };
}

const isCrash = ({ kind, forMs }: Fault): boolean => kind === 'crash' && forMs >= 300;

describe('shrinking', function () {
  this.timeout(60_000);

  it('leaves out every fault that has no part in it, and makes the others, the network and the load small', async () => {
    let asked = 0;
    const run = (candidate: SimulationCase): Promise<SimulationResult> => {
      asked += 1;
      const { faults } = candidate.scenario;
      const fails = faults.some(isCrash) && faults.some(({ kind }) => kind === 'partition');
      return Promise.resolve(outcome(candidate, fails ? [['agreement', `height ${asked}: two blocks`]] : []));
    };
    const shrunk = await shrinkCase(large, { run });
    expect(shrunk?.isMinimal).to.equal(true);
    const { scenario, seed } = shrunk?.smallest as SimulationCase;
    expect(scenario.faults.map(({ kind }) => kind)).to.have.members(['crash', 'partition']);
    expect(scenario).to.include({ validators: 4, transfersPerSecond: 0 });
    const crash = scenario.faults.find(({ kind }) => kind === 'crash');
    expect(crash?.forMs).to.be.within(300, 599);
    expect(crash?.atMs).to.equal(14_000);
    const overMs = Math.max(...scenario.faults.map(({ atMs, forMs }) => atMs + forMs));
    expect(scenario.durationMs).to.equal(overMs + 40_000);
    expect(seed).to.equal('7');
    expect(shrunk?.runs).to.equal(asked);
  });

  it('does not go over to another failure, of the same checker neither', async () => {
    const run = (candidate: SimulationCase): Promise<SimulationResult> => {
      const isWhole = candidate.scenario.faults.length === large.scenario.faults.length;
      return Promise.resolve(outcome(candidate, [['agreement', isWhole ? 'two blocks' : 'no block']]));
    };
    const shrunk = await shrinkCase(large, { run });
    expect(shrunk?.smallest.scenario.faults).to.have.length(large.scenario.faults.length);
    expect(shrunk?.violation.detail).to.equal('two blocks');
  });

  it('ends with its budget, and is nothing where nothing fails', async () => {
    const failing = (candidate: SimulationCase): Promise<SimulationResult> =>
      Promise.resolve(outcome(candidate, [['agreement', 'two blocks']]));
    const shrunk = await shrinkCase(large, { run: failing, runsMax: 3 });
    expect(shrunk).to.include({ runs: 3, isMinimal: false });
    const fine = (candidate: SimulationCase): Promise<SimulationResult> => Promise.resolve(outcome(candidate, []));
    expect(await shrinkCase(large, { run: fine })).to.equal(null);
  });

  it('finds the fault under which a node reads the real clock after each start', async () => {
    let starts = 0;
    const run = (candidate: SimulationCase): Promise<SimulationResult> => {
      starts = 0;
      return simulate(candidate.scenario, {
        seed: candidate.seed,
        // The fifth start is the first after a crash.
        ports: (given) => (++starts <= 4 ? given : { ...given, clock: { ...given.clock, now: () => Date.now() } }),
      });
    };
    const faults: readonly Fault[] = [
      { kind: 'pause', node: 2, atMs: 2_000, forMs: 300 },
      { kind: 'crash', node: 1, atMs: 3_300, forMs: 400 },
      { kind: 'delay', upToMs: 50, atMs: 3_500, forMs: 400 },
    ];
    const shrunk = await shrinkCase({ seed: '1', scenario: { ...brief, faults } }, { run, runsMax: 10 });
    expect(shrunk?.violation.checker).to.equal('sealed-off');
    expect(shrunk?.smallest.scenario.faults.map(({ kind }) => kind)).to.deep.equal(['crash']);
  });
});

describe('saved regressions', function () {
  this.timeout(60_000);
  const directory = resolve(import.meta.dirname, '../../simulations/regressions');
  const files = readdirSync(directory);

  it('are there, and all of them schedules', () => {
    expect(files.length).to.be.greaterThan(1);
    expect(files.filter((file) => !file.endsWith('.json'))).to.deep.equal([]);
  });

  for (const file of files) {
    it(`${file}: what was found when it was saved is not found any more`, async () => {
      const document = parseSchedule(readFileSync(join(directory, file), 'utf8'), file);
      if (document.kind === 'protocol') {
        const { schedule, found } = protocolScheduleOf(document);
        const { violations } = replayProtocol(schedule, rulesOf(schedule.rules));
        const checks = violations.map(({ check }) => check);
        // Other rules than ours are there to fail.
        expect(checks).to.deep.equal(schedule.rules === 'production' ? [] : [found?.check]);
        return;
      }
      const { run, found, note } = systemScheduleOf(document);
      expect(found, 'it shows something').not.to.equal(null);
      expect(note).not.to.equal('');
      const { verdicts } = await simulate(run.scenario as Scenario, { seed: run.seed });
      expect(verdicts.flatMap(({ violations }) => violations)).to.deep.equal([]);
    });
  }
});
