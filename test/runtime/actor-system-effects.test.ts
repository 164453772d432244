/**
 * Goal: timers, piped work, watches and spans do what an actor asked for, exactly once, and end with it. Method: a virtual
 * clock; actors that set things going and note what reaches them.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorContext, ActorRef } from '../../src/runtime/ports/actors.ts';
import type { Span } from '../../src/runtime/ports/telemetry.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { counter } from './support/actors.ts';
import { errorOf, Gate } from './support/waiting.ts';

type Step = (context: ActorContext<string | Step>) => void;

/** Does what it is handed, notes every text, and crashes on the text `crash`. */
function createPuppet() {
  const world = createActorWorld();
  const received: string[] = [];
  const ref: ActorRef<string | Step> = world.system.spawn(
    defineActor<null, string | Step>({
      name: 'puppet',
      initial: () => null,
      receive: (state, message, context) => {
        if (message === 'crash') throw new Error('planted');
        if (typeof message === 'string') received.push(message);
        else message(context);
        return state;
      },
    }),
  );
  const run = async (step: Step): Promise<void> => {
    world.system.tell(ref, step);
    await settle();
  };
  return { ...world, received, ref, run };
}

describe('timers', () => {
  it('fire once, at their time, in the order of their times', async () => {
    const { run, pass, received } = createPuppet();
    await run((context) => {
      context.timer('late', 200, 'late');
      context.timer('early', 100, 'early');
    });
    await pass(99);
    expect(received).to.deep.equal([]);
    await pass(1);
    expect(received).to.deep.equal(['early']);
    await pass(1_000);
    expect(received).to.deep.equal(['early', 'late']);
  });

  it('of the same key replace each other; cancelled ones do not fire', async () => {
    const { run, pass, received, clock } = createPuppet();
    await run((context) => {
      context.timer('key', 100, 'first');
      context.timer('key', 150, 'second');
      context.timer('other', 100, 'other');
      context.cancelTimer('other');
      context.cancelTimer('unknown');
    });
    expect(clock.pending).to.equal(1);
    await pass(1_000);
    expect(received).to.deep.equal(['second']);
  });

  it('that have fired, and are cancelled or replaced before their message is handled, are not delivered', async () => {
    const { run, ref, system, clock, received } = createPuppet();
    await run((context) => {
      context.timer('cancelled', 10, 'cancelled');
      context.timer('replaced', 10, 'replaced');
    });
    system.tell(ref, (context) => {
      context.cancelTimer('cancelled');
      context.timer('replaced', 0, 'replacement');
    });
    clock.advanceBy(10);
    await settle();
    clock.advanceBy(0);
    await settle();
    expect(received).to.deep.equal(['replacement']);
  });

  it('can be set again from their own message', async () => {
    const world = createActorWorld();
    let ticks = 0;
    const ref = world.system.spawn(
      defineActor<null, 'tick'>({
        name: 'clockwork',
        initial: (context) => {
          context.timer('tick', 10, 'tick');
          return null;
        },
        receive: (state, message, context) => {
          ticks += 1;
          context.timer('tick', 10, message);
          return state;
        },
      }),
    );
    await world.pass(105);
    expect(ticks).to.equal(10);
    expect(world.clock.pending).to.equal(1);
    await world.system.stop(ref);
    expect(world.clock.pending).to.equal(0);
  });

  it('end with a restart, also those whose message waits in the mailbox', async () => {
    const { run, ref, system, clock, pass, received } = createPuppet();
    await run((context) => {
      context.timer('fired', 10, 'fired');
      context.timer('running', 500, 'running');
    });
    system.tell(ref, 'crash');
    clock.advanceBy(10);
    await settle();
    await pass(1_000);
    expect(received).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
    system.tell(ref, 'alive');
    await settle();
    expect(received).to.deep.equal(['alive']);
  });
});

describe('what an actor has set going', () => {
  it('is no dead letter when it stops: it was its own and nobody misses it', async () => {
    const { run, ref, system, clock, deadLetters, received } = createPuppet();
    await run((context) => {
      context.timer('fired', 10, 'fired');
      context.timer('running', 500, 'running');
    });
    clock.advanceBy(10);
    await system.stop(ref);
    await settle();
    expect(received).to.deep.equal([]);
    expect(deadLetters).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
  });
});

describe('piped work', () => {
  const outcome = (result: { readonly value: string } | { readonly error: unknown }): string =>
    'value' in result ? `value ${result.value}` : `error ${errorOf(result.error)}`;

  it('arrives as a message, in the order of the mailbox, without holding the mailbox up', async () => {
    const { run, ref, system, received } = createPuppet();
    const gate = new Gate();
    await run((context) => {
      context.pipeToSelf(
        gate.opened.then(() => 'done'),
        outcome,
      );
      context.pipeToSelf(Promise.reject(new Error('broken')), outcome);
    });
    system.tell(ref, 'meanwhile');
    await settle();
    gate.open();
    await settle();
    expect(received).to.deep.equal(['error broken', 'meanwhile', 'value done']);
  });

  it('does not arrive after a restart or a stop', async () => {
    for (const end of ['crash', 'stop'] as const) {
      const { run, ref, system, received, deadLetters } = createPuppet();
      const gate = new Gate();
      await run((context) =>
        context.pipeToSelf(
          gate.opened.then(() => 'done'),
          outcome,
        ),
      );
      if (end === 'crash') system.tell(ref, 'crash');
      else await system.stop(ref);
      await settle();
      gate.open();
      await settle();
      expect(received).to.deep.equal([]);
      expect(deadLetters.filter(({ reason }) => reason !== 'crashed')).to.deep.equal([]);
    }
  });

  it('whose translation throws is a failure of the actor', async () => {
    const { run, system } = createPuppet();
    await run((context) =>
      context.pipeToSelf(Promise.resolve(1), () => {
        throw new Error('no translation');
      }),
    );
    expect(system.stats().restarts).to.equal(1);
  });
});

