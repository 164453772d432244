/**
 * Goal: an actor on another node is told and asked as one here, and losing the link or the peer is seen, never guessed.
 * Method: two systems joined by a pair of links in memory that counts credit and can be cut.
 */
import { expect } from 'chai';
import { toHex } from '../../src/protocols/shared/bytes.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { createPair, type EchoMessage } from './support/remote-pair.ts';
import { failureOf, Gate } from './support/waiting.ts';

describe('a remote reference', () => {
  it('is told and asked as a local one; the receiver knows the authenticated peer', async () => {
    const { links, a, ref, ask, received } = createPair();
    links.up(false);
    expect(ref.path).to.equal(`bpci://${links.b.self}/echo`);
    expect(a.system.tell(ref, { text: 'one', number: 1 })).to.equal(true);
    expect(a.system.tell(ref, { text: 'two', number: 2 })).to.equal(true);
    expect(await ask('three')).to.equal('echo three');
    expect(received.map(({ text, number, peer }) => [text, number, peer === links.a.self])).to.deep.equal([
      ['one', 1, true],
      ['two', 2, true],
      ['three', 0, true],
    ]);
  });

  it('uses the lane and delivery that it was made with; the answer takes the lane of the ask', async () => {
    const { links, ask, a, ref } = createPair({ remote: { lane: 'bulk', delivery: 'effectively-once' } });
    links.up(false);
    await ask('x');
    a.system.tell(ref, { text: 'y', number: 0 });
    expect(links.a.sent.map(({ lane, once }) => [lane, once])).to.deep.equal([
      ['bulk', true],
      ['bulk', true],
    ]);
    expect(links.b.sent.map(({ envelope, lane }) => [envelope.kind, lane])).to.deep.equal([['reply', 'bulk']]);
  });

  it('encodes a broadcast once', async () => {
    const { links, a, protocol, ref } = createPair();
    links.up(false);
    const again = a.system.remote(links.b.self, 'echo', protocol);
    const message = { text: 'to all', number: 7 };
    for (let i = 0; i < 5; i++) for (const target of [ref, again]) a.system.tell(target, message);
    a.system.tell(ref, { ...message });
    expect(protocol.encodings).to.equal(2);
    expect(new Set(links.a.sent.map(({ envelope }) => toHex(envelope.payload))).size).to.equal(1);
    await settle();
  });

  it('carries the trace of the sender to the receiver and on', async () => {
    const { links, a, b, protocol } = createPair();
    const relay = b.system.spawn(
      defineActor<null, EchoMessage>({
        name: 'relay',
        initial: () => null,
        receive: (state, _message, context) => {
          context.span('receiver').end();
          return state;
        },
      }),
    );
    b.system.export('relay', relay, protocol);
    links.up(false);
    const sender = a.system.spawn(
      defineActor<null, string>({
        name: 'sender',
        initial: () => null,
        receive: (state, _message, context) => {
          const span = context.span('sender');
          context.tell(a.system.remote(links.b.self, 'relay', protocol), { text: '', number: 0 });
          span.end();
          return state;
        },
      }),
    );
    a.system.tell(sender, 'go');
    await settle();
    expect(b.telemetry.spans[0]?.parent).to.equal(a.telemetry.spans[0]?.traceparent);
    expect(a.telemetry.spans[0]?.traceparent).to.be.a('string');
  });

  it('reaches nothing that is not exported, and says so to who asks', async () => {
    const { links, a, b, protocol } = createPair();
    links.up(false);
    b.system.spawn({ name: 'private', initial: () => null, receive: () => null }, { name: 'private' });
    const hidden = a.system.remote(links.b.self, 'private', protocol);
    const answer = a.system.ask(hidden, (replyTo: ReplyTo<string>) => ({ text: '', number: 0, replyTo }), {
      timeoutMs: 1_000,
    });
    expect(await failureOf(answer)).to.equal('target-stopped');
    expect(b.deadLetters.map(({ path, reason }) => [path.split(' ')[0], reason])).to.deep.equal([
      ['private', 'stopped'],
    ]);
  });

  it('is exported under a name that is free, or whose actor has stopped', async () => {
    const { links, b, local, protocol, ask } = createPair();
    links.up(false);
    const next = b.system.spawn(
      defineActor<null, EchoMessage>({
        name: 'next',
        initial: () => null,
        receive: (state, { replyTo }, context) => {
          if (replyTo !== undefined) context.reply(replyTo, 'the next');
          return state;
        },
      }),
    );
    expect(() => b.system.export('echo', next, protocol)).to.throw('exported as echo');
    await b.system.stop(local);
    expect(await failureOf(ask('between'))).to.equal('target-stopped');
    b.system.export('echo', next, protocol);
    expect(await ask('x')).to.equal('the next');
  });

  it('needs links', () => {
    const { system } = createActorWorld();
    const { links, protocol } = createPair();
    expect(() => system.remote(links.b.self, 'echo', protocol)).to.throw('no links');
  });
});

