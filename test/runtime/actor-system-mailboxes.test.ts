/**
 * Goal: a mailbox holds what its policy promises and no more; what is refused is never silent. Method: an actor held up
 * by a gate while others send; a model (a plain array) says what must arrive.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { MailboxOptions, ReplyTo } from '../../src/runtime/ports/actors.ts';
import { Mailbox } from '../../src/runtime/actors/mailbox.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { failureOf, Gate } from './support/waiting.ts';

type HeldMessage = { readonly number: number; readonly replyTo?: ReplyTo<number> };

/** An actor that begins to receive when the gate opens. */
function createHeld(mailbox: MailboxOptions) {
  const world = createActorWorld();
  const gate = new Gate();
  const received: number[] = [];
  const ref = world.system.spawn(
    defineActor<null, HeldMessage>({
      name: 'held',
      initial: () => gate.opened.then(() => null),
      receive: (state, { number, replyTo }, context) => {
        received.push(number);
        if (replyTo !== undefined) context.reply(replyTo, number);
        return state;
      },
    }),
    { mailbox },
  );
  const dead = (): string[] =>
    world.deadLetters.map(({ message, reason }) => `${(message as HeldMessage).number} ${reason}`);
  return { ...world, gate, received, ref, dead };
}

describe('a full mailbox', () => {
  it('refuses one more under `reject`: tell says so, the message is a dead letter', async () => {
    const { system, ref, gate, received, dead } = createHeld({ capacity: 3, overflow: 'reject' });
    const told = [1, 2, 3, 4, 5].map((number) => system.tell(ref, { number }));
    expect(told).to.deep.equal([true, true, true, false, false]);
    expect(dead()).to.deep.equal(['4 mailbox-full', '5 mailbox-full']);
    gate.open();
    await settle();
    expect(received).to.deep.equal([1, 2, 3]);
    expect(system.tell(ref, { number: 6 })).to.equal(true);
    await system.terminate();
  });

  it('fails an ask at once with `mailbox-full`', async () => {
    const { system, ref } = createHeld({ capacity: 1 });
    system.tell(ref, { number: 1 });
    const ask = (number: number) =>
      system.ask(ref, (replyTo: ReplyTo<number>) => ({ number, replyTo }), { timeoutMs: 1_000 });
    expect(await failureOf(ask(2))).to.equal('mailbox-full');
    const stopped = system.stop(ref);
    expect(await failureOf(ask(3))).to.equal('target-stopped');
    void stopped;
  });

  it('drops the oldest under `drop-oldest`, and fails the ask that was in it', async () => {
    const { system, ref, gate, received, dead } = createHeld({ capacity: 3, overflow: 'drop-oldest' });
    const oldest = failureOf(
      system.ask(ref, (replyTo: ReplyTo<number>) => ({ number: 1, replyTo }), { timeoutMs: 1_000 }),
    );
    for (const number of [2, 3, 4, 5]) expect(system.tell(ref, { number })).to.equal(true);
    expect(await oldest).to.equal('mailbox-full');
    expect(dead()).to.deep.equal(['1 mailbox-full', '2 mailbox-full']);
    gate.open();
    await settle();
    expect(received).to.deep.equal([3, 4, 5]);
    await system.terminate();
  });

  it('never drops what the actor itself has asked for: a flood does not stop its clock', async () => {
    const { system, pass, deadLetters } = createActorWorld();
    const gate = new Gate();
    const received: string[] = [];
    const ref = system.spawn(
      defineActor<null, string>({
        name: 'ticking',
        initial: (context) => {
          context.timer('tick', 5, 'tick');
          return null;
        },
        receive: async (state, message) => {
          await gate.opened;
          received.push(message);
          return state;
        },
      }),
      { mailbox: { capacity: 2, overflow: 'drop-oldest' } },
    );
    system.tell(ref, 'first');
    await pass(5);
    for (const message of ['a', 'b', 'c', 'd']) system.tell(ref, message);
    gate.open();
    await settle();
    expect(received).to.deep.equal(['first', 'tick', 'd']);
    expect(deadLetters.map(({ message }) => message)).to.deep.equal(['a', 'b', 'c']);
    await system.terminate();
  });

  it('makes senders wait under `wait`, in their order; a plain tell is refused meanwhile', async () => {
    const { system, ref, gate, received, dead } = createHeld({ capacity: 2, overflow: 'wait' });
    const admitted: number[] = [];
    for (const number of [1, 2, 3, 4, 5]) {
      void system.tellWhenRoom(ref, { number }).then(() => admitted.push(number));
    }
    await settle();
    expect(admitted).to.deep.equal([1, 2]);
    expect(system.tell(ref, { number: 6 })).to.equal(false);
    expect(dead()).to.deep.equal(['6 mailbox-full']);
    gate.open();
    await settle();
    expect(admitted).to.deep.equal([1, 2, 3, 4, 5]);
    expect(received).to.deep.equal([1, 2, 3, 4, 5]);
    await system.terminate();
  });

  it('refuses tellWhenRoom where the policy is not to wait, and those who wait when the actor stops', async () => {
    const rejecting = createHeld({ capacity: 1 });
    rejecting.system.tell(rejecting.ref, { number: 1 });
    expect(await failureOf(rejecting.system.tellWhenRoom(rejecting.ref, { number: 2 }))).to.equal('mailbox-full');

    const waiting = createHeld({ capacity: 1, overflow: 'wait' });
    const told = [1, 2, 3].map((number) => failureOf(waiting.system.tellWhenRoom(waiting.ref, { number })));
    const stopped = waiting.system.stop(waiting.ref);
    waiting.gate.open();
    await stopped;
    expect(await Promise.all(told)).to.deep.equal(['fulfilled', 'target-stopped', 'target-stopped']);
    expect(waiting.dead()).to.deep.equal(['1 stopped', '2 stopped', '3 stopped']);
    expect(await failureOf(waiting.system.tellWhenRoom(waiting.ref, { number: 4 }))).to.equal('target-stopped');
  });

  it('keeps memory bounded when senders are ten times too fast, under every policy', async () => {
    for (const overflow of ['reject', 'drop-oldest', 'wait'] as const) {
      const { system, deadLetters } = createActorWorld();
      const capacity = 50;
      let handled = 0;
      let deepest = 0;
      const consumer = system.spawn(
        defineActor<null, number>({
          name: 'consumer',
          initial: () => null,
          receive: async (state) => {
            handled += 1;
            await settle(1);
            return state;
          },
        }),
        { mailbox: { capacity, overflow } },
      );
      const sent = 5_000;
      for (let i = 0; i < sent; i += 10) {
        for (let j = 0; j < 10; j++) system.tell(consumer, i + j);
        await settle(1);
        deepest = Math.max(deepest, system.stats().mailboxes[0]?.depth ?? 0);
      }
      await settle(5 * capacity);
      expect(deepest, overflow).to.equal(capacity);
      expect(handled + deadLetters.length, overflow).to.equal(sent);
      await system.terminate();
    }
  });
});

describe('the ring of a mailbox', () => {
  it('behaves as a plain queue with a bound through any history', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -40, max: -1 })), { maxLength: 60 }),
        fc.boolean(),
        (history, isDropping) => {
          const mailbox = new Mailbox({ capacity: 50, overflow: isDropping ? 'drop-oldest' : 'reject' });
          const model: number[] = [];
          let next = 0;
          for (const step of history) {
            for (let i = 0; i < step; i++) {
              next += 1;
              if (mailbox.full) {
                if (!isDropping) continue;
                expect(mailbox.displace()?.item).to.equal(model.shift());
              }
              mailbox.push(next);
              model.push(next);
            }
            for (let i = step; i < 0 && model.length > 0; i++) expect(mailbox.shift()).to.equal(model.shift());
            expect(mailbox.length).to.equal(model.length);
          }
          const rest: unknown[] = [];
          mailbox.drain((item) => rest.push(item));
          expect(rest).to.deep.equal(model);
        },
      ),
      { numRuns: 200 },
    );
  });
});
