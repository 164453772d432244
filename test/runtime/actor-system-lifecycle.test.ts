/**
 * Goal: names are unique while they live, stopping loses nothing silently and leaves nothing behind. Method: trees of
 * actors with slow, throwing and rejecting ends; the virtual clock shows timers that were left.
 */
import { expect } from 'chai';
import { InvariantError } from '../../src/protocols/shared/errors.ts';
import { defineActor } from '../../src/runtime/actor-system.ts';
import { type ActorContext, ActorError, type ActorRef, type ReplyTo } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { counter, read, silent } from './support/actors.ts';
import { errorOf, failureOf, Gate } from './support/waiting.ts';

describe('names and references', () => {
  it('are paths; unnamed siblings are counted', async () => {
    const { system } = createActorWorld();
    const paths: string[] = [];
    const parent = defineActor<null, string>({
      name: 'parent',
      initial: (context) => {
        paths.push(context.spawn(counter).path, context.spawn(counter).path, context.self.path);
        return null;
      },
      receive: (state) => state,
    });
    system.spawn(parent, { name: 'house' });
    expect(paths).to.deep.equal(['/user/house/counter-1', '/user/house/counter-2', '/user/house']);
    expect(`${system.spawn(counter, { name: 'counter-1' }).path} ${system.spawn(counter).path}`).to.equal(
      '/user/counter-1 /user/counter-2',
    );
    await system.terminate();
  });

  it('are taken until their actor has stopped for good', async () => {
    const { system } = createActorWorld();
    const gate = new Gate();
    const slowEnd = { ...counter, onStop: () => gate.opened };
    const ref = system.spawn(slowEnd, { name: 'only' });
    expect(thrownBy(() => system.spawn(counter, { name: 'only' }))).to.equal('name-taken');
    const stopped = system.stop(ref);
    expect(thrownBy(() => system.spawn(counter, { name: 'only' }))).to.equal('name-taken');
    gate.open();
    await stopped;
    const next = system.spawn(counter, { name: 'only' });
    expect(next.path).to.equal(ref.path);
    expect(system.tell(ref, { type: 'add', by: 1 })).to.equal(false);
    expect(await system.ask(next, read, { timeoutMs: 10 })).to.equal(0);
    await system.terminate();
  });

  it('refuse what would not be a segment of a path', async () => {
    const { system } = createActorWorld();
    for (const name of ['', 'a/b', 'a b']) expect(() => system.spawn(counter, { name })).to.throw(InvariantError);
    await system.terminate();
  });
});

