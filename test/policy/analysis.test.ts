/**
 * Goal: analysis is exhaustive and exact. Method: a small set whose every cell is enumerated by hand (a dumb oracle over the
 * same evaluation), sets with planted faults, and two versions of the default pack.
 */
import { expect } from 'chai';
import { analyse, differencesOf } from '../../src/protocols/policy/analysis.ts';
import { type CompiledSet, compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { matchRules, regimeRanks } from '../../src/protocols/policy/evaluate.ts';
import { readFactSet } from '../../src/protocols/policy/facts.ts';
import type { PolicyInput } from '../../src/protocols/policy/input.ts';
import { counterNames } from '../../src/protocols/policy/vocabulary.ts';
import { appliesText, compiled, pack, ruleText, setOf } from './default-pack.ts';

const facts = readFactSet({
  ...{ version: 'few', countries: ['AD', 'DE', 'FR', 'JP', 'US'] },
  facts: [{ id: 'eea', kind: 'group', group: 'eea', countries: ['DE', 'FR'], grants: false, citation: 'test' }],
});
const compileFew = (...policies: readonly string[]): CompiledSet =>
  compilePolicySet(setOf(...policies), facts, '2026-01-01');

const health = (bound: number): string => `context.counters.bulkHealth < ${bound}`;
const small = [
  appliesText('context.sourceGroups.contains("eea") || context.inherited.contains("gdpr")'),
  ruleText('a', 'green', `context.destinationGroups.contains("eea") && ${health(10)}`),
  ruleText('b', 'yellow', 'context.safeguards.contains("dpia") && context.destination != "JP"'),
  ruleText('c', 'red', '!context.safeguards.contains("monitoring") && context.destination == "US"'),
];

/** Every cell of the small set's dimensions. */
function* cells(): Generator<PolicyInput> {
  const countries = [...facts.countries, 'unlisted'];
  const counters = Object.fromEntries(counterNames.map((name) => [name, 0])) as PolicyInput['counters'];
  const none = {
    contents: [],
    subjectGroups: [],
    bases: [],
    recipient: [],
    certified: [],
    circumstances: [],
    engine: [],
  };
  const subsets = [[], ['dpia'], ['monitoring'], ['dpia', 'monitoring']];
  for (const source of countries)
    for (const destination of countries)
      for (const bulkHealth of [0, 10])
        for (const inherited of [[], ['gdpr']])
          for (const safeguards of subsets)
            yield {
              texts: { operation: 'transfer', classification: 'Public', purpose: 'other', source, destination },
              sets: { ...none, inherited, safeguards },
              counters: { ...counters, bulkHealth },
            };
}

const rankOf = (set: CompiledSet, input: PolicyInput): number => regimeRanks(set, matchRules(set, input)).ranks[0]!;
const count = (predicate: (input: PolicyInput) => boolean): bigint => BigInt([...cells()].filter(predicate).length);

describe('policy/analysis', () => {
  const few = compileFew(...small);

  it('counts exactly the cells of a gap', () => {
    const { gaps, regimes } = analyse(few);
    expect(regimes).to.deep.equal([
      { regime: 'gdpr', cells: count(() => true), applies: count((input) => rankOf(few, input) >= 0) },
    ]);
    expect(gaps.map(({ cells: found }) => found)).to.deep.equal([count((input) => rankOf(few, input) === 0)]);
  });

  it('counts exactly the cells of a conflict', () => {
    const isConflict = (input: PolicyInput): boolean => {
      const ids = matchRules(few, input).rules.map((index) => few.set.rules[index]!.id);
      return ids.includes('applies-gdpr') && ids.includes('c') && (ids.includes('a') || ids.includes('b'));
    };
    expect(analyse(few).conflicts.map(({ cells: found }) => found)).to.deep.equal([count(isConflict)]);
  });

  it('counts exactly the cells in which two sets differ', () => {
    const other = compileFew(...small.slice(0, 1), ruleText('a', 'green', health(10)), ...small.slice(2));
    const found = differencesOf(few, other).reduce((sum, difference) => sum + difference.cells, 0n);
    const state = (rank: number): number => (rank === 0 ? 3 : rank);
    expect(found).to.equal(count((input) => state(rankOf(few, input)) !== state(rankOf(other, input))));
    expect(found > 0n).to.equal(true);
    expect(differencesOf(few, few)).to.deep.equal([]);
  });

  it('names rules that never match and rules that never decide', () => {
    const set = compileFew(
      ...small,
      ruleText('never', 'green', 'context.destination == "US" && context.destinationGroups.contains("eea")'),
      ruleText('elsewhere', 'green', '!context.sourceGroups.contains("eea") && !context.inherited.contains("gdpr")'),
      ruleText('beaten', 'green', 'context.safeguards.contains("dpia") && context.destination == "FR"'),
    );
    const { dead, idle } = analyse(set);
    expect(dead).to.deep.equal(['elsewhere', 'never']);
    expect(idle).to.deep.equal(['beaten']);
  });

  it('finds no dead rule in the default pack, and its known gaps', () => {
    const { dead, idle, gaps } = analyse(compiled);
    expect(dead).to.deep.equal([]);
    expect(idle).to.deep.equal([]);
    expect(gaps.map(({ regime }) => regime)).to.deep.equal([
      '152-fz',
      'baseline',
      'ccpa',
      'dpdp',
      'fadp',
      'gdpr',
      'hipaa',
      'pipl',
      'uk-gdpr',
      'us-bulk',
    ]);
  });

  it('shows what a rule taken from the default pack changes, and nothing else', () => {
    const rules = pack.set.rules.filter(({ id }) => id !== '18');
    const differences = differencesOf(compiled, compilePolicySet({ ...pack.set, rules }, pack.facts, pack.asOf));
    expect(differences.map(({ regime, from, to }) => [regime, from, to])).to.deep.equal([['dpdp', 'Green', 'Red']]);
  });
});
