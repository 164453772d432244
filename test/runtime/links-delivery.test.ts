/**
 * Goal: what is sent arrives in order, whole, as often as its delivery mode says, and never takes more memory than the
 * receiver granted.
 * Method: two nodes on a simulated network and a virtual clock; properties over random schedules of sends and cuts
 * against the list of what was sent.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { LinkError } from '../../src/runtime/links/errors.ts';
import { defaultLinkLimits } from '../../src/runtime/links/limits.ts';
import type { Lane } from '../../src/runtime/ports/actors.ts';
import type { Envelope } from '../../src/runtime/ports/links.ts';
import { type LinkNode, LinkWorld, microtasks, tellOf } from './support/link-world.ts';

const lanes: readonly Lane[] = ['control', 'ordinary', 'bulk'];
const kibibyte = 1024;

async function pair(
  seed?: string,
  options: { readonly first?: object; readonly second?: object } = {},
): Promise<{ world: LinkWorld; a: LinkNode; b: LinkNode }> {
  const world = new LinkWorld(seed);
  const a = await world.node(0, options.first);
  const b = await world.node(1, options.second);
  await world.meet(a, b);
  return { world, a, b };
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `message ${index}`);

describe('delivery over a link', () => {
  it('is in order on each lane, over many batches', async () => {
    const { world, a, b } = await pair();
    const texts = numbered(5_000);
    for (const lane of lanes) {
      for (const text of texts) expect(a.tell(b, text, lane)).equal('sent');
      await world.pass(50);
      expect(b.texts).deep.equal(texts);
      b.arrivals.length = 0;
    }
  });

  it('carries every field of an envelope', async () => {
    const { world, a, b } = await pair();
    const kinds: Envelope['kind'][] = ['tell', 'ask', 'reply', 'reply-failed', 'watch', 'unwatch', 'terminated'];
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const correlations = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const sent = correlations.map((correlation, index) => ({
      kind: kinds[index % kinds.length]!,
      target: `actor/${index % 3}/ünïcode`,
      correlation,
      traceparent: index % 2 === 0 ? '' : traceparent,
      payload: new Uint8Array(index * 40).fill(index),
    }));
    for (const envelope of sent) a.links.send(b.key, envelope, { lane: 'ordinary', once: false });
    await world.pass(50);
    expect(b.arrivals.map(({ envelope }) => envelope)).deep.equal(sent);
    expect(b.arrivals.every(({ from }) => from === a.key)).equal(true);
  });

  it('goes on when there are more target names than the dictionary holds', async () => {
    const { world, a, b } = await pair();
    const names = Array.from({ length: 1_500 }, (_, index) => `target-${index % 1_300}`);
    for (const name of names) a.links.send(b.key, tellOf('x', name), { lane: 'bulk', once: false });
    await world.pass(50);
    expect(b.arrivals.map(({ envelope }) => envelope.target)).deep.equal(names);
  });

  it('cuts large messages into pieces and puts them together, in order with small ones', async () => {
    const { world, a, b } = await pair();
    const sizes = [
      0,
      1,
      64 * kibibyte - 1,
      64 * kibibyte,
      128 * kibibyte,
      128 * kibibyte + 1,
      3_000_000,
      16 * 1024 * kibibyte,
      5,
    ];
    let largestFrame = 0;
    world.onFrame = (_from, _to, frame) => {
      largestFrame = Math.max(largestFrame, frame.length);
      return frame;
    };
    const payloads = sizes.map((size, index) => {
      const payload = new Uint8Array(size);
      for (let at = 0; at < size; at += 97) payload[at] = at + index;
      return payload;
    });
    for (const payload of payloads) {
      while (a.links.send(b.key, tellOf(payload), { lane: 'bulk', once: false }) === 'no-credit') await world.pass(100);
    }
    await world.pass(2_000);
    expect(b.arrivals.map(({ envelope }) => envelope.payload.length)).deep.equal(sizes);
    for (const [index, payload] of payloads.entries()) {
      expect(Buffer.compare(b.arrivals[index]!.envelope.payload, payload)).equal(0);
    }
    expect(largestFrame).at.most(defaultLinkLimits.frameBytesMax);
  });

  it('throws for what no peer could accept, and keeps the link', async () => {
    const { world, a, b } = await pair();
    const send = (envelope: Envelope): unknown => a.links.send(b.key, envelope, { lane: 'control', once: false });
    expect(() => send(tellOf(new Uint8Array(5 * 1024 * kibibyte + 1)))).throw(LinkError, /bytes on lane control/);
    expect(() => send(tellOf('x', 'é'.repeat(65)))).throw(LinkError);
    expect(() => send({ ...tellOf('x'), traceparent: 'x'.repeat(129) })).throw(LinkError);
    expect(a.tell(b, 'fine')).equal('sent');
    await world.pass(50);
    expect(b.texts).deep.equal(['fine']);
  });

  it('answers no-link for strangers, before the first handshake and after the link went down', async () => {
    const world = new LinkWorld();
    const [a, b] = [await world.node(0), await world.node(1)];
    expect(a.tell(b, 'x')).equal('no-link');
    a.links.setPeers([{ key: b.key, addresses: [b.address] }]);
    expect(a.tell(b, 'x', 'ordinary', true)).equal('no-link');
    await world.meet(a, b);
    expect(a.tell(b, 'x')).equal('sent');
    world.network.cut(a.key, b.key);
    expect(a.tell(b, 'x')).equal('no-link');
  });
});

describe('credit on a link', () => {
  const windowBytes = 100 * kibibyte;
  const lane = { messageBytesMax: 64 * kibibyte, windowBytes };
  const limits = { lanes: { control: lane, ordinary: lane, bulk: lane } };
  const first = { limits };
  const second = { limits, holdConsumption: true };

  it('runs out when mailboxes do not consume, returns when they do, and loses nothing that was taken', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    const payload = new Uint8Array(1_000);
    let sent = 0;
    while (a.links.send(b.key, tellOf(payload), { lane: 'ordinary', once: false }) === 'sent') sent += 1;
    await world.pass(5_000);
    expect(sent).equal(Math.floor(windowBytes / 1_064));
    expect(b.arrivals).lengthOf(sent);
    let called = 0;
    a.links.whenRoom(b.key, 'ordinary', () => (called += 1));
    await world.pass(5_000);
    expect(called).equal(0);
    for (const arrival of b.arrivals) {
      arrival.consumed();
      arrival.consumed(); // a second call returns nothing
    }
    await world.pass(1_100);
    expect(called).equal(1);
    let again = 0;
    while (a.links.send(b.key, tellOf(payload), { lane: 'ordinary', once: false }) === 'sent') again += 1;
    expect(again).equal(sent);
  });

  it('is waited for in vain where the peer is unknown or removed: whoever waits is told to try and learns no-link', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    while (a.links.send(b.key, tellOf(new Uint8Array(1_000)), { lane: 'ordinary', once: false }) === 'sent');
    const outcomes: string[] = [];
    a.links.whenRoom(b.key, 'ordinary', () => outcomes.push(a.tell(b, 'x')));
    await world.pass(100);
    expect(outcomes).deep.equal([]);
    a.links.setPeers([]);
    a.links.whenRoom(b.key, 'ordinary', () => outcomes.push(a.tell(b, 'x')));
    await world.pass(0);
    expect(outcomes).deep.equal(['no-link', 'no-link']);
  });

  it('of one lane does not depend on another', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    while (a.links.send(b.key, tellOf(new Uint8Array(1_000)), { lane: 'bulk', once: false }) === 'sent');
    expect(a.tell(b, 'vote', 'control')).equal('sent');
    await world.pass(10);
    expect(b.texts).includes('vote');
  });

  it('is kept for the large message that was refused first', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    const large = tellOf(new Uint8Array(60 * kibibyte));
    const options = { lane: 'ordinary', once: false } as const;
    expect(a.links.send(b.key, large, options)).equal('sent');
    expect(a.links.send(b.key, large, options)).equal('no-credit');
    expect(a.tell(b, 'small')).equal('no-credit');
    let outcome = '';
    a.links.whenRoom(b.key, 'ordinary', () => {
      outcome = a.links.send(b.key, large, options);
    });
    await world.pass(50);
    b.arrivals[0]!.consumed();
    await world.pass(1_100);
    expect(outcome).equal('sent');
  });

  it('does not stay closed for a sender that gave up', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    const large = tellOf(new Uint8Array(60 * kibibyte));
    a.links.send(b.key, large, { lane: 'ordinary', once: false });
    expect(a.links.send(b.key, large, { lane: 'ordinary', once: false })).equal('no-credit');
    await world.pass(12_000);
    expect(a.tell(b, 'small')).equal('sent');
  });

  it('counts what an earlier connection left in mailboxes', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    for (let connection = 0; connection < 5; connection++) {
      while (a.links.send(b.key, tellOf(new Uint8Array(1_000)), { lane: 'ordinary', once: false }) === 'sent');
      await world.pass(100);
      world.network.cut(a.key, b.key);
      await world.pass(3_000);
    }
    const held = b.arrivals.reduce((sum, { envelope }) => sum + envelope.payload.length, 0);
    expect(held).greaterThan(90_000).and.at.most(windowBytes);
  });

  it('bounds the memory that a few messages left in mailboxes keep from being freed', async () => {
    const { world, a, b } = await pair('credit', { first, second });
    const options = { lane: 'ordinary', once: false } as const;
    const buffers = new Set<ArrayBufferLike>();
    let held = 0;
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 30; i++) expect(a.links.send(b.key, tellOf(new Uint8Array(1_000)), options)).equal('sent');
      await world.pass(20);
      // One of each frame stays; its payload is a view of the frame, or a copy once views would hold too much.
      for (const [index, { envelope, consumed }] of b.arrivals.splice(0).entries()) {
        if (index > 0 || held > 45_000) consumed();
        else {
          held += envelope.payload.length + 64;
          buffers.add(envelope.payload.buffer);
        }
      }
      await world.pass(1_000);
    }
    const kept = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    expect(held).greaterThan(40_000);
    expect(kept).at.most(3 * windowBytes);
  });

  it('is refused while the pipe itself is full, until it drains', async () => {
    const { world, a, b } = await pair('buffered', { first: { limits: { bufferedBytesMax: 300 * kibibyte } } });
    world.partition(a, b);
    let sent = 0;
    while (a.links.send(b.key, tellOf(new Uint8Array(10_000)), { lane: 'ordinary', once: false }) === 'sent') sent += 1;
    expect(sent * 10_000).within(300 * kibibyte, 700 * kibibyte);
    let called = 0;
    a.links.whenRoom(b.key, 'ordinary', () => (called += 1));
    await world.pass(500);
    expect(called).equal(0);
    world.heal();
    await world.pass(100);
    expect(called).equal(1);
    expect(b.arrivals).lengthOf(sent);
  });
});

describe('a link that is cut', () => {
  it('resumes with the same incarnation and says so', async () => {
    const { world, a, b } = await pair();
    world.network.cut(a.key, b.key);
    await world.pass(1_000);
    for (const node of [a, b]) {
      expect(node.ups.map(({ resumed }) => resumed)).deep.equal([false, true]);
      expect(node.downs.map(({ reason }) => reason)).deep.equal(['connection reset']);
    }
  });

  it('takes effectively-once messages meanwhile, and watches always', async () => {
    const { world, a, b } = await pair();
    world.network.cut(a.key, b.key);
    expect(a.tell(b, 'kept', 'ordinary', true)).equal('sent');
    expect(a.tell(b, 'not kept')).equal('no-link');
    const watch: Envelope = {
      kind: 'watch',
      target: 'court',
      correlation: 7,
      traceparent: '',
      payload: new Uint8Array(0),
    };
    expect(a.links.send(b.key, watch, { lane: 'control', once: false })).equal('sent');
    await world.pass(2_000);
    expect(b.texts).members(['kept', '']);
    expect(b.arrivals.some(({ envelope }) => envelope.kind === 'watch' && envelope.correlation === 7)).equal(true);
  });

  it('starts anew with a new incarnation: nothing of the old one is replayed', async () => {
    const { world, a, b } = await pair();
    a.tell(b, 'seen', 'ordinary', true);
    await world.pass(100);
    const before = a.peer(b).incarnation;
    world.network.crash(b.key);
    await b.links.stop();
    await world.pass(50);
    expect(a.tell(b, 'for the dead', 'ordinary', true)).equal('sent');
    const reborn = await world.node(1);
    reborn.links.setPeers([{ key: a.key, addresses: [a.address] }]);
    await world.pass(15_000);
    expect(a.peer(reborn).incarnation).not.equal(before);
    expect(a.ups.map(({ resumed }) => resumed)).deep.equal([false, false]);
    expect(reborn.texts).deep.equal([]);
    expect(a.tell(reborn, 'for the living', 'ordinary', true)).equal('sent');
    await world.pass(100);
    expect(reborn.texts).deep.equal(['for the living']);
  });

  it('keeps messages for a data lane while only that lane is being made again', async () => {
    const { world, a, b } = await pair();
    let cut = 0;
    world.onFrame = (from, _to, frame) => {
      const isMarked = from === a.key && Buffer.from(frame).includes('cut here');
      if (isMarked) cut += 1;
      return isMarked && cut === 1 ? null : frame;
    };
    a.tell(b, 'cut here', 'bulk');
    await world.pass(20);
    for (const text of numbered(10)) expect(a.tell(b, text, 'bulk')).equal('sent');
    expect(a.tell(b, 'elsewhere', 'control')).equal('sent');
    await world.pass(3_000);
    expect(b.texts).deep.equal(['elsewhere', ...numbered(10)]);
    expect(b.downs).lengthOf(0);
  });

  it('is not tried again once the peer is removed, and is closed', async () => {
    const { world, a, b } = await pair();
    a.links.setPeers([]);
    await world.pass(30_000);
    expect(a.links.peers()).deep.equal([]);
    expect(b.peer(a).state).not.equal('up');
    expect(b.downs[0]?.reason).equal('no longer a peer');
  });

  it('leaves no timer and no pipe after stop', async () => {
    const { world, a, b } = await pair();
    await a.links.stop();
    await b.links.stop();
    await a.links.stop();
    await world.pass(100);
    expect(world.clock.pending).equal(0);
    expect(a.links.peers()).deep.equal([]);
  });
});

function loseNextFrame(world: LinkWorld): void {
  world.onFrame = () => {
    world.onFrame = (_from, _to, frame) => frame;
    return null;
  };
}

describe('messages over a link that is cut at random', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 60 }),
    act: fc.constantFrom('send', 'send', 'send', 'send', 'large', 'cut', 'lose', 'partition', 'heal'),
    from: fc.constantFrom(0, 1),
    once: fc.boolean(),
    lane: fc.constantFrom<Lane>(...lanes),
  });

  it('arrive in order: effectively once exactly once, at most once never twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.string(), async (steps, seed) => {
        const { world, a, b } = await pair(seed);
        const nodes = [a, b] as const;
        const sent: Record<string, string[]> = {};
        for (const [index, { waitMs, act, from, once, lane }] of steps.entries()) {
          const [source, target] = [nodes[from], nodes[1 - from]!];
          if (act === 'cut') world.network.cut(a.key, b.key);
          else if (act === 'partition') world.partition(a, b);
          else if (act === 'heal') world.heal();
          else if (act === 'lose') loseNextFrame(world);
          else {
            const text = `${once ? 'once' : 'most'} ${index} ${act === 'large' ? 'x'.repeat(300_000) : ''}`;
            if (source.tell(target, text, lane, once) === 'sent') (sent[`${from} ${lane}`] ??= []).push(text);
          }
          await world.pass(waitMs);
        }
        world.heal();
        await world.pass(30_000);
        for (const [key, texts] of Object.entries(sent)) {
          const target = nodes[1 - Number(key[0])]!;
          const arrived = target.texts.filter((text) => texts.includes(text));
          expect(new Set(arrived).size, 'nothing twice').equal(arrived.length);
          expect(
            texts.filter((text) => arrived.includes(text)),
            'in order',
          ).deep.equal(arrived);
          const onces = texts.filter((text) => text.startsWith('once'));
          expect(
            arrived.filter((text) => text.startsWith('once')),
            'nothing lost',
          ).deep.equal(onces);
        }
        await microtasks();
      }),
      { numRuns: 120 },
    );
  });
});
