/**
 * Goal: a node knows who is alive, how far away and in what state; it suspects silence and not its own lateness; it comes
 * back to peers for ever.
 * Method: nodes on a simulated network and a virtual clock.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { Suspicion } from '../../src/runtime/links/suspicion.ts';
import { LinkError } from '../../src/runtime/links/errors.ts';
import { type LinkNode, LinkWorld } from './support/link-world.ts';

async function pair(): Promise<{ world: LinkWorld; a: LinkNode; b: LinkNode }> {
  const world = new LinkWorld('liveness');
  const [a, b] = [await world.node(0), await world.node(1)];
  await world.meet(a, b);
  return { world, a, b };
}

describe('heartbeats', () => {
  it('carry the status of each peer once a second', async () => {
    const { world, a, b } = await pair();
    a.links.setStatus(Uint8Array.of(1, 2, 3));
    await world.pass(1_100);
    expect(b.peer(a).status).deep.equal(Uint8Array.of(1, 2, 3));
    expect(world.clock.monotonicMs() - b.peer(a).statusAtMs).below(1_000);
    a.links.setStatus(new Uint8Array(256).fill(9));
    await world.pass(1_100);
    expect(b.peer(a).status).deep.equal(new Uint8Array(256).fill(9));
    expect(() => a.links.setStatus(new Uint8Array(257))).throw(LinkError);
  });

  it('tell every listener, until it leaves', async () => {
    const { world, a, b } = await pair();
    let heard = 0;
    const leave = a.links.onPeer((peer) => {
      expect(peer.key).equal(b.key);
      heard += 1;
    });
    await world.pass(5_000);
    expect(heard).within(4, 6);
    leave();
    await world.pass(5_000);
    expect(heard).within(4, 6);
  });

  it('measure the round trip and the offset of the wall clock', async () => {
    const { world, a, b } = await pair();
    world.conditions = () => ({ delayMs: 40, open: true });
    await world.pass(30_000);
    expect(a.peer(b).rttMs).closeTo(80, 1);
    expect(b.peer(a).rttMs).closeTo(80, 1);
    expect(a.peer(b).clockOffsetMs).closeTo(0, 1);
  });

  it('are all that an idle link sends: one small frame a second each way', async () => {
    const { world, a, b } = await pair();
    await world.pass(3_000);
    let frames = 0;
    let bytes = 0;
    world.onFrame = (_from, _to, frame) => {
      frames += 1;
      bytes += frame.length;
      return frame;
    };
    await world.pass(100_000);
    expect(frames).within(199, 201);
    expect(bytes / frames).below(40);
    expect(world.clock.pending).equal(2); // one tick a node
    expect([a.peer(b).state, b.peer(a).state]).deep.equal(['up', 'up']);
  });
});

describe('a silent peer', () => {
  it('is suspected within four seconds, given up after ten, and linked again when it is back', async () => {
    const { world, a, b } = await pair();
    await world.pass(20_000);
    world.partition(a, b);
    const cutAtMs = world.clock.monotonicMs();
    await world.pass(4_000);
    expect(a.peer(b).state).equal('suspect');
    expect(a.downs).deep.equal([]);
    await world.pass(8_000);
    expect(a.downs).lengthOf(1);
    expect(a.downs[0]!.atMs - cutAtMs).within(10_000, 12_000);
    expect(a.downs[0]!.reason).match(/^nothing heard for \d+ ms$/);
    await world.pass(600_000);
    expect(a.peer(b).state).not.equal('up');
    expect(a.peer(b).lastError).contains('timeout');
    world.heal();
    await world.pass(16_000);
    expect(a.peer(b).state).equal('up');
    expect(a.ups.map(({ resumed }) => resumed)).deep.equal([false, true]);
  });

  it('is trusted again at its next heartbeat', async () => {
    const { world, a, b } = await pair();
    await world.pass(10_000);
    world.partition(a, b);
    await world.pass(5_000);
    world.heal();
    await world.pass(1_100);
    expect(a.peer(b).state).equal('up');
    expect(a.ups).lengthOf(1);
    expect(a.changes.map(({ state }) => state)).includes('suspect');
  });
});

describe('reconnection', () => {
  it('waits between a tenth of a second and ten seconds, longer each time, and starts short again after success', async () => {
    const world = new LinkWorld('redial');
    const a = await world.node(0);
    const dials: number[] = [];
    const b = await world.node(1);
    await b.links.stop();
    const original = world.conditions;
    world.conditions = (from, to) => {
      dials.push(world.clock.monotonicMs());
      return original(from, to);
    };
    a.links.setPeers([{ key: b.key, addresses: [b.address] }]);
    await world.pass(300_000);
    const attempts = dials.filter((atMs, index) => index === 0 || atMs - dials[index - 1]! > 50);
    const waits = attempts.slice(1).map((atMs, index) => atMs - attempts[index]!);
    expect(Math.min(...waits)).at.least(100);
    expect(Math.max(...waits)).within(5_000, 10_010);
    expect(waits.length).greaterThan(30);
    const reborn = await world.node(1, { authorize: () => true });
    await world.pass(11_000);
    expect(a.peer(reborn).state).equal('up');
    const cutAtMs = world.clock.monotonicMs();
    world.network.cut(a.key, reborn.key);
    await world.pass(1_000);
    expect(a.ups.at(-1)!.atMs - cutAtMs).below(300);
  });
});

describe('three nodes under random faults', () => {
  const step = fc.record({
    waitMs: fc.constantFrom(0, 1, 7, 40, 300, 2_500, 12_000),
    act: fc.constantFrom('cut', 'restart', 'partition', 'heal', 'slow', 'lose'),
    one: fc.integer({ min: 0, max: 2 }),
    delayMs: fc.constantFrom(0, 1, 30, 700),
  });

  it('are all linked again soon after the faults end, and agree on who is up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), fc.string(), async (steps, seed) => {
        const world = new LinkWorld(seed);
        const nodes = [await world.node(0), await world.node(1), await world.node(2)];
        const peersOf = (node: LinkNode) =>
          nodes.filter((other) => other.key !== node.key).map(({ key, address }) => ({ key, addresses: [address] }));
        for (const node of nodes) node.links.setPeers(peersOf(node));
        for (const { waitMs, act, one, delayMs } of steps) {
          const [a, b] = [nodes[one]!, nodes[(one + 1) % 3]!];
          if (act === 'cut') world.network.cut(a.key, b.key);
          else if (act === 'partition') world.partition(a, b);
          else if (act === 'heal') world.heal();
          else if (act === 'slow') {
            // One direction slower than the other.
            world.conditions = (from) => ({ delayMs: from === a.key ? delayMs : 2, open: true });
            world.network.changed();
          } else if (act === 'lose') {
            world.onFrame = (from, _to, frame) => {
              if (from !== a.key) return frame;
              world.onFrame = (_from, _to2, later) => later;
              return null;
            };
          } else {
            world.network.crash(a.key);
            await a.links.stop();
            nodes[one] = await world.node(one);
            nodes[one].links.setPeers(peersOf(nodes[one]));
          }
          await world.pass(waitMs);
        }
        world.heal();
        await world.pass(40_000);
        for (const node of nodes) {
          for (const other of nodes) {
            if (other === node) continue;
            expect(node.peer(other), `${node.address} of ${other.address}`).includes({
              state: 'up',
              incarnation: other.links.incarnation,
            });
            for (const lane of ['control', 'ordinary', 'bulk'] as const) {
              expect(node.tell(other, `${node.address} ${lane}`, lane)).equal('sent');
            }
          }
        }
        await world.pass(2_000);
        for (const node of nodes) expect(node.texts).lengthOf(6);
        for (const node of nodes) {
          // What a slow or cut network does to honest nodes; everything else would be an accusation.
          const innocent = ['slow-handshake', 'no-control-lane', 'too-many-connections'];
          const blamed = [...node.links.refusals().keys()].filter((reason) => !innocent.includes(reason));
          expect(blamed).deep.equal([]);
          await node.links.stop();
        }
        expect(world.clock.pending).equal(0);
      }),
      { numRuns: Number(process.env['BPCI_LINK_RUNS'] ?? 60) },
    );
  });
});

describe('suspicion', () => {
  const beats = (intervalsMs: readonly number[], lateMs: readonly number[] = []): Suspicion => {
    const suspicion = new Suspicion(1_000, 0);
    let nowMs = 0;
    for (const [index, intervalMs] of intervalsMs.entries()) {
      nowMs += intervalMs;
      suspicion.onHeartbeat(nowMs, lateMs[index] ?? 0);
    }
    return suspicion;
  };

  it('grows with silence and never comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 100 }), (intervalsMs) => {
        const suspicion = beats(intervalsMs);
        let suspected = false;
        for (let silentMs = 0; silentMs < 60_000; silentMs += 500) {
          const now = suspicion.isSuspect(suspicion.heardAtMs + silentMs);
          expect(now || !suspected).equal(true);
          suspected = now;
        }
        expect(suspected).equal(true);
      }),
    );
  });

  it('is patient with a peer whose beats vary, and quick with a regular one', () => {
    const regular = beats(new Array<number>(64).fill(1_000));
    const varying = beats(Array.from({ length: 64 }, (_, index) => (index % 2 === 0 ? 200 : 3_000)));
    expect(regular.isSuspect(regular.heardAtMs + 2_500)).equal(true);
    expect(varying.isSuspect(varying.heardAtMs + 2_500)).equal(false);
  });

  it('does not learn the lateness that the peer admits as its own', () => {
    const excused = beats(new Array<number>(64).fill(3_000), new Array<number>(64).fill(2_000));
    const unexcused = beats(new Array<number>(64).fill(3_000));
    expect(excused.isSuspect(excused.heardAtMs + 3_000)).equal(true);
    expect(unexcused.isSuspect(unexcused.heardAtMs + 3_000)).equal(false);
  });

  it('agrees with the definition: phi 8 of a normal distribution', () => {
    // Intervals of 1,000 ± 250: the deviation is at its floor of 250, so phi 8 is at 1,000 + 5.612 · 250.
    const suspicion = beats(new Array<number>(64).fill(1_000));
    const phiOf = (silentMs: number): number => -Math.log10(0.5 * erfc((silentMs - 1_000) / 250 / Math.SQRT2));
    for (const silentMs of [1_000, 2_000, 2_390, 2_410, 3_000]) {
      expect(suspicion.isSuspect(suspicion.heardAtMs + silentMs), `${silentMs}`).equal(phiOf(silentMs) >= 8);
    }
  });

  it('forgives what this node itself slept through', () => {
    const suspicion = beats(new Array<number>(20).fill(1_000));
    const wokeAtMs = suspicion.heardAtMs + 60_000;
    suspicion.forgive(59_000, wokeAtMs);
    expect(suspicion.isSuspect(wokeAtMs)).equal(false);
    expect(suspicion.isSuspect(wokeAtMs + 5_000)).equal(true);
  });
});

/** Complementary error function by its continued fraction (Abramowitz and Stegun 7.1.14), for x > 0. */
function erfc(x: number): number {
  if (x <= 0) return 1;
  let fraction = x;
  for (let k = 60; k > 0; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

describe('misbehaviour reported from above', () => {
  it('is counted by reason, and too much of it closes the link and keeps the peer out, longer each time', async () => {
    const { world, a, b } = await pair();
    for (let i = 0; i < 20; i++) a.links.report(b.key, 'bad signature');
    await world.pass(10);
    expect(a.peer(b).state).equal('up');
    a.links.report(b.key, 'bad signature');
    await world.pass(10);
    expect(a.links.refusals().get('reported: bad signature')).equal(21);
    expect(a.links.refusals().get('misbehaviour')).equal(1);
    expect(a.peer(b).state).not.equal('up');
    expect(b.downs[0]?.reason).equal('misbehaviour');
    await world.pass(800);
    expect(a.peer(b).state).not.equal('up');
    await world.pass(20_000);
    expect(a.peer(b).state).equal('up');
    const outMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const atMs = world.clock.monotonicMs();
      for (let i = 0; i < 21; i++) a.links.report(b.key, 'bad signature');
      const ups = a.ups.length;
      while (a.ups.length === ups) await world.pass(100);
      outMs.push(world.clock.monotonicMs() - atMs);
    }
    expect(outMs[0]).greaterThan(2_000);
    expect(outMs[2]).greaterThan(8_000);
  });

  it('fades: a report now and then closes nothing', async () => {
    const { world, a, b } = await pair();
    for (let i = 0; i < 200; i++) {
      a.links.report(b.key, 'late');
      await world.pass(1_000);
    }
    expect(a.downs).lengthOf(0);
  });

  it('cannot fill memory with reasons', async () => {
    const { a, b } = await pair();
    for (let i = 0; i < 500; i++) a.links.report(b.key, `reason ${i}`);
    expect(a.links.refusals().get('reported: other')).equal(436);
    expect([...a.links.refusals().keys()].filter((reason) => reason.startsWith('reported'))).lengthOf(65);
  });
});
