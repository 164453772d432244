/**
 * Goal: the compiled set says what Cedar says. Method: both on every set of rules that can match together in a regime, on both
 * sides of every bound, on every country, on random inputs; and sets made wrong on purpose, which must be found out.
 */
import { expect } from 'chai';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { evaluateRequest } from '../../src/protocols/policy/evaluate.ts';
import { readFactSet } from '../../src/protocols/policy/facts.ts';
import { prepareCedarRules } from '../../src/runtime/adapters/cedar.ts';
import { checkEquality } from '../../src/runtime/adapters/cedar-equality.ts';
import { appliesText, compiled, pack, requestOf, ruleText, setOf } from './default-pack.ts';

const random = 300;

/** Few countries, so that a set is compared on all of them in no time. */
const facts = readFactSet({
  ...{ version: 'few', countries: ['AD', 'DE', 'FR', 'JP', 'US'] },
  facts: [{ id: 'eea', kind: 'group', group: 'eea', countries: ['DE', 'FR'], grants: false, citation: 'test' }],
});

describe('policy/equality with Cedar', () => {
  it('holds for the default pack, all of it compiled', () => {
    expect(compiled.outside).to.deep.equal([]);
    const report = checkEquality(compiled, prepareCedarRules(pack.set), { random, seed: 7 });
    expect(report.mismatches).to.deep.equal([]);
    expect(report.matchSets).to.be.greaterThan(300);
    expect(report.boundaries).to.be.greaterThan(1000);
  });

  it('finds a set that was compiled from other policies', () => {
    const other = setOf(
      appliesText('true'),
      ruleText('a', 'green', 'context.counters.bulkHealth < 10'),
      ruleText('b', 'red', 'context.safeguards.contains("monitoring")'),
    );
    const wrong = setOf(
      appliesText('true'),
      ruleText('a', 'green', 'context.counters.bulkHealth <= 10'),
      ruleText('b', 'red', 'context.safeguards.contains("monitoring")'),
    );
    const report = checkEquality(compilePolicySet(wrong, facts, pack.asOf), prepareCedarRules(other), {
      ...{ random: 0, seed: 1 },
    });
    expect(report.mismatches.map(({ input }) => input.counters.bulkHealth)).to.include(10);
  });

  const conditions = [
    'context.counters.bulkHealth != 5 && !(6 < context.counters.bulkHealth)',
    'if context.bases.contains("scc") then context.safeguards.contains("dpia") else context.destination == "JP"',
    'context.safeguards.containsAll(["dpia", "monitoring"]) || !context.bases.containsAny(["scc", "bcr"])',
    '["DE", "FR"].contains(context.source) != true || context.sourceGroups.contains("eea")',
    'context.destinationGroups.contains("eea") == context.sourceGroups.contains("eea")',
    'context.destination like "A*"',
    'context.counters.bulkHealth + context.counters.bulkFinancial > 20',
    'context.safeguards.isEmpty()',
  ];
  for (const condition of conditions) {
    it(`holds for: ${condition}`, () => {
      const set = setOf(
        appliesText('true'),
        ruleText('a', 'green', condition),
        ruleText('b', 'red', `!(${condition})`),
      );
      const compiledSet = compilePolicySet(set, facts, pack.asOf);
      const report = checkEquality(compiledSet, prepareCedarRules(set), { random: 150, seed: 3 });
      expect(report.mismatches).to.deep.equal([]);
    });
  }

  it('leaves rules outside the subset to Cedar, and is Red without it', () => {
    const set = setOf(appliesText('true'), ruleText('a', 'green', 'context.destination like "J*"'));
    const mixed = compilePolicySet(set, pack.facts, pack.asOf);
    expect(mixed.outside.map((index) => set.rules[index]!.id)).to.deep.equal(['a']);
    const { matching } = prepareCedarRules(set);
    expect(evaluateRequest(mixed, requestOf('DE', 'JP'), { outside: matching }).state).to.equal('Green');
    expect(evaluateRequest(mixed, requestOf('DE', 'US'), { outside: matching }).state).to.equal('Red');
    expect(evaluateRequest(mixed, requestOf('DE', 'JP')).state).to.equal('Red');
  });

  it('is Red where a prohibition fails to evaluate, which Cedar alone would skip', () => {
    const overflow = 'context.counters.bulkHealth * 9007199254740991 * 2000 > 0';
    const set = setOf(appliesText('true'), ruleText('a', 'green', 'true'), ruleText('b', 'red', overflow));
    const mixed = compilePolicySet(set, pack.facts, pack.asOf);
    const { matching } = prepareCedarRules(set);
    const result = evaluateRequest(mixed, requestOf('DE', 'JP', { counters: { bulkHealth: 7 } }), {
      outside: matching,
    });
    expect(result.state).to.equal('Red');
    expect(result.faults).to.deep.equal(['error']);
  });
});
