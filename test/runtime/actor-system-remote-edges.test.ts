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
