/** Goal: a set decides from the height at which enough evaluators attested the same; what tightens does so at once, and is not lost. */
import { expect } from 'chai';
import { publicationId } from '../../../../src/protocols/ledger/modules/policies/publication.ts';
import {
  readActiveSet,
  readPending,
  readTenantSets,
  readTightening,
} from '../../../../src/protocols/ledger/modules/policies/policies.ts';
import type { Digest, PublicKey } from '../../../../src/protocols/shared/brands.ts';
import { genesisOf, keyOf, World } from '../ledger-world.ts';

const governor = keyOf('governor');
const evaluators = ['e1', 'e2', 'e3'].map(keyOf);
const hash = (byte: string): Digest => byte.repeat(32) as Digest;
const publicationOf = (set: string, tenant: PublicKey | null = null): Parameters<typeof publicationId>[0] => ({
  ...{ policySet: hash(set), factSet: hash('f0'), asOf: '2026-11-22', tenant, content: hash('c0') },
});

function newWorld(attestationsMin = 2): World {
  const world = new World(genesisOf({ accounts: ['alice', 'e1', 'e2', 'e3'] }));
  const body = { evaluators, attestationsMin };
  expect(world.run({ from: governor, kind: 'policies.set-rule', body })).to.equal('ok');
  return world;
}
const publish = (world: World, set: string, from = governor, tenant: PublicKey | null = null): string =>
  world.run({ from, kind: 'policies.publish', body: publicationOf(set, tenant) });
const attest = (
  world: World,
  set: string,
  by: PublicKey,
  compiled: string,
  tenant: PublicKey | null = null,
): string => {
  const publication = publicationId(publicationOf(set, tenant));
  return world.run({ from: by, kind: 'policies.attest', body: { publication, compiled: hash(compiled) } });
};

describe('policies module', () => {
  it('makes a set active in the block after enough attested the same, and not by those who got something else', () => {
    const world = newWorld();
    expect(publish(world, 'a0')).to.equal('ok');
    expect(publish(world, 'a0')).to.equal('already-published');
    expect(readPending(world.view).map(({ policySet }) => policySet)).to.deep.equal([hash('a0')]);
    expect(attest(world, 'a0', evaluators[0]!, '01')).to.equal('ok');
    expect(attest(world, 'a0', evaluators[0]!, '01')).to.equal('already-attested');
    expect(attest(world, 'a0', evaluators[1]!, '02')).to.equal('ok');
    expect(readActiveSet(world.view, null)).to.equal(undefined);
    expect(attest(world, 'a0', governor, '01')).to.equal('not-an-evaluator');
    expect(attest(world, 'a0', keyOf('alice'), '01')).to.equal('not-permitted');
    expect(attest(world, 'a0', evaluators[2]!, '01')).to.equal('ok');
    const active = readActiveSet(world.view, null);
    expect(active).to.deep.include({ policySet: hash('a0'), compiled: hash('01'), activeFrom: world.height + 1 });
    expect(attest(world, 'a0', evaluators[1]!, '01')).to.equal('already-active');
    expect(readPending(world.view)).to.be.empty;
  });

  it('counts no attestation for another, though its hash is an evaluator’s key', () => {
    const world = newWorld();
    publish(world, 'a0');
    const publication = publicationId(publicationOf('a0'));
    const odd = { publication, compiled: evaluators[1] as string };
    expect(world.run({ from: evaluators[0]!, kind: 'policies.attest', body: odd })).to.equal('ok');
    expect(attest(world, 'a0', evaluators[1]!, '01')).to.equal('ok');
    expect(readActiveSet(world.view, null)).to.equal(undefined);
  });

  it('lets one governor’s word do before evaluators are named', () => {
    const world = new World(genesisOf({ accounts: ['alice'] }));
    publish(world, 'a0');
    expect(attest(world, 'a0', keyOf('alice'), '01')).to.equal('not-permitted');
    expect(attest(world, 'a0', governor, '01')).to.equal('ok');
    expect(readActiveSet(world.view, null)?.policySet).to.equal(hash('a0'));
  });

  it('keeps a tenant’s own set apart: only it publishes one, and the network’s stays', () => {
    const world = newWorld(1);
    const alice = keyOf('alice');
    publish(world, 'a0');
    attest(world, 'a0', evaluators[0]!, '01');
    expect(publish(world, 'b0', governor, alice)).to.equal('not-own-tenant');
    expect(publish(world, 'b0', alice)).to.equal('not-permitted');
    expect(publish(world, 'b0', alice, alice)).to.equal('ok');
    attest(world, 'b0', evaluators[0]!, '03', alice);
    expect(readTenantSets(world.view).map(({ tenant, policySet }) => [tenant, policySet])).to.deep.equal([
      [alice, hash('b0')],
    ]);
    expect(readActiveSet(world.view, null)?.policySet).to.equal(hash('a0'));
  });

  it('tightens from the block of the word, and a set published before that word does not lose it by becoming active', () => {
    const world = newWorld(1);
    publish(world, 'a0');
    attest(world, 'a0', evaluators[0]!, '01');
    publish(world, 'b0');
    const retire = { from: governor, kind: 'policies.retire', body: { id: '4' } };
    expect(world.run({ ...retire, from: keyOf('alice') })).to.equal('not-permitted');
    expect(world.run(retire)).to.equal('ok');
    world.run({ from: governor, kind: 'policies.revoke-fact', body: { id: 'adequacy-jp' } });
    attest(world, 'b0', evaluators[0]!, '02');
    const b = readActiveSet(world.view, null)!;
    expect(b.policySet).to.equal(hash('b0'));
    expect(readTightening(world.view, b.publishedAt)).to.deep.equal({
      retiredRules: ['4'],
      revokedFacts: ['adequacy-jp'],
    });
    publish(world, 'c0');
    attest(world, 'c0', evaluators[0]!, '03');
    const c = readActiveSet(world.view, null)!;
    expect(readTightening(world.view, c.publishedAt)).to.deep.equal({ retiredRules: [], revokedFacts: [] });
  });

  it('publishes facts anew for the set that is active', () => {
    const world = newWorld(1);
    const body = { factSet: hash('f1'), asOf: '2026-12-01', content: hash('c1') };
    const facts = { from: governor, kind: 'policies.publish-facts', body };
    expect(world.run(facts)).to.equal('no-active-set');
    publish(world, 'a0');
    attest(world, 'a0', evaluators[0]!, '01');
    expect(world.run(facts)).to.equal('ok');
    expect(readPending(world.view)[0]).to.deep.include({ policySet: hash('a0'), ...body });
  });
});
