/** Goal: services are listed while their leases hold, and only their owners change them. */
import { expect } from 'chai';
import { readService, readServices, servicesPerOwnerMax } from '../../../../src/protocols/ledger/modules/registry.ts';
import { keyOf, World } from '../ledger-world.ts';

const alice = keyOf('alice');
const bob = keyOf('bob');
const description = { endpoints: ['https://127.0.0.1:21002'], region: 'EU', leaseMs: 10_000 };
const service = (id: string): unknown => ({ id, kind: 'court', node: keyOf('node'), ...description });
const register = (world: World, id: string, from = alice): string =>
  world.run({ from, kind: 'registry.register', body: service(id) });
const update = (world: World, id: string, from = alice): string =>
  world.run({ from, kind: 'registry.update', body: { id, ...description, region: 'US' } });

describe('registry module', () => {
  it('lists a service until its lease ends in header time, and says so', () => {
    const world = new World();
    expect(register(world, 'court-1')).to.equal('ok');
    const registeredAt = world.parent.time;
    expect(readService(world.view, 'court-1')).to.deep.include({ owner: alice, leaseUntil: registeredAt + 10_000 });
    world.commit([], registeredAt + 9_999);
    expect(readServices(world.view)).to.have.length(1);
    const last = world.commit([], registeredAt + 10_999);
    expect(last.events.map(({ kind, transaction }) => [kind, transaction])).to.deep.equal([['lease-ended', null]]);
    expect(readServices(world.view)).to.be.empty;
    expect(register(world, 'court-1', bob)).to.equal('ok');
  });

  it('renews a lease with every update', () => {
    const world = new World();
    register(world, 'court-1');
    for (let i = 0; i < 5; i++) {
      world.commit([], world.parent.time + 8_000);
      expect(update(world, 'court-1')).to.equal('ok');
    }
    expect(readService(world.view, 'court-1')).to.deep.include({ region: 'US', kind: 'court' });
  });

  it('lets only the owner update and deregister, and a name be taken once', () => {
    const world = new World();
    register(world, 'court-1');
    expect(register(world, 'court-1', bob)).to.equal('service-exists');
    expect(update(world, 'court-1', bob)).to.equal('not-permitted');
    const deregister = (from: typeof alice): string =>
      world.run({ from, kind: 'registry.deregister', body: { id: 'court-1' } });
    expect(deregister(bob)).to.equal('not-permitted');
    expect(deregister(alice)).to.equal('ok');
    expect(deregister(alice), 'nobody owns what is gone').to.equal('not-permitted');
    world.commit([], world.parent.time + 20_000);
    expect(world.blocks.at(-1)?.events, 'its lease went with it').to.be.empty;
  });

  it('bounds the services of one owner', () => {
    const world = new World();
    const all = Array.from({ length: servicesPerOwnerMax }, (_, i) =>
      world.transaction({ from: alice, kind: 'registry.register', body: service(`service-${i}`) }),
    );
    expect(world.commit(all).results.every(({ code }) => code === 'ok')).to.equal(true);
    expect(register(world, 'one-more')).to.equal('too-many-services');
    world.run({ from: alice, kind: 'registry.deregister', body: { id: 'service-0' } });
    expect(register(world, 'one-more')).to.equal('ok');
  });
});
