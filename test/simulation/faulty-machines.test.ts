/**
 * Goal: machines, lines and disks fail in the ways that their faults say, and no kinder. Method: each by itself, on a
 * virtual clock, at chosen moments.
 */
import { expect } from 'chai';
import type { PublicKey } from '../../src/protocols/shared/brands.ts';
import type { Pipe } from '../../src/runtime/ports/transport.ts';
import { type Disorder, PipeNetwork, type PipeNetworkOptions } from '../../src/runtime/simulated/pipe-transport.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { VirtualClock } from '../../src/runtime/simulated/virtual-clock.ts';
import { NodeClock } from '../../src/simulation/system/node-clock.ts';
import { NodeDisks } from '../../src/simulation/system/node-disks.ts';
import { TraceHash } from '../../src/simulation/trace-hash.ts';
import { listed, refusalOf, rejectionOf, schema, write } from '../conformance/store-conformance.ts';

const [here, there] = ['aa'.repeat(32) as PublicKey, 'bb'.repeat(32) as PublicKey];

describe('the clock of a machine', () => {
  it('runs fast or slow together with its timers, and is set right', () => {
    const clock = new VirtualClock();
    const own = new NodeClock(clock);
    const startMs = own.now();
    own.drift(100_000);
    const fired: number[] = [];
    own.setTimer(1_100, () => fired.push(clock.monotonicMs()));
    clock.advanceTo(2_000);
    expect(fired[0]).to.be.closeTo(1_000, 1e-3);
    expect(own.monotonicMs()).to.be.closeTo(2_200, 1e-6);
    expect(own.now()).to.equal(startMs + 2_200);
    own.drift(-100_000);
    own.setRight();
    clock.advanceTo(3_000);
    expect(own.now()).to.equal(clock.now());
    expect(own.monotonicMs(), 'never goes back').to.be.closeTo(3_200, 1e-6);
  });

  it('lets whoever waits for the rest of a time come to its end', () => {
    const clock = new VirtualClock();
    const own = new NodeClock(clock);
    // So far behind that its own time is told more finely than the true one.
    own.drift(-200_000);
    clock.advanceTo(30_000);
    own.drift(200_000);
    for (let start = 0; start < 100; start++) {
      clock.advanceTo(65_600 + start * 47.0166710642);
      own.drift(start % 2 === 0 ? 20_000 : -20_000);
      const dueMs = own.monotonicMs() + 3.3 * (1 + (start % 7));
      let waits = 0;
      const rest = (): void => {
        waits += 1;
        if (waits > 5) throw new Error(`${dueMs - own.monotonicMs()} ms are left, and stay so`);
        if (own.monotonicMs() < dueMs) own.setTimer(dueMs - own.monotonicMs(), rest);
      };
      rest();
      clock.advanceTo(clock.monotonicMs() + 40);
      expect(own.monotonicMs()).to.be.at.least(dueMs);
    }
  });

  it('does not fire a timer before its time where it becomes slower meanwhile', () => {
    const clock = new VirtualClock();
    const own = new NodeClock(clock);
    own.drift(500_000);
    let fired = false;
    own.setTimer(1_500, () => (fired = true));
    clock.advanceTo(500);
    own.drift(-750_000);
    clock.advanceTo(1_400);
    expect([fired, own.monotonicMs() < 1_500]).to.deep.equal([false, true]);
    clock.advanceTo(1_501);
    expect([fired, own.monotonicMs() >= 1_500 - 1e-6]).to.deep.equal([true, true]);
  });
});

async function linked(options: Partial<PipeNetworkOptions> = {}) {
  const clock = new VirtualClock();
  const network = new PipeNetwork({ clock, conditions: () => ({ delayMs: 10, open: true }), ...options });
  const received: string[] = [];
  const ends: string[] = [];
  const far: Pipe[] = [];
  const { address } = await network.transport(there).listen('there:1', {
    accept: () => true,
    onPipe: (pipe) => {
      pipe.onFrame = ([first = 0]) => received.push(String.fromCharCode(first));
      pipe.onClose = (reason) => ends.push(reason);
      far.push(pipe);
    },
  });
  const dialing = network.transport(here).dial(address, { expectedKey: there, timeoutMs: 1_000 });
  clock.advanceBy(20);
  const near = await dialing;
  near.onClose = () => ends.push('near');
  const send = (text: string, pipe = near): void => {
    for (const letter of text) pipe.send(Uint8Array.of(letter.charCodeAt(0)));
  };
  return { clock, network, near, far: far[0]!, send, received, ends };
}

