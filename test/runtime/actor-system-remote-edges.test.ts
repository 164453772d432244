/**
 * Goal: what a peer sends wrongly hurts nobody, back-pressure reaches the sender, and watches across a link tell the
 * truth. Method: two systems joined by a pair of links in memory that counts credit and can be cut.
 */
import { expect } from 'chai';
import { toHex, toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ReplyTo, WireProtocol } from '../../src/runtime/ports/actors.ts';
import { settle } from './support/actor-world.ts';
import { createPair, type EchoMessage } from './support/remote-pair.ts';
import { failureOf, Gate } from './support/waiting.ts';

describe('what a peer should not have sent', () => {
  it('is reported to the links and a dead letter here; the actor never sees it', async () => {
    const { links, a, b, received, ref } = createPair();
    links.up(false);
    links.a.send(
      links.b.self,
      { kind: 'tell', target: 'echo', correlation: 0, traceparent: '', payload: new Uint8Array([0xc1]) },
      { lane: 'ordinary', once: false },
    );
    await settle();
    expect(received).to.deep.equal([]);
    expect(links.b.reports).to.deep.equal([{ peer: links.a.self, reason: 'undecodable tell for echo' }]);
    expect(b.deadLetters.map(({ reason }) => reason)).to.deep.equal(['undecodable']);
    expect(links.a.outstanding('ordinary')).to.equal(0);
    expect(b.telemetry.lines).to.deep.equal([]);
    expect(a.system.tell(ref, { text: 'still served', number: 0 })).to.equal(true);
    await settle();
    expect(received.map(({ text }) => text)).to.deep.equal(['still served']);
  });

  it('as an answer fails the ask and is reported', async () => {
    const { links, a, b, protocol } = createPair();
    links.up(false);
    const broken: WireProtocol<EchoMessage> = { ...protocol, encodeReply: () => new Uint8Array([0xff]) };
    const liar = b.system.spawn(
      defineActor<null, EchoMessage>({
        name: 'liar',
        initial: () => null,
        receive: (state, { replyTo }, context) => {
          if (replyTo !== undefined) context.reply(replyTo, '');
          return state;
        },
      }),
    );
    b.system.export('liar', liar, broken);
    const answer = a.system.ask(
      a.system.remote(links.b.self, 'liar', protocol),
      (replyTo: ReplyTo<string>) => ({ text: '', number: 0, replyTo }),
      { timeoutMs: 10 },
    );
    expect(await failureOf(answer)).to.equal('undecodable');
    expect(links.a.reports.map(({ reason }) => reason)).to.deep.equal(['undecodable reply for liar']);
  });

  it('as an ask of an actor that gives no answers is refused', async () => {
    const { links, b } = createPair();
    links.up(false);
    const deaf = b.system.spawn<null, string>({ name: 'deaf', initial: () => null, receive: () => null });
    b.system.export('deaf', deaf, { encode: toUtf8, decode: (payload) => toHex(payload) });
    links.a.send(
      links.b.self,
      { kind: 'ask', target: 'deaf', correlation: 9, traceparent: '', payload: new Uint8Array(1) },
      { lane: 'ordinary', once: false },
    );
    await settle();
    expect(links.b.reports.map(({ reason }) => reason)).to.deep.equal(['asked deaf, which gives no answers']);
    expect(links.b.sent.map(({ envelope }) => [envelope.kind, envelope.correlation])).to.deep.equal([
      ['reply-failed', 9],
    ]);
  });
});

