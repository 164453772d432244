/**
 * Goal: agreement, validity and integrity, and that everything a correct validator sends is what the rules allow, for 1 to
 * 31 validators under losses, crashes, twins and an adversary. Method: fast-check draws runs of the random search; a dumb
 * oracle (protocol-oracle.ts) that shares no code with the machine judges every message and decision; and the oracle is
 * shown to bite.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Transition } from '../../src/protocols/ibft/machine-types.ts';
import { runProtocolSeed } from '../../src/simulation/protocol/search.ts';
import { keyOf, productionRules, type Rules, validatorsOf } from '../../src/simulation/protocol/setting.ts';
import { faultyCountMax } from '../../src/protocols/ledger/validator-set.ts';
import { DumbOracle, dumbProposer, dumbQuorum } from './protocol-oracle.ts';

interface Drawn {
  readonly validators: number;
  readonly heights: number;
  readonly seed: number;
  readonly steps: number;
}

const runs = (most: number): fc.Arbitrary<Drawn> =>
  fc.record({
    validators: fc.integer({ min: 1, max: most }),
    heights: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    steps: fc.integer({ min: 20, max: 800 }),
  });

/** What the oracle and the checks have to say about one run. */
function problemsOf({ validators, heights, seed, steps }: Drawn, rules: Rules = productionRules): readonly string[] {
  const oracles: DumbOracle[] = [];
  const search = { validators, heights, runs: 1, seed, stepsMax: steps, rules };
  const { violations } = runProtocolSeed(search, `property/${seed}`, (cast, { set }) => {
    const oracle = new DumbOracle(
      cast,
      set.validators.map(({ publicKey }) => publicKey),
    );
    oracles.push(oracle);
    return oracle;
  });
  return [
    ...violations.map(({ check, detail }) => `${check}: ${detail}`),
    ...oracles.flatMap(({ problems }) => problems),
  ];
}

describe('properties of runs: the production machine', () => {
  it('1 to 10 validators: agreement, validity, integrity, and only messages that the rules allow', () => {
    fc.assert(
      fc.property(runs(10), (run) => {
        expect(problemsOf(run)).to.deep.equal([]);
      }),
      { numRuns: 250 },
    );
  });

  it('up to 31 validators', () => {
    fc.assert(
      fc.property(runs(31), (run) => {
        expect(problemsOf({ ...run, heights: 1 })).to.deep.equal([]);
      }),
      { numRuns: 25 },
    );
  });
});

/** The machine with its effects changed. */
const changed = (change: (transition: Transition) => Transition): Rules => ({
  ...productionRules,
  create: (options) => change(productionRules.create(options)),
  transition: (state, input) => change(productionRules.transition(state, input)),
});

describe('properties of runs: the oracle bites', () => {
  const problemsUnder = (rules: Rules): string => {
    for (let seed = 0; seed < 200; seed++) {
      const problems = problemsOf({ validators: 4, heights: 2, seed, steps: 400 }, rules);
      const own = problems.find((problem) => problem.includes(' sent a '));
      if (own !== undefined) return own;
    }
    return 'nothing found';
  };

  it('on a proposer that leaves its justification out', () => {
    const rules = changed(({ effects, ...rest }) => ({
      ...rest,
      effects: effects.map((effect) =>
        effect.type === 'sign' && effect.payload.kind === 'proposal'
          ? { ...effect, beside: { ...effect.beside, roundChanges: effect.beside.roundChanges.slice(1) } }
          : effect,
      ),
    }));
    expect(problemsUnder(rules)).to.include('too few round changes');
  });

  it('on a machine that commits to what it has only prepared for', () => {
    const rules = changed(({ effects, ...rest }) => ({
      ...rest,
      effects: effects.flatMap((effect) =>
        effect.type === 'sign' && effect.payload.kind === 'prepare'
          ? [effect, { ...effect, payload: { ...effect.payload, kind: 'commit' as const } }]
          : [effect],
      ),
    }));
    expect(problemsUnder(rules)).to.include('a commit without a quorum of prepares');
  });
});

describe('properties: the oracle and the validator set, n from 1 to 31', () => {
  it('agree on the quorum, and f dead leave one', () => {
    for (let n = 1; n <= 31; n++) {
      expect(validatorsOf(n).quorum, `n = ${n}`).to.equal(dumbQuorum(n));
      expect(n - faultyCountMax(n), `n = ${n}`).to.be.at.least(dumbQuorum(n));
    }
  });

  it('n rounds in a row are everyone once, beginning after the parent’s proposer', () => {
    for (let n = 1; n <= 31; n++) {
      const keys = validatorsOf(n).validators.map(({ publicKey }) => publicKey);
      for (const parent of [null, ...keys]) {
        const turns = Array.from({ length: n }, (_, round) => dumbProposer(keys, parent, round));
        expect(new Set(turns).size).to.equal(n);
        expect(turns[0]).to.equal(parent === null ? keyOf(0) : keys[(keys.indexOf(parent) + 1) % n]);
      }
    }
  });
});