describe('a simulated line', () => {
  it('delivers what a node sent before it died, as far as it got, and then resets', async () => {
    const { clock, network, send, received, ends } = await linked();
    send('abcd');
    network.crash(here, (inFlight) => inFlight - 1);
    expect([received, ends]).to.deep.equal([[], []]);
    clock.advanceBy(20);
    expect([received.join(''), ends]).to.deep.equal(['abc', ['connection reset']]);
  });

  it('ends at one side only: what flew there arrives, and the other side hears of nothing', async () => {
    const { clock, network, far, send, received, ends } = await linked();
    send('ab');
    network.forsake(here, there);
    send('x', far);
    clock.advanceBy(1_000);
    expect([received.join(''), ends]).to.deep.equal(['ab', ['near']]);
  });

  it('duplicates frames and lets them overtake where it is told to', async () => {
    let disorder: Disorder = { copies: 2, overtakes: false };
    let delayMs = 10;
    const { clock, send, received } = await linked({
      conditions: () => ({ delayMs, open: true }),
      disorder: () => disorder,
    });
    delayMs = 50;
    send('a');
    disorder = { copies: 1, overtakes: true };
    delayMs = 1;
    send('b');
    clock.advanceBy(200);
    expect(received.join('')).to.equal('baa');
  });

  it('takes its time for every byte, and none any more once it is free again', async () => {
    let freeAtMs = 0;
    const line = (clock: VirtualClock) => (bytes: number) => {
      freeAtMs = Math.max(freeAtMs, clock.monotonicMs()) + 100 * bytes;
      return freeAtMs - clock.monotonicMs();
    };
    let transmissionMs: ((bytes: number) => number) | undefined;
    const { clock, network, send, received } = await linked({
      conditions: () => ({ delayMs: 10, open: true, ...(transmissionMs === undefined ? {} : { transmissionMs }) }),
    });
    transmissionMs = line(clock);
    send('abcde');
    clock.advanceBy(215);
    expect(received.join('')).to.equal('ab');
    transmissionMs = undefined;
    network.hasten(here);
    clock.advanceBy(10);
    expect(received.join('')).to.equal('abcde');
  });
});

function createDisks() {
  const clock = new VirtualClock();
  const phases: string[] = [];
  const refused: string[] = [];
  const disks = new NodeDisks({
    ...{ node: 0, trace: new TraceHash(), random: new SeededRandom('disks'), syncMs: [10, 10] },
    clock: () => clock,
    onSync: (phase) => phases.push(phase),
    isWatched: () => true,
    onRefused: (code) => refused.push(code),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const pass = async (durationMs: number): Promise<void> => {
    await settle();
    for (let passed = 0; passed < durationMs; passed += 5) {
      clock.advanceBy(5);
      await settle();
    }
  };
  return { disks, phases, refused, pass };
}

describe('the disks of a machine', () => {
  it('tell of a durable write before it, in its midst and when it has taken hold, and not where there is nothing', async () => {
    const { disks, phases, pass } = createDisks();
    const store = disks.open('chain', schema);
    await store.durable();
    expect(phases).to.deep.equal([]);
    store.commit([write('t', 'k', '1')]);
    let isKnown = false;
    void store.durable().then(() => (isKnown = true));
    await pass(5);
    expect([phases, isKnown]).to.deep.equal([['before', 'during'], false]);
    await pass(5);
    expect([phases, isKnown]).to.deep.equal([['before', 'during', 'after'], true]);
  });

  it('have no room for more than is there, and have it again', async () => {
    const { disks, refused, pass } = createDisks();
    const store = disks.open('chain', schema);
    const endFirst = disks.fill();
    const endSecond = disks.fill();
    store.commit([write('t', 'k', '1')]);
    const rejection = rejectionOf(store.durable());
    await pass(10);
    expect([await rejection, refused]).to.deep.equal(['full', ['full']]);
    endFirst();
    const still = rejectionOf(store.durable());
    await pass(10);
    expect(await still).to.equal('full');
    endSecond();
    const durable = store.durable();
    await pass(10);
    await durable;
    store.commit([write('t', 'l', '2')]);
    expect(listed(store, 't')).to.deep.equal(['k=1', 'l=2']);
  });

  it('fail for every disk of the machine, also those made meanwhile, until they are repaired and opened again', async () => {
    const { disks, pass } = createDisks();
    const end = disks.fail();
    const store = disks.open('records', schema);
    store.commit([write('t', 'k', '1')]);
    const rejection = rejectionOf(store.durable());
    await pass(10);
    expect(await rejection).to.equal('failed');
    end();
    expect(refusalOf(() => store.commit([write('t', 'l', '2')]))).to.equal('failed');
    disks.crash(() => 0);
    const opened = disks.open('records', schema);
    opened.commit([write('t', 'm', '3')]);
    const durable = opened.durable();
    await pass(10);
    await durable;
    expect(listed(opened, 't')).to.deep.equal(['m=3']);
  });

  it('keep as much of an unfinished write as the crash leaves, and are as slow as they are told to be', async () => {
    const { disks, pass } = createDisks();
    const store = disks.open('chain', schema);
    disks.extraSyncMs = 1;
    for (const key of ['a', 'b', 'c']) store.commit([write('t', key, '1')]);
    void store.durable();
    await pass(5);
    disks.crash((unsynced) => unsynced - 1);
    expect(listed(disks.open('chain', schema), 't')).to.deep.equal(['a=1', 'b=1']);
  });
});
