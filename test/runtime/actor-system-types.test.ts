/**
 * Goal: a wrong message does not compile. Method: each line marked as an error must be one, or the type check of the
 * project fails; what has no mark must be none. Nothing here needs to run but the sound half.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorContext, ActorRef, ReplyTo } from '../../src/runtime/ports/actors.ts';
import { createActorWorld } from './support/actor-world.ts';

type Deposit = { readonly type: 'deposit'; readonly amount: number };
type Balance = { readonly type: 'balance'; readonly replyTo: ReplyTo<number> };
type Account = Deposit | Balance;

const account = defineActor<number, Account>({
  name: 'account',
  initial: () => 0,
  receive: (sum, message, context) => {
    if (message.type === 'deposit') return sum + message.amount;
    context.reply(message.replyTo, sum);
    return sum;
  },
});

describe('the types of actors', () => {
  it('accept the messages of the protocol and give typed answers', async () => {
    const { system } = createActorWorld();
    const ref = system.spawn(account);
    system.tell(ref, { type: 'deposit', amount: 3 });
    const sum: number = await system.ask(ref, (replyTo: ReplyTo<number>) => ({ type: 'balance', replyTo }), {
      timeoutMs: 10,
    });
    expect(sum).to.equal(3);
    const narrow: ActorRef<Deposit> = ref;
    system.tell(narrow, { type: 'deposit', amount: 1 });
    await system.terminate();
  });

  it('refuse everything else', () => {
    // Compiled, never called: the marks below are what is tested.
    const wrong = (
      system: ActorContext<Account>,
      ref: ActorRef<Account>,
      others: { readonly foreign: ActorRef<{ readonly a: 1 }>; readonly narrow: ActorRef<Deposit> },
    ): readonly unknown[] => {
      // @ts-expect-error no such message
      system.tell(ref, { type: 'withdraw', amount: 1 });
      // @ts-expect-error a field of the wrong type
      system.tell(ref, { type: 'deposit', amount: '1' });
      // @ts-expect-error a field is missing
      system.tell(ref, { type: 'deposit' });
      // @ts-expect-error waits for room, still the wrong message
      void system.tellWhenRoom(ref, { type: 'withdraw' });
      // @ts-expect-error references of different protocols are different types
      const mixed: ActorRef<Account> = others.foreign;
      // @ts-expect-error one that takes less does not stand for one that takes more
      const widened: ActorRef<Account> = others.narrow;
      // @ts-expect-error the answer is a number
      void system.ask(ref, (replyTo: ReplyTo<string>) => ({ type: 'balance', replyTo }), { timeoutMs: 1 });
      // @ts-expect-error the answer is of the type that was asked for
      const text: Promise<string> = system.ask(ref, (replyTo: ReplyTo<number>) => ({ type: 'balance', replyTo }), {
        timeoutMs: 1,
      });
      // @ts-expect-error an ask has a time limit
      void system.ask(ref, (replyTo: ReplyTo<number>) => ({ type: 'balance', replyTo }));
      // @ts-expect-error an actor sends itself its own messages
      system.timer('key', 1, { type: 'withdraw' });
      // @ts-expect-error piped work too
      system.pipeToSelf(Promise.resolve(1), () => ({ type: 'withdraw' }));
      // @ts-expect-error and the news of a watch
      system.watch(ref, () => 'text');
      defineActor<number, Account>({
        name: 'wrong',
        initial: () => 0,
        receive: (sum, message, context) => {
          // @ts-expect-error the reply is a number
          if (message.type === 'balance') context.reply(message.replyTo, 'text');
          return sum;
        },
      });
      // @ts-expect-error the state has one type
      defineActor<number, Account>({ name: 'wrong', initial: () => 'text', receive: (sum) => sum });
      return [mixed, widened, text];
    };
    expect(wrong).to.be.a('function');
  });
});