describe('a watch', () => {
  const spell = ({ path, reason }: { readonly path: string; readonly reason: string }): string => `${path} ${reason}`;

  it('tells of the end once, whether it was set before or after', async () => {
    const { run, received, system } = createPuppet();
    const target = system.spawn(counter, { name: 'target' });
    await run((context) => context.watch(target, spell));
    await system.stop(target);
    await settle();
    expect(received).to.deep.equal(['/user/target stopped']);
    await run((context) => context.watch(target, (end) => `after: ${spell(end)}`));
    expect(received).to.deep.equal(['/user/target stopped', 'after: /user/target stopped']);
  });

  it('can be left, also when the news is in the mailbox already', async () => {
    const { run, received, system, ref } = createPuppet();
    const [left, late] = [system.spawn(counter), system.spawn(counter)];
    await run((context) => {
      context.watch(left, spell);
      context.unwatch(left);
      context.watch(late, spell);
    });
    system.tell(ref, (context) => context.unwatch(late));
    await Promise.all([system.stop(left), system.stop(late)]);
    await settle();
    expect(received).to.deep.equal([]);
  });

  it('set again replaces the one before', async () => {
    const { run, received, system } = createPuppet();
    const target = system.spawn(counter);
    await run((context) => {
      context.watch(target, () => 'first');
      context.watch(target, () => 'second');
    });
    await system.stop(target);
    await settle();
    expect(received).to.deep.equal(['second']);
  });

  it('is not fired by a restart of the target, and ends with a restart of the watcher', async () => {
    const { run, received, system, ref } = createPuppet();
    const target = system.spawn(
      defineActor<null, string>({
        name: 'target',
        initial: () => null,
        receive: () => {
          throw new Error('planted');
        },
      }),
    );
    await run((context) => context.watch(target, spell));
    system.tell(target, 'crash');
    await settle();
    expect(received).to.deep.equal([]);
    system.tell(ref, 'crash');
    await settle();
    await system.stop(target);
    await settle();
    expect(received).to.deep.equal([]);
  });

  it('by children of the target and by strangers is served alike when a whole tree ends', async () => {
    const { run, received, system } = createPuppet();
    const inner: ActorRef<never>[] = [];
    const tree = system.spawn(
      defineActor<null, string>({
        name: 'tree',
        initial: (context) => {
          inner.push(context.spawn(counter, { name: 'leaf' }));
          return null;
        },
        receive: (state) => state,
      }),
      { name: 'tree' },
    );
    await run((context) => {
      context.watch(tree, spell);
      context.watch(inner[0] as ActorRef<never>, spell);
    });
    await system.stop(tree);
    await settle();
    expect(received).to.deep.equal(['/user/tree/leaf stopped', '/user/tree stopped']);
  });
});

describe('the trace of a message', () => {
  it('is carried by what is told and asked while a span is open, and not after', async () => {
    const { system, telemetry } = createActorWorld();
    type Hop = { readonly left: number; readonly next: ActorRef<Hop> | undefined };
    const hop = defineActor<null, Hop>({
      name: 'hop',
      initial: () => null,
      receive: (state, { left, next }, context) => {
        const span = context.span(`hop ${left}`);
        const inner = context.span(`inner ${left}`);
        inner.end();
        if (left > 0 && next !== undefined) context.tell(next, { left: left - 1, next: context.self });
        span.end();
        if (left === 2) context.tell(context.self, { left: 0, next: undefined });
        return state;
      },
    });
    const [a, b] = [system.spawn(hop), system.spawn(hop)];
    system.tell(a, { left: 2, next: b });
    await settle();
    const parents = telemetry.spans.map(({ name, parent }) => {
      const found = telemetry.spans.find(({ traceparent }) => traceparent === parent);
      return `${name} < ${found?.name ?? 'none'}`;
    });
    expect(parents).to.deep.equal([
      ...['hop 2 < none', 'inner 2 < hop 2'],
      // Told after the span had ended; the actor's own batch comes before the other's.
      ...['hop 0 < none', 'inner 0 < hop 0'],
      ...['hop 1 < hop 2', 'inner 1 < hop 1'],
      ...['hop 0 < hop 1', 'inner 0 < hop 0'],
    ]);
    await system.terminate();
  });

  it('is not disturbed by a span that outlives its message', async () => {
    const { run, telemetry } = createPuppet();
    const open: Span[] = [];
    await run((context) => void open.push(context.span('long')));
    await run((context) => {
      const span = context.span('second');
      open[0]?.end('error');
      context.span('child').end();
      span.end();
    });
    const [long, second, child] = telemetry.spans;
    expect([long?.parent, second?.parent, child?.parent]).to.deep.equal([undefined, undefined, second?.traceparent]);
    expect(long?.outcome).to.equal('error');
  });
});

describe('the context', () => {
  it('gives the time and randomness of the system, and a log that names the actor', async () => {
    const { run, clock, telemetry, pass } = createPuppet();
    await pass(1_234);
    await run((context) => {
      expect(context.clock.now()).to.equal(clock.now());
      expect(context.clock.monotonicMs()).to.equal(1_234);
      expect(context.random.bytes(16)).to.have.length(16);
      context.log.info('hello', { number: 1 });
    });
    expect(telemetry.lines).to.deep.equal([
      { level: 'info', message: 'hello', fields: { actor: '/user/puppet-1', number: 1 }, cause: undefined },
    ]);
  });
});
