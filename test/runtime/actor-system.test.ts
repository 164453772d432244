/**
 * Goal: an embedder can rely on the contract of actors: order, one message at a time, asks, timers, piped work, watches,
 * stop and terminate. Method: small actors on a virtual clock, looked at from outside only.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef, ReplyTo } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';

type CounterMessage =
  | { readonly type: 'add'; readonly by: number }
  | { readonly type: 'read'; readonly replyTo: ReplyTo<number> };

const counter = defineActor<number, CounterMessage>({
  name: 'counter',
  initial: () => 0,
  receive: (count, message, context) => {
    if (message.type === 'add') return count + message.by;
    context.reply(message.replyTo, count);
    return count;
  },
});

describe('an actor system', () => {
  it('counts', async () => {
    const { system } = createActorWorld();
    const ref: ActorRef<CounterMessage> = system.spawn(counter, { name: 'visits' });
    expect(ref.path).to.equal('/user/visits');
    for (let by = 1; by <= 100; by++) expect(system.tell(ref, { type: 'add', by })).to.equal(true);
    const total = await system.ask(ref, (replyTo: ReplyTo<number>) => ({ type: 'read', replyTo }), { timeoutMs: 1000 });
    expect(total).to.equal(5050);
    await system.terminate();
    await settle();
  });
});
