/**
 * Goal: who asks always learns what became of it: an answer, or why there is none, in time. Method: asks to actors that
 * answer, are silent, stop, crash, answer twice or pass the ask on, on a virtual clock.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { counter, type CounterMessage, read, silent } from './support/actors.ts';
import { errorOf, failureOf } from './support/waiting.ts';

describe('asks', () => {
  it('fail with `timeout` at their limit, measured on the clock of the system, and not before', async () => {
    const { system, pass } = createActorWorld();
    const ref = system.spawn(silent);
    const failures: string[] = [];
    for (const timeoutMs of [100, 250, 100]) {
      const answer = system.ask(ref, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs });
      answer.catch((error: unknown) => failures.push(`${timeoutMs} ${errorOf(error)}`));
    }
    await pass(99);
    expect(failures).to.deep.equal([]);
    await pass(1);
    expect(failures).to.deep.equal(['100 timeout', '100 timeout']);
    await pass(150);
    expect(failures[2]).to.equal('250 timeout');
    await system.terminate();
  });

  it('of one limit that are made later expire later', async () => {
    const { system, pass } = createActorWorld();
    const ref = system.spawn(silent);
    const failures: number[] = [];
    const ask = (number: number) => {
      const answer = system.ask(ref, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 100 });
      answer.catch(() => failures.push(number));
    };
    ask(1);
    await pass(60);
    ask(2);
    await pass(60);
    expect(failures).to.deep.equal([1]);
    await pass(40);
    expect(failures).to.deep.equal([1, 2]);
    await system.terminate();
  });

  it('fail at once when the target stops before it answered', async () => {
    const { system, clock } = createActorWorld();
    const ref = system.spawn(silent);
    const answer = system.ask(ref, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 60_000 });
    await settle();
    void system.stop(ref);
    expect(await failureOf(answer)).to.equal('target-stopped');
    expect(clock.monotonicMs()).to.equal(0);
    await system.terminate();
  });

  it('to a stopped actor fail at once', async () => {
    const { system, deadLetters } = createActorWorld();
    const ref = system.spawn(counter);
    await system.stop(ref);
    expect(await failureOf(system.ask(ref, read, { timeoutMs: 10 }))).to.equal('target-stopped');
    expect(deadLetters.map(({ reason }) => reason)).to.deep.equal(['stopped']);
    await system.terminate();
  });

  it('fail when the target crashes on the very message, and only those', async () => {
    const { system } = createActorWorld();
    const kept: ReplyTo<string>[] = [];
    const ref = system.spawn(
      defineActor<null, { readonly crash: boolean; readonly replyTo: ReplyTo<string> }>({
        name: 'fragile',
        initial: () => null,
        receive: (state, { crash, replyTo }) => {
          if (crash) throw new Error('planted');
          kept.push(replyTo);
          return state;
        },
      }),
    );
    const ask = (crash: boolean) =>
      system.ask(ref, (replyTo: ReplyTo<string>) => ({ crash, replyTo }), { timeoutMs: 100 });
    const [first, second] = [ask(false), ask(true)];
    expect(await failureOf(second)).to.equal('target-failed');
    system.reply(kept[0] as ReplyTo<string>, 'late but there');
    expect(await first).to.equal('late but there');
    await system.terminate();
  });

  it('take one answer; a second, or a late one, is a dead letter', async () => {
    const { system, deadLetters, pass } = createActorWorld();
    const kept: ReplyTo<string>[] = [];
    const ref = system.spawn(
      defineActor<null, { readonly replyTo: ReplyTo<string> }>({
        name: 'twice',
        initial: () => null,
        receive: (state, { replyTo }, context) => {
          kept.push(replyTo);
          if (kept.length === 1) {
            context.reply(replyTo, 'one');
            context.reply(replyTo, 'two');
          }
          return state;
        },
      }),
    );
    const ask = () => system.ask(ref, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 5 });
    expect(await ask()).to.equal('one');
    const late = failureOf(ask());
    await pass(5);
    expect(await late).to.equal('timeout');
    system.reply(kept[1] as ReplyTo<string>, 'late');
    expect(deadLetters.map(({ message, reason }) => [message, reason])).to.deep.equal([
      ['two', 'no-reply-expected'],
      ['late', 'no-reply-expected'],
    ]);
    await system.terminate();
  });

  it('between actors may be awaited within receive, and passed on to whoever answers', async () => {
    const { system } = createActorWorld();
    const back = system.spawn(counter);
    system.tell(back, { type: 'add', by: 7 });
    type FrontMessage = { readonly passOn: boolean; readonly replyTo: ReplyTo<number> };
    const front = system.spawn(
      defineActor<null, FrontMessage>({
        name: 'front',
        initial: () => null,
        receive: async (state, { passOn, replyTo }, context) => {
          if (passOn) context.tell(back, { type: 'read', replyTo });
          else context.reply(replyTo, 10 * (await context.ask(back, read, { timeoutMs: 10 })));
          return state;
        },
      }),
    );
    const ask = (passOn: boolean) =>
      system.ask(front, (replyTo: ReplyTo<number>) => ({ passOn, replyTo }), { timeoutMs: 10 });
    expect(await Promise.all([ask(false), ask(true)])).to.deep.equal([70, 7]);
    await system.terminate();
  });

  it('of an actor that stops fail, so that its receive comes to an end', async () => {
    const { system } = createActorWorld();
    const target = system.spawn(silent);
    const outcomes: string[] = [];
    const asker = system.spawn(
      defineActor<null, string>({
        name: 'asker',
        initial: () => null,
        receive: async (state, _message, context) => {
          const answer = context.ask(target, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 60_000 });
          outcomes.push(await failureOf(answer));
          return state;
        },
      }),
    );
    system.tell(asker, '');
    await settle();
    await system.stop(asker);
    expect(outcomes).to.deep.equal(['asker-stopped']);
    await system.terminate();
  });

  it('whose message cannot be made reject with what went wrong and leave nothing behind', async () => {
    const { system, clock } = createActorWorld();
    const ref = system.spawn(counter);
    const answer = system.ask(
      ref,
      (_replyTo: ReplyTo<number>): CounterMessage => {
        throw new RangeError('no message');
      },
      { timeoutMs: 10 },
    );
    expect(errorOf(await answer.catch((error: unknown) => error))).to.equal('no message');
    await system.terminate();
    expect(clock.pending).to.equal(0);
  });
});