describe('back-pressure', () => {
  it('returns credit when the mailbox has taken the message out, not before', async () => {
    const gate = new Gate();
    const { links, a, ref, received } = createPair({ gate });
    links.up(false);
    for (let number = 0; number < 5; number++) a.system.tell(ref, { text: 'wait', number });
    await settle();
    expect(links.a.outstanding('ordinary')).to.equal(5);
    gate.open();
    await settle();
    expect(received).to.have.length(5);
    expect(links.a.outstanding('ordinary')).to.equal(0);
  });

  it('lets senders wait for credit, in order, and refuses what would overtake them', async () => {
    const gate = new Gate();
    const { links, a, ref, received } = createPair({ gate });
    links.up(false);
    links.a.creditMax = 2;
    const told: number[] = [];
    for (let number = 0; number < 6; number++) {
      void a.system.tellWhenRoom(ref, { text: 'wait', number }).then(() => told.push(number));
    }
    await settle();
    expect(told).to.deep.equal([0, 1]);
    expect(a.system.tell(ref, { text: 'overtake', number: 9 })).to.equal(false);
    gate.open();
    await settle(40);
    expect(told).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(received.map(({ number }) => number)).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });

  it('keeps the order also where credit is back before it is announced', async () => {
    const gate = new Gate();
    const { links, a, ref, received } = createPair({ gate });
    links.up(false);
    links.a.creditMax = 1;
    links.a.isRoomLate = true;
    void a.system.tellWhenRoom(ref, { text: 'x', number: 0 });
    void a.system.tellWhenRoom(ref, { text: 'x', number: 1 });
    gate.open();
    while (links.a.outstanding('ordinary') > 0) await settle(1);
    // There is credit now, and someone who waits for it.
    expect(a.system.tell(ref, { text: 'overtake', number: 8 })).to.equal(false);
    void a.system.tellWhenRoom(ref, { text: 'x', number: 2 });
    await settle(40);
    expect(received.map(({ number }) => number)).to.deep.equal([0, 1, 2]);
  });

  it('returns the credit of what never reaches an actor: refused, displaced, left behind by a stop', async () => {
    for (const overflow of ['reject', 'drop-oldest', 'wait'] as const) {
      const gate = new Gate();
      const { links, a, b, ref, local } = createPair({ gate, mailbox: { capacity: 2, overflow } });
      links.up(false);
      for (let number = 0; number < 6; number++) a.system.tell(ref, { text: 'x', number });
      await settle();
      expect(links.a.outstanding('ordinary')).to.equal(overflow === 'wait' ? 6 : 2);
      const stopped = b.system.stop(local);
      await settle();
      expect(links.a.outstanding('ordinary'), overflow).to.equal(0);
      gate.open();
      await stopped;
      expect(b.deadLetters).to.have.length(6);
    }
  });

  it('works again after a cut in the middle of it', async () => {
    const gate = new Gate();
    const { links, a, ref, received } = createPair({ gate });
    links.up(false);
    links.a.creditMax = 1;
    const lost = [0, 1].map((number) => failureOf(a.system.tellWhenRoom(ref, { text: 'x', number })));
    await settle();
    links.cut();
    expect(await Promise.all(lost)).to.deep.equal(['fulfilled', 'link-lost']);
    links.up(false);
    const told = [2, 3, 4].map((number) => failureOf(a.system.tellWhenRoom(ref, { text: 'x', number })));
    gate.open();
    expect(await Promise.all(told)).to.deep.equal(['fulfilled', 'fulfilled', 'fulfilled']);
    await settle();
    expect(received.map(({ number }) => number)).to.deep.equal([0, 2, 3, 4]);
  });

  it('tells senders that wait when the link goes down', async () => {
    const { links, a, ref } = createPair({ gate: new Gate() });
    expect(await failureOf(a.system.tellWhenRoom(ref, { text: 'x', number: 0 }))).to.equal('link-lost');
    links.up(false);
    links.a.creditMax = 1;
    a.system.tell(ref, { text: 'takes the credit', number: 0 });
    const waiting = failureOf(a.system.tellWhenRoom(ref, { text: 'x', number: 0 }));
    links.cut();
    expect(await waiting).to.equal('link-lost');
  });

  it('reaches through a mailbox of policy `wait` to the sender', async () => {
    const gate = new Gate();
    const { links, a, ref, received, b } = createPair({ gate, mailbox: { capacity: 2, overflow: 'wait' } });
    links.up(false);
    links.a.creditMax = 4;
    const told = Array.from({ length: 9 }, (_, number) => a.system.tell(ref, { text: 'x', number }));
    expect(told.filter((accepted) => accepted)).to.have.length(4);
    await settle();
    expect(b.system.stats().mailboxes[0]?.depth).to.equal(2);
    expect(links.a.outstanding('ordinary')).to.equal(4);
    gate.open();
    await settle();
    expect(received).to.have.length(4);
    expect(b.deadLetters).to.deep.equal([]);
  });
});