describe('stop and terminate', () => {
  it('lets the message in hand finish, makes dead letters of the rest, then calls onStop with the state', async () => {
    const { system, deadLetters } = createActorWorld();
    const gate = new Gate();
    const ends: number[] = [];
    const ref = system.spawn(
      defineActor<number, number>({
        name: 'worker',
        initial: () => 0,
        receive: async (sum, by) => {
          await gate.opened;
          return sum + by;
        },
        onStop: (sum) => void ends.push(sum),
      }),
    );
    for (const by of [5, 6, 7]) system.tell(ref, by);
    await settle();
    const stopped = system.stop(ref);
    await settle();
    expect(ends).to.deep.equal([]);
    expect(deadLetters.map(({ message, reason }) => `${String(message)} ${reason}`)).to.deep.equal([
      '6 stopped',
      '7 stopped',
    ]);
    gate.open();
    await stopped;
    expect(ends).to.deep.equal([5]);
    expect(system.tell(ref, 1)).to.equal(false);
    await system.terminate();
  });

  it('stops children first, the youngest of them first, and awaits every onStop', async () => {
    const { system } = createActorWorld();
    const ends: string[] = [];
    const node = (depth: number): ReturnType<typeof defineActor<string, string>> =>
      defineActor<string, string>({
        name: 'node',
        initial: (context) => {
          if (depth > 0) for (const name of ['a', 'b']) context.spawn(node(depth - 1), { name });
          return context.self.path;
        },
        receive: (state) => state,
        onStop: async (path) => {
          await settle(1);
          ends.push(path);
        },
      });
    system.spawn(node(2), { name: 'x' });
    system.spawn(node(0), { name: 'y' });
    await system.terminate();
    expect(ends).to.deep.equal([
      '/user/y',
      ...['/user/x/b/b', '/user/x/b/a', '/user/x/b', '/user/x/a/b', '/user/x/a/a', '/user/x/a', '/user/x'],
    ]);
    expect(system.stats().actors).to.equal(0);
  });

  it('of itself or of what is above it can be awaited by an actor without waiting for its own end', async () => {
    const { system } = createActorWorld();
    const ends: string[] = [];
    const child = defineActor<string, ActorRef<never>>({
      name: 'child',
      initial: (context) => context.self.path,
      receive: async (state, above, context) => {
        await context.stop(above);
        return state;
      },
      onStop: (path) => void ends.push(path),
    });
    const parent = defineActor<string, string>({
      name: 'parent',
      initial: (context) => {
        context.tell(context.spawn(child), context.self);
        return context.self.path;
      },
      receive: (state) => state,
      onStop: (path) => void ends.push(path),
    });
    system.spawn(parent);
    await settle();
    expect(ends).to.deep.equal(['/user/parent-1/child-1', '/user/parent-1']);
    await system.terminate();
  });

  it('lets an actor that stops itself still answer the message in hand', async () => {
    const { system } = createActorWorld();
    const once = defineActor<null, { readonly replyTo: ReplyTo<string> }>({
      name: 'once',
      initial: () => null,
      receive: (state, { replyTo }, context) => {
        void context.stop(context.self);
        context.reply(replyTo, 'last words');
        return state;
      },
    });
    const ask = system.ask(system.spawn(once), (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 10 });
    expect(await ask).to.equal('last words');
    await system.terminate();
  });

  it('goes on where an onStop throws or rejects', async () => {
    const { system, telemetry } = createActorWorld();
    const thrower = defineActor<null, string>({
      name: 'thrower',
      initial: () => null,
      receive: (state) => state,
      onStop: () => {
        throw new Error('planted in onStop');
      },
    });
    const rejecter = { ...thrower, onStop: () => Promise.reject(new Error('planted rejection')) };
    await system.stop(system.spawn(thrower));
    system.spawn(rejecter);
    await system.terminate();
    const causes = telemetry.lines.filter(({ level }) => level === 'error').map(({ cause }) => errorOf(cause));
    expect(causes).to.deep.equal(['planted in onStop', 'planted rejection']);
  });

  it('starts nothing in what is stopping', async () => {
    const { system } = createActorWorld();
    let context: ActorContext<string> | undefined;
    const ref = system.spawn(
      defineActor<null, string>({
        name: 'parent',
        initial: (own) => {
          context = own;
          return null;
        },
        receive: (state) => state,
      }),
    );
    await system.stop(ref);
    expect(thrownBy(() => context?.spawn(counter))).to.equal('terminated');
    await system.terminate();
    expect(thrownBy(() => system.spawn(counter))).to.equal('terminated');
  });

  it('terminates thousands of busy actors and leaves no timer', async () => {
    const { system, clock } = createActorWorld();
    let ends = 0;
    const busy = defineActor<null, string>({
      name: 'busy',
      initial: (context) => {
        context.timer('tick', 1_000, 'tick');
        return null;
      },
      receive: (state) => state,
      onStop: () => void (ends += 1),
    });
    const family = defineActor<null, string>({
      name: 'family',
      initial: (context) => {
        for (let i = 0; i < 100; i++) context.tell(context.spawn(busy), 'work');
        return null;
      },
      receive: (state) => state,
    });
    for (let i = 0; i < 50; i++) system.spawn(family);
    const pending = system.ask(system.spawn(silent), (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 9 });
    const failure = failureOf(pending);
    expect(system.stats().actors).to.equal(5_051);
    await Promise.all([system.terminate(), system.terminate()]);
    expect(ends).to.equal(5_000);
    expect(await failure).to.equal('target-stopped');
    expect(clock.pending).to.equal(0);
    expect(system.stats().actors).to.equal(0);
  });
});

function thrownBy(action: () => unknown): string {
  try {
    action();
    return 'nothing';
  } catch (error) {
    expect(error).to.be.instanceOf(ActorError);
    return errorOf(error);
  }
}