describe('asks across a link', () => {
  it('fail as local ones do: time limit, crash, stop, full mailbox', async () => {
    const { links, a, ask } = createPair();
    links.up(false);
    expect(await failureOf(ask('crash'))).to.equal('target-failed');
    const silent = failureOf(ask('silent', 50));
    await a.pass(50);
    expect(await silent).to.equal('timeout');
    const [held, last] = [failureOf(ask('silent')), failureOf(ask('stop'))];
    expect(await Promise.all([held, last])).to.deep.equal(['target-stopped', 'target-stopped']);

    const full = createPair({ mailbox: { capacity: 1 }, gate: new Gate() });
    full.links.up(false);
    full.a.system.tell(full.ref, { text: 'fills it', number: 0 });
    expect(await failureOf(full.ask('one more'))).to.equal('mailbox-full');
  });

  it('whose answer comes after the time limit is a dead letter, not an answer to something else', async () => {
    const { links, a, b, kept, ask } = createPair();
    links.up(false);
    const late = failureOf(ask('silent', 10));
    await a.pass(10);
    expect(await late).to.equal('timeout');
    b.system.reply(kept[0] as ReplyTo<string>, 'too late');
    await settle();
    expect(a.deadLetters.map(({ reason }) => reason)).to.deep.equal(['no-reply-expected']);
  });

  it('fail at once without a link or without credit', async () => {
    const { links, a, ref, ask } = createPair({ gate: new Gate() });
    expect(await failureOf(ask('x'))).to.equal('link-lost');
    expect(a.system.tell(ref, { text: 'x', number: 0 })).to.equal(false);
    links.up(false);
    links.a.creditMax = 1;
    a.system.tell(ref, { text: 'takes the credit', number: 0 });
    expect(await failureOf(ask('x'))).to.equal('mailbox-full');
    expect(a.deadLetters.map(({ reason }) => reason)).to.deep.equal(['no-link', 'no-link', 'mailbox-full']);
  });

  it('survive a cut that the same incarnation returns from, and end with `link-lost` when a new one does', async () => {
    const { links, a, b, kept, ask } = createPair();
    links.up(false);
    const first = ask('silent');
    await settle();
    links.cut();
    b.system.reply(kept[0] as ReplyTo<string>, 'answered while the link was down');
    links.up(true);
    expect(await first).to.equal('answered while the link was down');

    const second = failureOf(ask('silent'));
    await settle();
    links.cut();
    links.up(false);
    expect(await second).to.equal('link-lost');
    // The peer's side forgot the ask as well: nothing goes to an incarnation that never asked.
    const sentBefore = links.b.sent.length;
    b.system.reply(kept[1] as ReplyTo<string>, 'to whom');
    await settle();
    expect(links.b.sent.length).to.equal(sentBefore);
    expect(b.deadLetters.map(({ reason }) => reason)).to.deep.equal(['no-reply-expected']);
    expect(a.deadLetters).to.deep.equal([]);
  });

  it('that the peer holds open are bounded, though their credit has returned', async () => {
    const { links, b, kept } = createPair();
    links.up(false);
    links.a.creditMax = 20_000;
    const payload = createPair().protocol.encode({ text: 'silent', number: 0 });
    for (let correlation = 1; correlation <= 10_005; correlation++) {
      const envelope = { kind: 'ask', target: 'echo', correlation, traceparent: '', payload } as const;
      links.a.send(links.b.self, envelope, { lane: 'ordinary', once: false });
      if (correlation % 1_000 === 0) await settle(2);
    }
    await settle(2);
    expect(kept).to.have.length(10_000);
    expect(b.deadLetters.map(({ reason }) => reason)).to.deep.equal(new Array(5).fill('mailbox-full'));
    await b.system.terminate();
    expect(b.clock.pending).to.equal(0);
  });

  it('can be passed on to a third actor across the link', async () => {
    const { links, a, ref } = createPair();
    links.up(false);
    const front = a.system.spawn(
      defineActor<null, EchoMessage>({
        name: 'front',
        initial: () => null,
        receive: (state, message, context) => {
          context.tell(ref, message);
          return state;
        },
      }),
    );
    const answer = a.system.ask(front, (replyTo: ReplyTo<string>) => ({ text: 'relayed', number: 0, replyTo }), {
      timeoutMs: 100,
    });
    expect(await answer).to.equal('echo relayed');
  });

  it('that are passed on may still be answered by another where the first one fails', async () => {
    const { links, a, ref } = createPair();
    links.up(false);
    const front = a.system.spawn(
      defineActor<ReplyTo<string>[], EchoMessage>({
        name: 'front',
        initial: () => [],
        receive: (kept, message, context) => {
          const { text, replyTo } = message;
          if (replyTo === undefined) {
            for (const address of kept) context.reply(address, 'the second try');
            return [];
          }
          context.tell(ref, { ...message, text });
          context.timer('second try', 50, { text: 'now', number: 0 });
          return [...kept, replyTo];
        },
      }),
    );
    const answer = a.system.ask(front, (replyTo: ReplyTo<string>) => ({ text: 'crash', number: 0, replyTo }), {
      timeoutMs: 100,
    });
    await a.pass(60);
    expect(await answer).to.equal('the second try');
  });

  it('end with `terminated` when the asking system goes', async () => {
    const { links, a, ask, b } = createPair();
    links.up(false);
    const answer = failureOf(ask('silent'));
    await settle();
    await a.system.terminate();
    expect(await answer).to.equal('terminated');
    expect(a.clock.pending).to.equal(0);
    await b.system.terminate();
    expect(b.clock.pending).to.equal(0);
  });
});
