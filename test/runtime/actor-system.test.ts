/**
 * Goal: an embedder can rely on what messages do: order, one at a time, fairness, references that cannot be forged, and
 * on what can be observed. Method: small actors on a virtual clock, looked at from outside only; random interleavings for
 * order.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { InvariantError } from '../../src/protocols/shared/errors.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { counter, type CounterMessage, notes, read } from './support/actors.ts';
import { Gate } from './support/waiting.ts';

describe('actors and their messages', () => {
  it('handle messages one by one, and answer asks', async () => {
    const { system } = createActorWorld();
    const ref: ActorRef<CounterMessage> = system.spawn(counter, { name: 'visits' });
    for (let by = 1; by <= 100; by++) expect(system.tell(ref, { type: 'add', by })).to.equal(true);
    expect(await system.ask(ref, read, { timeoutMs: 1000 })).to.equal(5050);
    await system.terminate();
  });

  it('arrive in the order of sending for each pair of sender and receiver, however work is spread', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat({ max: 3 }), { maxLength: 60 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (plans, isAsync) => {
          const { system } = createActorWorld();
          type Numbered = { readonly sender: number; readonly number: number };
          const received: Numbered[][] = [[], [], [], []];
          const receivers = received.map((list) => system.spawn(isAsync ? slowNotes(list) : notes(list)));
          const sender = defineActor<number, { readonly to: number; readonly sender: number }>({
            name: 'sender',
            initial: () => 0,
            receive: (number, { to, sender: self }, context) => {
              context.tell(receivers[to] as ActorRef<Numbered>, { sender: self, number });
              return number + 1;
            },
          });
          plans.forEach((plan, index) => {
            const ref = system.spawn(sender);
            for (const to of plan) system.tell(ref, { to, sender: index });
          });
          await settle(isAsync ? 150 : 12);
          received.forEach((list, to) => {
            plans.forEach((plan, index) => {
              const expected = plan.flatMap((target, number) => (target === to ? [number] : []));
              const actual = list.filter((item) => item.sender === index).map((item) => item.number);
              expect(actual).to.deep.equal(expected);
            });
          });
          await system.terminate();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('wait while an asynchronous receive is under way, and never overlap', async () => {
    const { system } = createActorWorld();
    const gates = [new Gate(), new Gate()];
    const events: string[] = [];
    const ref = system.spawn(
      defineActor<number, number>({
        name: 'slow',
        initial: () => 0,
        receive: async (sum, index) => {
          events.push(`begin ${index}`);
          await gates[index]?.opened;
          events.push(`end ${index} at ${sum}`);
          return sum + 1;
        },
      }),
    );
    for (const index of [0, 1, 2]) system.tell(ref, index);
    await settle();
    expect(events).to.deep.equal(['begin 0']);
    gates[0]?.open();
    await settle();
    expect(events).to.deep.equal(['begin 0', 'end 0 at 0', 'begin 1']);
    gates[1]?.open();
    await settle();
    expect(events.slice(3)).to.deep.equal(['end 1 at 1', 'begin 2', 'end 2 at 2']);
    await system.terminate();
  });

  it('wait while an asynchronous initial recovers the state', async () => {
    const { system } = createActorWorld();
    const gate = new Gate();
    const ref = system.spawn({
      ...counter,
      initial: async () => {
        await gate.opened;
        return 40;
      },
    });
    system.tell(ref, { type: 'add', by: 2 });
    const answer = system.ask(ref, read, { timeoutMs: 1000 });
    await settle();
    gate.open();
    expect(await answer).to.equal(42);
    await system.terminate();
  });

  it('to busy actors do not keep the others waiting: each has its batch, then the next', async () => {
    const { system } = createActorWorld();
    const order: string[] = [];
    const worker = (name: string) =>
      defineActor<null, string>({ name, initial: () => null, receive: () => (order.push(name), null) });
    const starter = defineActor<null, string>({
      name: 'starter',
      initial: () => null,
      receive: (state, _message, context) => {
        const [busy, calm] = [context.spawn(worker('busy')), context.spawn(worker('calm'))];
        for (let i = 0; i < 5_000; i++) context.tell(busy, '');
        context.tell(calm, '');
        return state;
      },
    });
    system.tell(system.spawn(starter), '');
    await settle(40);
    expect(order).to.have.length(5_001);
    expect(order.indexOf('calm')).to.be.lessThan(100);
    await system.terminate();
  });

  it('do not keep I/O and timers of the process waiting either', async () => {
    const { system } = createActorWorld();
    let handled = 0;
    const treadmill = defineActor<null, string>({
      name: 'treadmill',
      initial: () => null,
      receive: (state, message, context) => {
        handled += 1;
        context.tell(context.self, message);
        return state;
      },
    });
    const ref = system.spawn(treadmill);
    system.tell(ref, 'again');
    // The message goes round for ever; macrotasks of others still have their turn.
    await settle(5);
    expect(handled).to.be.greaterThan(5);
    await system.terminate();
    const atEnd = handled;
    await settle(3);
    expect(handled).to.equal(atEnd);
  });

  it('cannot be sent through a forged reference, or into another system', async () => {
    const [one, other] = [createActorWorld(), createActorWorld()];
    const ref = one.system.spawn(counter);
    expect(() => other.system.tell(ref, { type: 'add', by: 1 })).to.throw(InvariantError, 'another actor system');
    const forged = { path: ref.path } as ActorRef<CounterMessage>;
    expect(() => one.system.tell(forged, { type: 'add', by: 1 })).to.throw(InvariantError, 'has given out');
    expect(() => one.system.reply({}, 'x')).to.throw(InvariantError, 'has given out');
    expect(JSON.stringify({ ref })).to.equal('{"ref":"/user/counter-1"}');
    await Promise.all([one.system.terminate(), other.system.terminate()]);
  });
});

describe('what is observed', () => {
  it('counts actors, messages, dead letters, restarts and shows the fullest mailboxes', async () => {
    const { system, telemetry } = createActorWorld();
    const gate = new Gate();
    const blocked = { ...counter, initial: () => gate.opened.then(() => 0) };
    for (let i = 1; i <= 12; i++) {
      const ref = system.spawn(blocked, { name: `m${i}` });
      for (let j = 0; j < i; j++) system.tell(ref, { type: 'add', by: 1 });
    }
    const { mailboxes, actors } = system.stats();
    expect(actors).to.equal(12);
    expect(mailboxes.map(({ path, depth }) => `${path} ${depth}`).slice(0, 2)).to.deep.equal([
      '/user/m12 12',
      '/user/m11 11',
    ]);
    expect(mailboxes).to.have.length(10);
    expect(telemetry.gauges.get('bpci.runtime.mailbox.depth')?.()).to.deep.equal([{ value: 12 }]);
    gate.open();
    await settle();
    expect(system.stats()).to.include({ messages: 78, deadLetters: 0, restarts: 0 });
    expect(telemetry.gauges.get('bpci.runtime.actors')?.()).to.deep.equal([{ value: 12 }]);
    await system.terminate();
  });

  it('shows dead letters to listeners until they leave, and survives one that throws', async () => {
    const { system, telemetry } = createActorWorld();
    const seen: unknown[] = [];
    system.onDeadLetter(() => {
      throw new Error('bad listener');
    });
    const leave = system.onDeadLetter(({ path, message }) => seen.push([path, message]));
    const ref = system.spawn(notes<string>([]), { name: 'gone' });
    await system.stop(ref);
    system.tell(ref, 'first');
    leave();
    system.tell(ref, 'second');
    expect(seen).to.deep.equal([['/user/gone', 'first']]);
    expect(system.stats().deadLetters).to.equal(2);
    expect(telemetry.counts.get('bpci.runtime.dead_letters')).to.equal(2);
    await system.terminate();
  });
});

function slowNotes<Message>(into: Message[]) {
  return defineActor<null, Message>({
    name: 'slow-notes',
    initial: () => null,
    receive: async (state, message) => {
      await Promise.resolve();
      into.push(message);
      return state;
    },
  });
}
