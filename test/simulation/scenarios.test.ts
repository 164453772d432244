/** Goal: what the shipped scenarios say they expect is what happens. Method: each of them, all checkers on. */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { simulate, type SimulationResult } from '../../src/simulation.ts';
import { shippedScenarios } from './scenarios.ts';

const directory = resolve(import.meta.dirname, '../../simulations');

/** Short ones that have clocks, disks, lines and copies between them: run a second time. */
const repeated = ['clock-skew', 'torn-write', 'flapping', 'full-disk', 'restored-running-copy'];

describe('shipped scenarios', function () {
  this.timeout(120_000);
  const results = new Map<string, SimulationResult>();

  for (const scenario of shippedScenarios) {
    it(`${scenario.name}: everything that must hold holds`, async () => {
      const result = await simulate(scenario, { seed: 1 });
      results.set(scenario.name, result);
      const broken = result.verdicts.filter(({ outcome }) => outcome !== 'holds');
      expect(broken, JSON.stringify(result.faults)).to.deep.equal([]);
      expect(result.isTelling, `${result.heights} blocks`).to.equal(true);
      expect(result.transactions.acknowledged).to.be.greaterThan(100);
      const endsEarly = scenario.endsWhenWell === true && result.simulatedMs < scenario.durationMs;
      if (!endsEarly) expect(result.simulatedMs).to.equal(scenario.durationMs);
      for (const { kind } of result.faults) expect(result.counts[`fault ${kind}`]).to.be.greaterThan(0);
    });
  }

  for (const name of repeated) {
    it(`${name}: is the same run when its seed is run again`, async () => {
      const scenario = shippedScenarios.find((shipped) => shipped.name === name);
      if (scenario === undefined) throw new Error(`${name} is there no more`);
      expect(await simulate(scenario, { seed: 1 })).to.deep.equal(results.get(name));
    });
  }

  it('are all of those in their folder, each named as its file', async () => {
    const files = readdirSync(directory)
      .filter((file) => file.endsWith('.ts'))
      .sort();
    const named = await Promise.all(
      files.map(async (file) => {
        const loaded = (await import(join(directory, file))) as { readonly default: { readonly name: string } };
        return `${loaded.default.name}.ts`;
      }),
    );
    expect(named).to.deep.equal(files);
    expect(shippedScenarios.map(({ name }) => `${name}.ts`)).to.have.members(files);
  });

  it('stand still while no side of a partition has a quorum', () => {
    const steady = results.get('steady');
    const parted = results.get('partition-heal');
    // Thirty of its ninety seconds: fifteen blocks are missing.
    expect(parted?.heights).to.be.within(26, 31);
    expect(steady?.heights).to.equal(30);
  });

  it('change the set of validators as often as they say, and let one in that began with a snapshot', () => {
    const { counts = {} } = results.get('validator-churn') ?? {};
    // Three changes, and each of them back again.
    expect(counts['validator set changed']).to.equal(6);
    expect(counts['joined by a snapshot']).to.equal(1);
  });

  it('leave rounds early in which too few can still vote', () => {
    expect(results.get('round-change-storm')?.counts['a hopeless round cut short']).to.be.greaterThan(0);
  });

  it('say Red, and why, where the chain stands still, a set is not here, or a lease is spent', () => {
    const met = (name: string): readonly string[] =>
      Object.keys(results.get(name)?.counts ?? {}).flatMap((count) => count.split('decision Red for ').slice(1));
    expect(met('traffic-under-faults')).to.include.members(['stale', 'min-height', 'counter-lease']);
    expect(met('policy-change-under-load')).to.include.members(['policy-not-ready', 'counter-lease']);
    const { counts = {} } = results.get('policy-change-under-load') ?? {};
    expect(counts['evaluation Yellow'], 'engines were asked').to.be.greaterThan(0);
    expect(counts).to.not.have.property('decision audited, not-recomputable when made again');
  });

  it('punish those who contradict themselves', () => {
    const { counts = {} } = results.get('equivocation') ?? {};
    const found = Object.keys(counts).filter((name) => name.startsWith('bpci.consensus.equivocations'));
    expect(found).to.not.deep.equal([]);
  });
});
