/**
 * Goal: every rule of the default pack decides where it should, not one step outside, and not without its precondition.
 * Method: the pack's own golden cases, and the sentences of the design about facts, each as a test of its own.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { tableOf } from '../../src/cli/biso-policy/table.ts';
import { compilePolicySet } from '../../src/protocols/policy/compile.ts';
import { evaluateRequest } from '../../src/protocols/policy/evaluate.ts';
import { checkGoldens } from '../../src/runtime/adapters/policy-goldens.ts';
import { compiled, decide, pack, packDirectory, requestOf } from './default-pack.ts';

describe('policy/default pack', () => {
  it('holds on three golden cases of each of its rules', () => {
    const { cases, failures, withoutGoldens } = checkGoldens(packDirectory, compiled);
    expect(failures).to.deep.equal([]);
    expect(withoutGoldens).to.deep.equal([]);
    expect(cases).to.be.at.least(3 * pack.set.rules.filter(({ state }) => state !== null).length);
  });

  it('fails its goldens when a rule is taken away', () => {
    const rules = pack.set.rules.filter(({ id }) => id !== '4');
    const { failures } = checkGoldens(packDirectory, compilePolicySet({ ...pack.set, rules }, pack.facts, pack.asOf));
    expect(failures.map(({ message }) => message)).to.include('rule 4, match: Red by no rule, not Yellow');
  });

  it('has a rule for every row of the published facts', () => {
    const rows = new Set(pack.set.rules.flatMap(({ id }) => /^\d+a?/.exec(id)?.[0] ?? []));
    const expected = [...Array.from({ length: 33 }, (_, index) => String(index + 1)), '19a'];
    expect(expected.filter((row) => !rows.has(row))).to.deep.equal([]);
  });

  it('is printed in docs/policy-pack.md', () => {
    expect(readFileSync('docs/policy-pack.md', 'utf8')).to.equal(`${tableOf(compiled, pack.facts).join('\n')}\n`);
  });

  it('answers as of a day: Brazil is adequate from 26 January 2026', () => {
    const before = compilePolicySet(pack.set, pack.facts, '2026-01-25');
    expect(evaluateRequest(before, requestOf('DE', 'BR')).state).to.equal('Red');
    expect(decide(requestOf('DE', 'BR')).state).to.equal('Green');
  });

  it('ends with its earliest fact: after 27 December 2031 everything is Red', () => {
    expect(compiled.validUntil).to.equal('2031-12-27');
    expect(decide(requestOf('DE', 'KR'), { today: '2031-12-27' }).state).to.equal('Green');
    const late = decide(requestOf('DE', 'KR'), { today: '2031-12-28' });
    expect(late.state).to.equal('Red');
    expect(late.rules.map(({ id }) => id)).to.deep.equal(['27']);
    expect(late.faults).to.deep.equal(['expired-fact']);
  });

  it('takes a certificate that the facts know to be withdrawn for none', () => {
    const certificate = {
      kind: 'certification',
      scheme: 'dpf',
      recipient: 'Example Inc.',
      from: '2024-01-01',
    } as const;
    const withFact = (until: string | null) => {
      const fact = { ...certificate, id: 'dpf-example', until, citation: 'Data Privacy Framework list', recheck: null };
      return compilePolicySet(pack.set, { ...pack.facts, facts: [...pack.facts.facts, fact] }, pack.asOf);
    };
    const request = requestOf('DE', 'US', {
      bases: ['dpf'],
      destination: { country: 'US', recipient: 'Example Inc.' },
    });
    expect(evaluateRequest(withFact(null), request).state).to.equal('Yellow');
    expect(evaluateRequest(withFact('2025-12-31'), request).state).to.equal('Red');
    const lapsing = withFact('2026-03-31');
    expect(evaluateRequest(lapsing, request, { today: '2026-03-31' }).state).to.equal('Yellow');
    expect(evaluateRequest(lapsing, request, { today: '2026-04-01' }).state).to.equal('Red');
  });

  it('answers no longer than until a country becomes restricted', () => {
    const fact = {
      id: 'in-restricted-sg',
      kind: 'group',
      group: 'in-restricted',
      countries: ['SG'],
      grants: false,
    } as const;
    const restricted = { ...fact, from: '2026-03-01', until: null, citation: 'test', recheck: null };
    const facts = { ...pack.facts, facts: [...pack.facts.facts, restricted] };
    const before = compilePolicySet(pack.set, facts, '2026-02-01');
    expect(before.validUntil).to.equal('2026-02-28');
    expect(evaluateRequest(before, requestOf('IN', 'SG'), { today: '2026-02-28' }).state).to.equal('Green');
    expect(evaluateRequest(before, requestOf('IN', 'SG'), { today: '2026-03-01' }).state).to.equal('Red');
    expect(evaluateRequest(compilePolicySet(pack.set, facts, '2026-03-01'), requestOf('IN', 'SG')).state).to.equal(
      'Red',
    );
  });
});
