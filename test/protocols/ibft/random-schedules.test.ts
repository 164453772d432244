/**
 * Goal: agreement always, and a decision within the recovery bound once faults stop. Method: seeded random schedules of
 * crashes (at any effect), restarts, partitions, losses, delays and withheld kinds over the network model, with up to f
 * validators dead at the end; and the same with one Byzantine validator that runs twice with one key. `IBFT_SEEDS` sets
 * how many seeds each size runs.
 */
import { expect } from 'chai';
import type { ModelNode } from './model-types.ts';
import { NetworkModel } from './network-model.ts';
import { randomSchedule } from './schedules.ts';

const seeds = Number(process.env['IBFT_SEEDS'] ?? 50);

describe(`random schedules, ${seeds} seeds a size`, () => {
  function check(count: number, twins: boolean): void {
    for (let seed = 1; seed <= seeds; seed++) {
      const outcome = randomSchedule(count, seed, twins ? { twins: [seed % count] } : {});
      const again = `n = ${count}, seed ${seed}${twins ? ', twins' : ''}`;
      expect(outcome.model.violations, again).to.deep.equal([]);
      expect(outcome.recoveryMs, `${again}: no decision within ${outcome.boundMs} ms`).to.not.equal(null);
    }
  }

  for (const count of [4, 5, 6, 7, 10])
    it(`n = ${count}: correct validators that crash, lose messages and are cut off`, () => check(count, false));
  for (const count of [4, 7]) it(`n = ${count}: one validator runs twice with one key`, () => check(count, true));

  it('the faults are reached: jumps, round changes, re-proposals, fetches, late seals, resends to new links', () => {
    const seen = new Map<string, number>();
    let highestRound = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { model } = randomSchedule(7, seed);
      highestRound = Math.max(highestRound, model.highestRound);
      for (const [type, count] of model.effectCounts) seen.set(type, (seen.get(type) ?? 0) + count);
    }
    for (const type of ['persist', 'send', 'broadcast', 'decide', 'late-seal', 'peer-behind', 'check-block'])
      expect(seen.get(type) ?? 0, type).to.be.greaterThan(0);
    expect(highestRound).to.be.greaterThan(3);
  });

  it('the same seed gives the same run', () => {
    const trace = () => {
      const { model, recoveryMs } = randomSchedule(7, 12);
      return [recoveryMs, model.delivered, model.highestRound, [...model.effectCounts], model.now];
    };
    expect(trace()).to.deep.equal(trace());
  });

  it('the checker bites: with a quorum of two, halves of four validators decide two blocks, and it is found', () => {
    const model = new NetworkModel({ count: 4, seed: 1, quorum: 2, firstProposer: 0 });
    const [a, b, c, d] = model.nodes as [ModelNode, ModelNode, ModelNode, ModelNode];
    model.partition([
      [a, b],
      [c, d],
    ]);
    model.run(60_000);
    expect(model.violations.join()).to.include('two blocks decided at height 1');
  });
});
