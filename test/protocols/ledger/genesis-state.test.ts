/** Goal: an unsound genesis is refused with every reason, a sound one gives one state. Also: genesis.json. */
import { expect } from 'chai';
import { application } from '../../../src/protocols/ledger/application.ts';
import { type Genesis, genesisCodec } from '../../../src/protocols/ledger/genesis.ts';
import { genesisFromJson, genesisJsonCodec, genesisToJson } from '../../../src/protocols/ledger/genesis-json.ts';
import { genesisProblems, genesisState } from '../../../src/protocols/ledger/genesis-state.ts';
import { totalSupply } from '../../../src/protocols/ledger/modules/accounts.ts';
import { decode, encode } from '../../../src/protocols/shared/codec.ts';
import { digest, publicKey } from '../../../src/protocols/shared/brands.ts';
import { genesisOf, inadmissibleKey, keyOf, signatures, World } from './ledger-world.ts';

const problemsOf = (genesis: Genesis, devnet = false): readonly string[] =>
  genesisProblems(genesis, signatures, { devnet }).map(({ path }) => path);

describe('genesis', () => {
  const sound = genesisOf({ validators: 7 });
  const [first, second] = sound.validators as [Genesis['validators'][0], Genesis['validators'][0]];
  const withFirst = (change: Partial<Genesis['validators'][0]>): Genesis => ({
    ...sound,
    validators: [{ ...first, ...change }, ...sound.validators.slice(1)],
  });

  it('is accepted where it is sound', () => {
    expect(problemsOf(sound)).to.be.empty;
    expect(problemsOf(genesisOf({ validators: 1 }), true)).to.be.empty;
  });

  const cases: readonly (readonly [string, Genesis, path: string])[] = [
    ['a duplicate validator', { ...sound, validators: [first, first, ...sound.validators.slice(1)] }, 'validators[1]'],
    ['validators out of order', { ...sound, validators: [...sound.validators].reverse() }, 'validators[1]'],
    ['a forged possession proof', withFirst({ possession: new Uint8Array(64) }), 'validators[0].possession'],
    ['a proof for another VRF key', withFirst({ vrfPublicKey: keyOf('other') }), 'validators[0].possession'],
    ['an inadmissible VRF key', withFirst({ vrfPublicKey: inadmissibleKey }), 'validators[0].vrfPublicKey'],
    ['a VRF key used twice', withFirst({ vrfPublicKey: second.vrfPublicKey }), 'validators[1].vrfPublicKey'],
    ['three validators', genesisOf({ validators: 3 }), 'validators'],
    ['a proof for a chain of another name', { ...sound, chainName: 'other' }, 'validators[0].possession'],
    ['a chain name with blanks', { ...sound, chainName: 'my chain' }, 'chainName'],
    ['a version to come', { ...sound, protocolVersion: 99 }, 'protocolVersion'],
    [
      'an unreachable quorum',
      genesisOf({ validators: 7, parameters: { finalityThreshold: 80 } }),
      'parameters.finalityThreshold',
    ],
    ['a bond that outruns evidence', genesisOf({ parameters: { unbondingBlocks: 19 } }), 'parameters.unbondingBlocks'],
    ['more value than 64 bits hold', genesisOf({ balance: 2n ** 63n }), 'accounts'],
    ['a governor twice', { ...sound, governors: [keyOf('g'), keyOf('g')] }, 'governors[1]'],
    ['an account that cannot sign', { ...sound, accounts: [{ publicKey: inadmissibleKey, balance: 1n }] }, 'accounts'],
  ];
  for (const [name, genesis, path] of cases) {
    it(`is refused with ${name}`, () => expect(problemsOf(genesis)).to.include(path));
  }

  it('names every problem at once', () => {
    const broken = { ...genesisOf({ validators: 3, parameters: { finalityThreshold: 0 } }), chainName: '' };
    expect(problemsOf(broken)).to.include.members(['chainName', 'validators', 'parameters.finalityThreshold']);
  });

  it('gives one state, with an account for every validator and governor, and all value in it', () => {
    const once = genesisState(application, sound);
    expect(genesisState(application, sound)).to.deep.equal(once);
    const world = new World(sound);
    expect(totalSupply(world.view)).to.equal(3n * 10_000n + 7n * 1000n);
    expect(once.validators.quorum).to.equal(5);
    expect(world.state.entries.size).to.equal(once.stateWrites.length);
  });

  describe('as JSON', () => {
    const full: Genesis = {
      ...sound,
      networkAuthority: digest('cd'.repeat(32)),
      previous: { chainId: publicKey('ef'.repeat(32)) as never, lastHeader: digest('ab'.repeat(32)) },
    };

    it('is read back as it was, also through text, and has the canonical bytes of the document', () => {
      const json: unknown = JSON.parse(JSON.stringify(genesisToJson(full)));
      expect(genesisFromJson(json)).to.deep.equal({ value: full });
      expect(encode(genesisJsonCodec, full)).to.deep.equal(encode(genesisCodec, full));
      expect(decode(genesisJsonCodec, encode(genesisCodec, full))).to.deep.equal(full);
    });

    it('names everything that is wrong, by path', () => {
      const json = genesisToJson(full) as Record<string, unknown>;
      const { time: _time, ...rest } = json;
      const broken = {
        ...rest,
        chainName: 7,
        extra: true,
        accounts: [{ publicKey: 'zz', balance: 5 }],
        governors: 'none',
      };
      const read = genesisFromJson(broken);
      if (!('problems' in read)) throw new Error('a broken document was read');
      expect(read.problems.map(({ path }) => path)).to.have.members([
        'chainName',
        'time',
        'accounts[0].publicKey',
        'accounts[0].balance',
        'governors',
        'extra',
      ]);
      expect(read.problems.find(({ path }) => path === 'accounts[0].balance')?.message).to.include('found 5');
    });

    for (const amount of ['-1', '01', '1.5', '', ' 1', '0x10', '18446744073709551616', 1, null]) {
      it(`refuses ${JSON.stringify(amount)} as an amount`, () => {
        const json = genesisToJson(full) as Record<string, unknown>;
        const read = genesisFromJson({ ...json, accounts: [{ publicKey: keyOf('a'), balance: amount }] });
        expect(read).to.have.property('problems');
      });
    }
  });
});
