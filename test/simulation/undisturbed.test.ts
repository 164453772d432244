/**
 * Goal: the checks of rounds, links and later heights see what they are for, and nothing where there is nothing.
 * Method: the production machine between two hands that take something away from it.
 */
import { expect } from 'chai';
import type { MachineState } from '../../src/protocols/ibft/machine-types.ts';
import { round as toRound } from '../../src/protocols/shared/brands.ts';
import { ignored } from '../../src/protocols/shared/errors.ts';
import { searchProtocol } from '../../src/simulation/protocol/search.ts';
import { productionRules, type Rules } from '../../src/simulation/protocol/setting.ts';
import { runUndisturbed } from '../../src/simulation/protocol/undisturbed.ts';

const seeds = Array.from({ length: 40 }, (_, seed) => `seed/${seed}`);

const undisturbed = (rules: Rules): readonly string[] =>
  seeds.flatMap((seed) =>
    runUndisturbed({ validators: 4, heights: 3, rules }, seed).violations.map(({ check }) => check),
  );

function found(rules: Rules): string | undefined {
  const { finding } = searchProtocol({ validators: 4, heights: 2, runs: 300, seed: 'checks', rules });
  return finding?.violations[0]?.check;
}

/** What a step does to `state`, with its effects filtered. */
const without = (type: string, inputType: string): Rules => ({
  ...productionRules,
  transition: (state, input) => {
    const step = productionRules.transition(state, input);
    if (input.type !== inputType) return step;
    return { ...step, effects: step.effects.filter((effect) => effect.type !== type) };
  },
});

describe('a run in which every message arrives once', function () {
  this.timeout(60_000);

  it('decides every height in round 0', () => {
    expect(undisturbed(productionRules)).to.deep.equal([]);
  });

  it('shows that messages of later heights are dropped', () => {
    const rules: Rules = {
      ...productionRules,
      transition: (state, input) =>
        input.type === 'message' && input.message.payload.height > state.facts.height
          ? { state, effects: [], verdict: ignored('stale') }
          : productionRules.transition(state, input),
    };
    expect(undisturbed(rules)).to.include('liveness');
  });

  it('shows that late seals are dropped', () => {
    expect(undisturbed(without('late-seal', 'message'))).to.include('seals');
  });
});

describe('protocol checks of rounds, links and memory', function () {
  this.timeout(60_000);

  it('find that a new link is told nothing', () => {
    expect(found(without('send', 'links-changed'))).to.equal('resends');
  });

  it('find a machine that stays behind f + 1 others', () => {
    const behind = (state: MachineState): MachineState => ({
      ...state,
      positions: state.positions.map(() => toRound(0)),
    });
    const rules: Rules = {
      ...productionRules,
      transition: (state, input) => productionRules.transition(input.type === 'message' ? behind(state) : state, input),
    };
    expect(found(rules)).to.equal('rounds');
  });

  it('find a machine that counts other bytes than it keeps', () => {
    const rules: Rules = {
      ...productionRules,
      transition: (state, input) => {
        const step = productionRules.transition(state, input);
        return { ...step, state: { ...step.state, keptBytes: step.state.keptBytes.map((bytes) => bytes + 1) } };
      },
    };
    expect(found(rules)).to.equal('memory');
  });
});