describe('a watch across a link', () => {
  const createWatcher = (pair: ReturnType<typeof createPair>) => {
    const seen: string[] = [];
    const watcher = pair.a.system.spawn(
      defineActor<null, string>({
        name: 'watcher',
        initial: (context) => {
          context.watch(pair.ref, ({ path, reason }) => `${path} ${reason}`);
          return null;
        },
        receive: (state, message, context) => {
          if (message === 'leave') context.unwatch(pair.ref);
          else seen.push(message.replace(pair.links.b.self, 'b'));
          return state;
        },
      }),
    );
    return { watcher, seen };
  };

  it('tells of a stop and of a failure', async () => {
    for (const reason of ['stopped', 'failed'] as const) {
      const pair = createPair({ supervision: { strategy: 'stop' } });
      pair.links.up(false);
      const { seen } = createWatcher(pair);
      await settle();
      if (reason === 'stopped') await pair.b.system.stop(pair.local);
      else pair.b.system.tell(pair.local, { text: 'crash', number: 0 });
      await settle();
      expect(seen).to.deep.equal([`bpci://b/echo ${reason}`]);
    }
  });

  it('fires at once where nothing is exported under the name', async () => {
    const pair = createPair();
    pair.links.up(false);
    await pair.b.system.stop(pair.local);
    const { seen } = createWatcher(pair);
    await settle();
    expect(seen).to.deep.equal(['bpci://b/echo stopped']);
  });

  it('set while there is no link takes effect when the link comes up', async () => {
    const pair = createPair();
    const { seen } = createWatcher(pair);
    await settle();
    pair.links.up(false);
    await settle();
    expect(seen).to.deep.equal([]);
    await pair.b.system.stop(pair.local);
    await settle();
    expect(seen).to.deep.equal(['bpci://b/echo stopped']);
  });

  it('hears after a cut what happened meanwhile, and fires `link-lost` for a new incarnation', async () => {
    const meanwhile = createPair();
    meanwhile.links.up(false);
    const first = createWatcher(meanwhile);
    await settle();
    meanwhile.links.cut();
    await meanwhile.b.system.stop(meanwhile.local);
    meanwhile.links.up(true);
    await settle();
    expect(first.seen).to.deep.equal(['bpci://b/echo stopped']);

    const reborn = createPair();
    reborn.links.up(false);
    const second = createWatcher(reborn);
    await settle();
    reborn.links.cut();
    await settle();
    expect(second.seen).to.deep.equal([]);
    reborn.links.up(false);
    await settle();
    expect(second.seen).to.deep.equal(['bpci://b/echo link-lost']);
  });

  it('that arrives twice is one watch', async () => {
    const { links, b, local } = createPair();
    links.up(false);
    const watch = {
      kind: 'watch',
      target: 'echo',
      correlation: 3,
      traceparent: '',
      payload: new Uint8Array(0),
    } as const;
    for (let i = 0; i < 2; i++) links.a.send(links.b.self, watch, { lane: 'control', once: true });
    await settle();
    await b.system.stop(local);
    await settle();
    expect(links.b.sent.map(({ envelope }) => [envelope.kind, envelope.correlation])).to.deep.equal([
      ['terminated', 3],
    ]);
  });

  it('can be left; the peer then forgets it', async () => {
    const pair = createPair();
    pair.links.up(false);
    const { seen, watcher } = createWatcher(pair);
    await settle();
    pair.a.system.tell(watcher, 'leave');
    await settle();
    await pair.b.system.stop(pair.local);
    await settle();
    expect(seen).to.deep.equal([]);
    expect(pair.links.a.sent.map(({ envelope, lane, once }) => [envelope.kind, lane, once])).to.deep.equal([
      ['watch', 'control', true],
      ['unwatch', 'control', true],
    ]);
    expect(pair.links.b.sent).to.deep.equal([]);
  });
});
