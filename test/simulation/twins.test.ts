/**
 * Goal: the twins generator covers every scenario of its parameters once, and finds what is wrong. Method: few phases in
 * full, many sampled, too many twins and a machine that is stuck as negative controls.
 */
import { expect } from 'chai';
import { replayProtocol } from '../../src/simulation/protocol/replay.ts';
import { productionRules, type Rules } from '../../src/simulation/protocol/setting.ts';
import { castOf, firstPhasesOf, partitionsOf, phasesOf } from '../../src/simulation/protocol/twins/configurations.ts';
import { twinning, twins } from '../../src/simulation/protocol/twins/twins.ts';

/** Takes no proposal of a later round than the first. */
const stuck: Rules = {
  ...productionRules,
  transition: (state, input) =>
    input.type === 'message' && input.message.type === 'proposal' && input.message.payload.round > 0
      ? { state, effects: [], verdict: { kind: 'accepted' } }
      : productionRules.transition(state, input),
};

describe('twins', function () {
  this.timeout(120_000);

  it('splits instances in every way, once', () => {
    expect(partitionsOf(5, 2)).to.have.length(16);
    expect(partitionsOf(5, 5)).to.have.length(52); // Bell number
    expect(new Set(partitionsOf(5, 3).map((partition) => partition.join()))).to.have.property('size', 41);
  });

  it('counts first phases that differ in names only', () => {
    for (const [validators, count, groups] of [
      [4, 1, 2],
      [4, 1, 5],
      [4, 2, 3],
      [7, 2, 2],
    ] as const) {
      const cast = castOf(validators, count);
      const weights = firstPhasesOf(cast, groups).map(({ weight }) => weight);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).to.equal(phasesOf(cast, groups).length);
    }
    expect(firstPhasesOf(castOf(4, 1), 2)).to.have.length(15);
  });

  it('covers all scenarios of two phases, and nothing is wrong in any', () => {
    const { scenarios, scenariosInAll, finding, healed, healingRoundsMax } = twins({ validators: 4, rounds: 2 });
    expect(finding).to.equal(null);
    expect(scenarios).to.equal(64 ** 2);
    expect(scenariosInAll).to.equal(64 ** 2);
    expect(healed).to.be.greaterThan(100);
    expect(healingRoundsMax).to.be.greaterThan(0);
  });

  it('finds that f + 1 twins split the network, as a schedule that fails again', () => {
    const { finding } = twins({ validators: 4, rounds: 1, twins: 2 });
    expect(finding?.kind).to.equal('safety');
    if (finding === null) return;
    const [violation] = replayProtocol(finding.schedule, productionRules).violations;
    expect(violation?.check).to.equal('agreement');
  });

  it('finds a machine that is stuck after the first round', () => {
    const { finding } = twins({ validators: 4, rounds: 1, rules: stuck });
    expect(finding?.kind).to.equal('liveness');
  });

  it('draws scenarios of a seed where there are too many', () => {
    const options = { validators: 7, rounds: 6, groups: 3, sample: { scenarios: 40, seed: 7 } };
    const first = twins(options);
    expect(first.finding).to.equal(null);
    expect(first.scenarios).to.equal(40);
    expect(twins(options)).to.deep.equal(first);
    expect(twins({ ...options, sample: { scenarios: 40, seed: 8 } }).delivered).to.not.equal(first.delivered);
  });

  it('can be left at any time, and refuses what is no scenario', () => {
    const [progress] = twinning({ validators: 4, rounds: 3 });
    expect(progress?.phasesPlayed).to.be.greaterThan(0);
    expect(() => twinning({ validators: 4, rounds: 0 })).to.throw(RangeError, /rounds: a whole number from 1 to 10/);
  });
});
