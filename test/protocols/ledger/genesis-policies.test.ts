/** Goal: a genesis document may hold policies, and one that does not is what it always was. */
import { expect } from 'chai';
import { type Genesis, genesisCodec } from '../../../src/protocols/ledger/genesis.ts';
import { genesisFromJson, genesisToJson } from '../../../src/protocols/ledger/genesis-json.ts';
import { genesisProblems } from '../../../src/protocols/ledger/genesis-state.ts';
import type { GenesisPolicies } from '../../../src/protocols/ledger/modules/policies/genesis-policies.ts';
import { readActiveSet } from '../../../src/protocols/ledger/modules/policies/policies.ts';
import type { Digest } from '../../../src/protocols/shared/brands.ts';
import { CodecError, decode, encode } from '../../../src/protocols/shared/codec.ts';
import { courtGenesis } from './court/court-world.ts';
import { genesisOf, keyOf, signatures, World } from './ledger-world.ts';

const digest = (fill: string): Digest => fill.repeat(64) as Digest;
const evaluators = ['e1', 'e2'].map(keyOf).sort();
const network = {
  ...{ policySet: digest('1'), factSet: digest('2'), asOf: '2026-01-01', tenant: null, content: digest('3') },
  ...{ author: keyOf('governor'), compiled: digest('4') },
};
const withPolicies = (policies: GenesisPolicies): Genesis => ({ ...courtGenesis(), policies });
const whole = withPolicies({ rule: { evaluators, attestationsMin: 2 }, network });

describe('policies in genesis', () => {
  it('are read back in both forms', () => {
    expect(decode(genesisCodec, encode(genesisCodec, whole))).to.deep.equal(whole);
    expect(genesisFromJson(JSON.parse(JSON.stringify(genesisToJson(whole))))).to.deep.equal({ value: whole });
    expect(genesisProblems(whole, signatures, { devnet: false })).to.be.empty;
  });

  it('that are absent leave no trace', () => {
    expect(genesisToJson(courtGenesis())).not.to.have.property('policies');
    expect(encode(genesisCodec, courtGenesis())[0], 'ten fields').to.equal(0x9a);
    expect(readActiveSet(new World(courtGenesis()).view, null)).to.equal(undefined);
  });

  it('need the part of the court before them', () => {
    const { policies } = whole;
    const alone = { ...genesisOf({}), ...(policies === undefined ? {} : { policies }) };
    expect(() => encode(genesisCodec, alone)).to.throw(CodecError, 'policies');
    const { court: _, ...json } = genesisToJson(whole) as Record<string, unknown>;
    expect(genesisFromJson(json)).to.deep.equal({ problems: [{ path: 'court', message: 'missing' }] });
  });

  it('put the network’s set in force from block 1, and name who attests the next', () => {
    const world = new World(whole);
    expect(readActiveSet(world.view, null)).to.include({ ...network, publishedAt: 0, activeFrom: 1 });
  });

  const unsound: readonly (readonly [string, GenesisPolicies, string])[] = [
    [
      'evaluators out of order',
      { rule: { evaluators: [...evaluators].reverse(), attestationsMin: 1 }, network },
      'evaluators',
    ],
    [
      'an evaluator twice',
      { rule: { evaluators: [keyOf('e'), keyOf('e')], attestationsMin: 1 }, network },
      'evaluators',
    ],
    ['more attestations than evaluators', { rule: { evaluators, attestationsMin: 3 }, network }, 'attestationsMin'],
    ['a set of one tenant', { rule: null, network: { ...network, tenant: keyOf('t') } }, 'tenant'],
  ];
  for (const [name, policies, path] of unsound) {
    it(`are refused with ${name}`, () => {
      const problems = genesisProblems(withPolicies(policies), signatures, { devnet: false });
      expect(problems.map((problem) => problem.path).join()).to.include(path);
    });
  }
});
