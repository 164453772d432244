/**
 * Goal: the exploration looks at everything in its scope, its reductions change no verdict, and it finds defects planted in
 * the machine. Method: small scopes with and without reductions, rules wrapped around the production transition, and
 * counterexamples run once more on plain hosts.
 */
import { expect } from 'chai';
import type { Input, MachineState, StartOptions, Transition } from '../../src/protocols/ibft/machine-types.ts';
import { explore, exploring, type ExploreOptions } from '../../src/simulation/protocol/exploration/explore.ts';
import { UnsoundReductionError } from '../../src/simulation/protocol/exploration/host-table.ts';
import { casesOf } from '../../src/simulation/protocol/exploration/scope.ts';
import { replayProtocol } from '../../src/simulation/protocol/replay.ts';
import { formatProtocolSchedule, protocolScheduleOf } from '../../src/simulation/protocol/schedule-json.ts';
import { productionRules, type Rules } from '../../src/simulation/protocol/setting.ts';
import { parseSchedule } from '../../src/simulation/schedule-file.ts';

const withoutReductions = { slicing: false, partialOrder: false, symmetry: false };

/** Production rules whose machine sees another state or input than it should. */
const defective = (see: (state: MachineState, input: Input) => readonly [MachineState, Input]): Rules => ({
  ...productionRules,
  transition: (state, input): Transition => productionRules.transition(...see(state, input)),
});

/** Forgets what was prepared when a round times out. */
const forgetful = defective((state, input) => [
  input.type === 'timer-expired' && input.timer === 'round' ? { ...state, prepared: null } : state,
  input,
]);

/** Takes every round change for one that claims nothing. */
const ignoringCertificates = defective((state, input) => {
  if ((input.type !== 'message' && input.type !== 'signed') || input.message.type !== 'round-change')
    return [state, input];
  const payload = { ...input.message.payload, preparedRound: null, preparedDigest: null };
  return [state, { ...input, message: { ...input.message, payload, block: null, prepares: [] } }];
});

/** Prepares for every proposal of a round. */
const votingTwice = defective((state, input) => [
  input.type === 'message' && input.message.type === 'proposal' ? { ...state, proposal: null } : state,
  input,
]);

/** Starts without the prepared certificates of its journal. */
const losingLocks: Rules = {
  ...productionRules,
  create: (options: StartOptions) =>
    productionRules.create({ ...options, records: options.records.filter(({ type }) => type !== 'prepared') }),
};

