/**
 * Goal: whatever a light lacks, and whatever nonsense it is told, nothing is let pass for it: Red with the reason, or no answer at all.
 * Method: the actor on a chain in memory with a policy node and a disk that fail; the light alone with state that cannot be read.
 */
import { expect } from 'chai';
import { readTrafficRequest } from '../../../src/protocols/traffic/flow.ts';
import { TrafficError } from '../../../src/protocols/traffic/traffic-error.ts';
import { MemoryDisk } from '../../../src/runtime/simulated/memory-store.ts';
import { settle } from '../../runtime/support/actor-world.ts';
import { running, TrafficWorld } from '../../support/traffic-light-world.ts';
import { factsOf, greenRequest, now, openLight, trafficRequest } from '../../support/traffic-world.ts';

const told = async (world: TrafficWorld, id: string): Promise<readonly string[]> => {
  const { state, reasons } = (await world.decision(greenRequest(id))).decision;
  return [state, ...reasons];
};

describe('a light whose policy node is down', () => {
  it('is Red and says why until the set that is in force is here, then decides', async () => {
    const world = new TrafficWorld();
    world.isPolicyNodeDown = true;
    world.start();
    world.publish();
    await world.blocks();
    expect(await told(world, '1')).deep.equal(['Red', 'policy-not-ready']);
    expect(world.problems.at(-1)).contain('cannot be reached');
    expect((await world.status()).problem).contain('policy set is not here');
    world.isPolicyNodeDown = false;
    await world.blocks();
    expect(await told(world, '2')).deep.equal(['Green']);
    expect(world.actors.fatal).deep.equal([]);
  });

  it('goes on with the set that it holds, and is Red after a restart', async () => {
    const world = await running();
    world.isPolicyNodeDown = true;
    await world.blocks();
    expect(await told(world, '1')).deep.equal(['Green']);
    await world.actors.system.stop(world.light);
    world.start(world.disk.copy());
    await world.blocks();
    expect(await told(world, '2')).deep.equal(['Red', 'policy-not-ready']);
  });
});

describe('a light whose disk does not sync', () => {
  it('answers nothing, and after the repair what it had appended is decided once, if it is there at all', async () => {
    const world = await running();
    const { decision } = await world.decision(greenRequest('before'));
    world.disk.break();
    expect(await world.decide(greenRequest('during'))).deep.equal([{ kind: 'refused', reason: 'unavailable' }]);
    expect(await world.decide(greenRequest('before'))).deep.equal([{ kind: 'refused', reason: 'not-ready' }]);
    await world.actors.system.stop(world.light);
    world.start(world.disk.copy());
    await settle();
    await world.blocks();
    expect((await world.decision(greenRequest('before'))).decision).deep.equal(decision);
    const again = (await world.decision(greenRequest('during'))).decision;
    expect((await world.decision(greenRequest('during'))).decision).deep.equal(again);
    expect(again.index, 'nothing was told of an entry in its place').equal(decision.index + 1);
  });
});

describe('a light that cannot read the state', () => {
  it('gives no answer and logs none, rather than one without the court or the policies', async () => {
    const broken = (): never => {
      throw new Error('the state cannot be read');
    };
    for (const facts of [factsOf({ constraintsOf: broken }), factsOf({ isSuspended: broken })]) {
      const { light } = await openLight(new MemoryDisk(), { facts });
      const before = light.log.size;
      expect(() => light.decide(greenRequest('1'), { caller: null, now, isLate: false })).throw('cannot be read');
      expect(light.log.size).equal(before);
    }
  });
});

describe('a request that makes no sense', () => {
  const flow = {
    subject: { tenant: 'acme', workload: 'orders' },
    ...{ operation: 'transfer', classification: 'Confidential', contents: ['personal'], purpose: 'service-provision' },
    ...{ source: { country: 'DE' }, destination: { country: 'FR' } },
  };
  const wrong: readonly (readonly [string, object, string])[] = [
    ['an unknown purpose', { purpose: 'fun' }, 'flow.purpose'],
    ['an unknown class', { classification: 'Secret' }, 'flow.classification'],
    ['an unknown operation', { operation: 'teleport' }, 'flow.operation'],
    ['an unknown kind of contents', { contents: ['gossip'] }, 'flow.contents'],
    ['a country that is no code', { destination: { country: 'Germany' } }, 'flow.destination'],
    ['an unknown field', { priority: 1 }, 'flow'],
    ['a number of persons below zero', { counters: { piplPersons: -1 } }, 'flow.counters'],
  ];
  for (const [what, change, place] of wrong)
    it(`with ${what} is refused with the path`, () => {
      let found: unknown;
      try {
        readTrafficRequest({ requestId: '1', flow: { ...flow, ...change } });
      } catch (error) {
        found = error;
      }
      expect(found).instanceOf(TrafficError).property('place').contain(place);
    });

  it('is Red where its country is one that nobody has listed', async () => {
    const { light } = await openLight(new MemoryDisk());
    for (const [from, to] of [
      ['DE', 'ZZ'],
      ['ZZ', 'DE'],
    ] as const) {
      const answer = light.decide(trafficRequest(`${from}${to}`, from, to, { bases: ['contract'] }), {
        ...{ caller: null, now, isLate: false },
      });
      expect(answer.kind === 'decided' ? answer.entry.outcome.state : answer.kind).equal('Red');
    }
  });
});
