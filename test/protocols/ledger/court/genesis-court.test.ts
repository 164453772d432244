/** Goal: a genesis document may hold a court, and one that does not is what it always was. */
import { expect } from 'chai';
import { chainIdOf, genesisCodec } from '../../../../src/protocols/ledger/genesis.ts';
import { genesisFromJson, genesisToJson } from '../../../../src/protocols/ledger/genesis-json.ts';
import { genesisProblems } from '../../../../src/protocols/ledger/genesis-state.ts';
import { heldFor, totalSupply } from '../../../../src/protocols/ledger/modules/accounts.ts';
import { bondHolding, readArbitrators } from '../../../../src/protocols/ledger/modules/court/arbitrators.ts';
import type { GenesisCourt } from '../../../../src/protocols/ledger/modules/court/genesis-court.ts';
import {
  builtInJurisdiction,
  builtInJurisdictions,
  jurisdictionProblems,
  readJurisdiction,
} from '../../../../src/protocols/ledger/modules/court/jurisdictions.ts';
import { decode, encode } from '../../../../src/protocols/shared/codec.ts';
import { genesisOf, inadmissibleKey, signatures, World } from '../ledger-world.ts';
import { arbitratorKeys, courtGenesis, unit } from './court-world.ts';

describe('a court in genesis', () => {
  it('is read back in both forms, and changes the chain’s name', () => {
    const local = { ...builtInJurisdiction('local'), filingFee: 5n };
    const genesis = courtGenesis({ jurisdictions: [local] });
    expect(decode(genesisCodec, encode(genesisCodec, genesis))).to.deep.equal(genesis);
    expect(genesisFromJson(JSON.parse(JSON.stringify(genesisToJson(genesis))))).to.deep.equal({ value: genesis });
    expect(chainIdOf(genesis)).not.to.equal(chainIdOf(courtGenesis()));
  });

  it('that is absent leaves no trace in the document’s bytes, JSON or state', () => {
    const genesis = genesisOf({});
    expect(encode(genesisCodec, genesis)[0], 'nine fields').to.equal(0x99);
    expect(genesisToJson(genesis)).not.to.have.property('court');
    expect(decode(genesisCodec, encode(genesisCodec, genesis))).to.deep.equal(genesis);
    const keys = [...new World(genesis).state.entries.keys()].map((key) => Buffer.from(key, 'hex').toString());
    expect(keys.filter((key) => key.startsWith('court/') || key.startsWith('agreements/'))).to.be.empty;
  });

  it('seeds arbitrators with bonds that are part of the supply', () => {
    const world = new World(courtGenesis());
    const listed = readArbitrators(world.view);
    expect(listed.map(({ account }) => account)).to.deep.equal(arbitratorKeys);
    expect(listed.map(({ bond }) => bond)).to.deep.equal(arbitratorKeys.map((_, index) => BigInt(100 + index) * unit));
    expect(heldFor(world.view, bondHolding(arbitratorKeys[3]!))).to.equal(103n * unit);
    const without = totalSupply(new World(courtGenesis({ arbitrators: [] })).view);
    expect(totalSupply(world.view) - without).to.equal(listed.reduce((sum, { bond }) => sum + bond, 0n));
  });

  it('replaces built-in jurisdictions and adds others', () => {
    const mine = { ...builtInJurisdiction('local'), id: 'mine' };
    const local = { ...builtInJurisdiction('local'), filingFee: 5n };
    const { view } = new World(courtGenesis({ jurisdictions: [local, mine] }));
    expect(readJurisdiction(view, 'local')?.filingFee).to.equal(5n);
    expect(readJurisdiction(view, 'mine')).to.deep.equal(mine);
    expect(readJurisdiction(view, 'germany')).to.equal(builtInJurisdiction('germany'));
    expect(readJurisdiction(view, 'nowhere')).to.equal(undefined);
  });

  it('has its problems named', () => {
    const { arbitrators } = courtGenesis().court!;
    const problemsOf = (court: Partial<GenesisCourt>): readonly string[] =>
      genesisProblems(courtGenesis(court), signatures, { devnet: false }).map(({ path }) => path);
    expect(problemsOf({})).to.be.empty;
    expect(problemsOf({ arbitrators: [arbitrators[1]!, arbitrators[0]!] })).to.deep.equal(['court.arbitrators[1]']);
    expect(problemsOf({ arbitrators: [{ ...arbitrators[0]!, bond: 0n }] })).to.deep.equal([
      'court.arbitrators[0].bond',
    ]);
    expect(problemsOf({ arbitrators: [{ ...arbitrators[0]!, account: inadmissibleKey }] })).to.deep.equal(['accounts']);
    expect(problemsOf({ arbitrators: [{ ...arbitrators[0]!, bond: 2n ** 64n - 1n }] })).to.deep.equal(['accounts']);
    const local = builtInJurisdiction('local');
    expect(problemsOf({ jurisdictions: [local, local] })).to.deep.equal(['court.jurisdictions[1].id']);
    expect(problemsOf({ jurisdictions: [{ ...local, awardWithinMs: 1000 }] })).to.deep.equal([
      'court.jurisdictions[0].awardWithinMs',
    ]);
  });
});

describe('the built-in jurisdictions', () => {
  it('are six, each with an award in time', () => {
    expect(builtInJurisdictions).to.deep.equal([
      'local',
      'delaware',
      'england-wales',
      'germany',
      'singapore',
      'uncitral',
    ]);
    for (const id of builtInJurisdictions) expect(jurisdictionProblems(builtInJurisdiction(id)), id).to.be.empty;
    const day = 86_400_000;
    expect(builtInJurisdiction('delaware').awardWithinMs, '10 Del. C. § 5808(b)').to.equal(120 * day);
    expect(builtInJurisdiction('germany').stages.challenge, 'ZPO § 1037(2)').to.equal(14 * day);
    expect(builtInJurisdiction('uncitral').stages.response, 'art. 4(1)').to.equal(30 * day);
  });
});
