/**
 * Goal: the life of a simulated node can be paused and ended between any two of its callbacks. Method: timers, immediates
 * and frames of a node on a virtual clock, at chosen moments.
 */
import { expect } from 'chai';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { Pipe } from '../../src/runtime/ports/transport.ts';
import { PipeNetwork } from '../../src/runtime/simulated/pipe-transport.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { VirtualClock } from '../../src/runtime/simulated/virtual-clock.ts';
import { NodeClock } from '../../src/simulation/system/node-clock.ts';
import { NodeProcess } from '../../src/simulation/system/node-process.ts';
import { TraceHash } from '../../src/simulation/trace-hash.ts';

const [here, there] = ['aa'.repeat(32) as PublicKey, 'bb'.repeat(32) as PublicKey];

function standingOff(clock: VirtualClock, offsetMs: number): NodeClock {
  const own = new NodeClock(clock);
  own.offsetMs = offsetMs;
  return own;
}

function createWorld() {
  const random = new SeededRandom('process');
  // Callbacks of one moment in any order, as in a simulation.
  const clock = new VirtualClock({ priority: () => random.uint32() });
  const trace = new TraceHash();
  const create = (node: number): NodeProcess =>
    new NodeProcess({ clock: standingOff(clock, 500 * node), trace, node, random });
  return { clock, trace, create };
}

describe('a simulated process', () => {
  it('runs its macrotasks in the order of setting, one a step, and forgets cancelled ones', () => {
    const { clock, create } = createWorld();
    const { nactGlobals } = create(0);
    const ran: number[] = [];
    const handles = [1, 2, 3, 4].map((name) => nactGlobals.setImmediate(() => ran.push(name)));
    nactGlobals.clearImmediate(handles[1]);
    nactGlobals.clearImmediate(undefined);
    for (const expected of [[1], [1], [1, 3], [1, 3, 4]]) {
      clock.runNext();
      expect(ran).to.deep.equal(expected);
    }
  });

  it('has a wall clock of its own', () => {
    const { clock, create } = createWorld();
    expect(create(2).clock.now()).to.equal(clock.now() + 1000);
    expect(create(2).clock.monotonicMs()).to.equal(clock.monotonicMs());
  });

  it('does nothing while it is paused, and then everything in its order', () => {
    const { clock, create } = createWorld();
    const process = create(0);
    const ran: number[] = [];
    for (const delayMs of [1, 2, 3, 30]) process.clock.setTimer(delayMs, () => ran.push(delayMs));
    const cancelled = process.clock.setTimer(2, () => ran.push(-1));
    process.pause();
    clock.advanceTo(20);
    cancelled.cancel();
    expect(ran).to.deep.equal([]);
    process.resume();
    // What comes meanwhile waits behind what was held.
    process.enter(() => ran.push(20));
    expect(ran).to.deep.equal([]);
    clock.advanceTo(40);
    expect(ran).to.deep.equal([1, 2, 3, 20, 30]);
  });

  it('never runs again once it has ended, and every callback until then is in the trace', () => {
    const { clock, trace, create } = createWorld();
    const process = create(0);
    const ran: number[] = [];
    process.clock.setTimer(1, () => ran.push(1));
    process.clock.setTimer(5, () => ran.push(5));
    const before = trace.toString();
    clock.advanceTo(2);
    const during = trace.toString();
    expect(during).not.to.equal(before);
    process.end();
    process.post(() => ran.push(2));
    process.enter(() => ran.push(3));
    clock.advanceTo(10);
    expect(ran).to.deep.equal([1]);
    expect(trace.toString()).to.equal(during);
  });

  it('gets frames in their order, also those held by a pause, and none after its end', async () => {
    const { clock, create } = createWorld();
    const network = new PipeNetwork({ clock });
    const [server, client] = [create(0), create(1)];
    const received: number[] = [];
    let accepted: Pipe | null = null;
    await server.transport(network.transport(here)).listen('here:1', {
      accept: () => true,
      onPipe: (pipe) => {
        accepted = pipe;
        pipe.onFrame = ([first = 0]) => received.push(first);
      },
      onTurnedAway: () => undefined,
    });
    const dialed = client.transport(network.transport(there)).dial('here:1', { expectedKey: here, timeoutMs: 1000 });
    clock.advanceTo(1);
    const pipe = await dialed;
    expect(accepted).not.to.equal(null);
    server.pause();
    for (const value of [1, 2, 3]) pipe.send(Uint8Array.of(value));
    clock.advanceTo(2);
    expect(received).to.deep.equal([]);
    server.resume();
    clock.advanceTo(3);
    expect(received).to.deep.equal([1, 2, 3]);
    server.end();
    pipe.send(Uint8Array.of(4));
    clock.advanceTo(4);
    expect(received).to.deep.equal([1, 2, 3]);
  });

  it('leaves no dial behind when its node crashes', async () => {
    const { clock, create } = createWorld();
    const network = new PipeNetwork({ clock, conditions: () => ({ delayMs: 10, open: true }) });
    let pipes = 0;
    await network.transport(here).listen('here:1', {
      accept: () => true,
      onPipe: () => (pipes += 1),
      onTurnedAway: () => undefined,
    });
    void create(1).transport(network.transport(there)).dial('here:1', { expectedKey: here, timeoutMs: 1000 });
    clock.advanceTo(5);
    network.crash(there);
    clock.advanceTo(2000);
    expect(pipes).to.equal(0);
  });
});
