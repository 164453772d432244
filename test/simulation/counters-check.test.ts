/** Goal: the checker of counters sees what was let pass beyond a lease, and nothing else. Method: a real chain, told of made-up decisions. */
import { expect } from 'chai';
import { View } from '../../src/protocols/ledger/view.ts';
import type { CourtBlock } from '../../src/simulation/system/checkers/court/court-block.ts';
import { CountersCheck } from '../../src/simulation/system/checkers/court/counters-check.ts';
import type { DecisionSeen } from '../../src/simulation/system/checkers/told-decisions.ts';
import { lightKey, running, type TrafficWorld } from '../support/traffic-light-world.ts';
import { trafficRequest } from '../support/traffic-world.ts';

const asked = (id: string, persons: number) =>
  trafficRequest(id, 'DE', 'FR', { bases: ['contract'], counters: { bulkHealth: persons } });

/** A light that has leased a thousand persons of `acme`. */
async function leased(): Promise<TrafficWorld> {
  const world = await running();
  await world.decision(asked('1', 100));
  await world.blocks();
  return world;
}

/** What is said of the newest block where these were answered on its state. */
function foundIn(world: TrafficWorld, ...seen: readonly Pick<DecisionSeen, 'flow' | 'decision'>[]): string | null {
  const { chain } = world.chain;
  const all = seen.map((one) => ({ node: 0, light: lightKey.publicKey, requestId: '', checkpoint: '', ...one }));
  const told = all.map(({ decision, ...one }) => ({
    ...{ ...one, stateTime: null, anchoredSize: 0 },
    decision: { ...decision, height: chain.tip.height },
  }));
  const { state, tip } = chain;
  const times = { height: tip.height, time: tip.time, courtTime: tip.time };
  const block: CourtBlock = {
    ...{ ...times, beacon: new Uint8Array(32), acts: new Map(), events: [], view: new View(state), state },
  };
  return new CountersCheck(told).onBlock(block);
}

describe('the checker of counters', () => {
  it('lets pass what is within a lease, and says which decision went beyond it', async () => {
    const world = await leased();
    const of = async (id: string, persons: number) => {
      const { flow } = asked(id, persons);
      const { decision } = await world.decision(asked(id, persons));
      return { flow, decision };
    };
    const [first, second] = [await of('2', 600), await of('3', 400)];
    expect([first.decision.state, second.decision.state]).to.deep.equal(['Green', 'Green']);
    expect(foundIn(world, first, second)).to.equal(null);
    const { flow } = asked('4', 1);
    const beyond = { flow, decision: { ...second.decision, id: first.decision.id } };
    expect(foundIn(world, first, second, beyond))
      .to.be.a('string')
      .that.includes(first.decision.id)
      .and.includes('1001 of bulkHealth')
      .and.includes('leased 1000');
    const red = await of('5', 900);
    expect(red.decision.state, 'what does not pass is not counted').to.equal('Red');
    const held = { flow, decision: { ...second.decision, enforcementAction: 'hold' } };
    expect(foundIn(world, first, second, red, held)).to.equal(null);
    const other = { ...flow, subject: { ...flow.subject, tenant: 'another' } };
    expect(foundIn(world, { flow: other, decision: first.decision })).to.include('leased 0');
  });
});