describe('exploration', function () {
  // A few seconds alone; nothing here waits for anything.
  this.timeout(120_000);

  it('finishes a height of four validators in one round, for every choice of a twin', () => {
    const result = explore({ validators: 4, rounds: 1, twins: 1 });
    expect(result.outcome).to.equal('finished');
    expect(result.cases.map(({ twins }) => twins)).to.deep.equal([[0], [1]]);
    for (const one of result.cases) {
      expect(one.isFinished).to.equal(true);
      expect(one.waiting).to.equal(0);
      expect(one.comparisons).to.be.greaterThan(100);
    }
  });

  it('finishes two rounds of four validators', () => {
    const result = explore({ validators: 4, rounds: 2, twins: 0 });
    expect(result.outcome).to.equal('finished');
    expect(result.states).to.be.greaterThan(5_000);
  });

  it('takes twins apart by the rounds that they propose, and by nothing else', () => {
    expect(casesOf({ validators: 4, rounds: 2, twins: 1 }).map(({ twins }) => twins)).to.deep.equal([[0], [1], [2]]);
    // Validators 2 and 3 may change places, and so may validator 0 and its twin.
    expect(casesOf({ validators: 4, rounds: 2, twins: 1 })[0]?.renamings).to.have.length(4);
  });

  describe('reductions change no verdict', () => {
    const scopes: readonly (readonly [string, ExploreOptions])[] = [
      ['one round of three', { validators: 3, rounds: 1, twins: 0 }],
      ['two rounds of two', { validators: 2, rounds: 2, twins: 0 }],
      ['a crash among two', { validators: 2, rounds: 1, twins: 0, crashes: 1 }],
      ['a crash among two in two rounds', { validators: 2, rounds: 2, twins: 0, crashes: 1 }],
      ['a twin too many', { validators: 3, rounds: 1, twins: 1 }],
      ['a quorum of one', { validators: 2, rounds: 2, twins: 0, quorum: 1 }],
      ['a quorum of one of three', { validators: 3, rounds: 2, twins: 0, quorum: 1 }],
      ['forgotten certificates', { validators: 2, rounds: 2, twins: 0, rules: forgetful }],
      ['forgotten certificates of three', { validators: 3, rounds: 2, twins: 0, rules: forgetful }],
      ['certificates ignored', { validators: 2, rounds: 2, twins: 0, rules: ignoringCertificates }],
    ];
    for (const [name, options] of scopes)
      it(name, () => {
        const reduced = explore(options);
        const whole = explore({ ...options, reductions: withoutReductions, statesMax: 400_000 });
        expect(whole.outcome).to.equal(reduced.outcome);
        expect(whole.outcome).to.not.equal('too-many-states');
        expect(whole.counterexample?.property).to.equal(reduced.counterexample?.property);
        if (reduced.counterexample === null) expect(reduced.states).to.be.lessThan(whole.states);
        else expect(reduced.counterexample.confirmed).to.not.equal(null);
      });
  });

  describe('planted defects are found', () => {
    // The last column is what plain hosts violate; peers see who ignores certificates before two blocks are decided.
    const defects: readonly (readonly [string, ExploreOptions, string, string])[] = [
      ['a quorum of one less', { validators: 4, rounds: 2, twins: 0, quorum: 2 }, 'agreement', 'agreement'],
      ['two twins of four', { validators: 4, rounds: 1, twins: 2 }, 'agreement', 'agreement'],
      ['a certificate forgotten', { validators: 4, rounds: 2, twins: 0, rules: forgetful }, 'conduct', 'guard'],
      [
        'certificates ignored',
        { validators: 4, rounds: 2, twins: 0, rules: ignoringCertificates },
        'agreement',
        'innocence',
      ],
    ];
    for (const [name, options, property, check] of defects)
      it(name, () => {
        const { outcome, counterexample } = explore(options);
        expect(outcome).to.equal('violation');
        expect(counterexample?.property).to.equal(property);
        expect(counterexample?.confirmed?.check).to.equal(check);
      });

    const unreducible: readonly (readonly [string, ExploreOptions])[] = [
      ['a second vote in a round', { validators: 4, rounds: 1, twins: 1, rules: votingTwice }],
      ['a lock lost in a crash', { validators: 2, rounds: 2, twins: 0, crashes: 1, rules: losingLocks }],
    ];
    for (const [name, options] of unreducible)
      it(`${name}, without reductions, which do not fit such rules and say so`, () => {
        expect(() => explore(options)).to.throw(UnsoundReductionError, /do not hold for these rules/);
        const { counterexample } = explore({ ...options, reductions: withoutReductions });
        expect(counterexample?.property).to.equal('conduct');
        expect(counterexample?.confirmed).to.not.equal(null);
      });
  });

  it('writes what it found as a schedule that fails again when it is read', () => {
    const { counterexample } = explore({ validators: 4, rounds: 1, twins: 2 });
    if (counterexample === null) throw new Error('nothing was found');
    expect(counterexample.steps.join('\n')).to.contain('gets');
    const { schedule, confirmed: found } = counterexample;
    const text = formatProtocolSchedule({ schedule, found, note: 'two twins of four' });
    const read = protocolScheduleOf(parseSchedule(text, 'found.json'));
    expect(replayProtocol(read.schedule, productionRules).violations[0]).to.deep.equal(found);
  });

  it('stops at a number of states and says that it did not finish', () => {
    const result = explore({ validators: 4, rounds: 2, twins: 1, statesMax: 500 });
    expect(result.outcome).to.equal('too-many-states');
    expect(result.states).to.be.lessThan(600);
  });

  it('can be left at any time', () => {
    const seen: number[] = [];
    for (const { cases } of exploring({ validators: 4, rounds: 2, twins: 0 })) {
      seen.push(cases.reduce((sum, { states }) => sum + states, 0));
      if (seen.length === 2) break;
    }
    expect(seen[1]).to.be.greaterThan(seen[0] as number);
  });

  it('refuses scopes that are none', () => {
    expect(() => explore({ validators: 4, heights: 2 })).to.throw(RangeError, /heights: exploration covers one height/);
    expect(() => explore({ validators: 0 })).to.throw(RangeError, /validators: a whole number from 1 to 7/);
    expect(() => explore({ validators: 4, reductions: { slicing: false } })).to.throw(RangeError, /symmetry/);
  });
});
