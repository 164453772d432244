/**
 * Goal: what is over leaves nothing behind in memory: asks, timers, watches, requested turns. Method: looks into the
 * runtime's own records, which nobody outside can see, and at how much one turn handles.
 */
import { expect } from 'chai';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { LocalRef } from '../../../src/runtime/actors/references.ts';
import { defineActor } from '../../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from '../support/actor-world.ts';
import { counter, read, silent } from '../support/actors.ts';

describe('the record of asks', () => {
  it('is empty once they are answered or have expired', async () => {
    const { system, pass, clock } = createActorWorld();
    const [target, mute] = [system.spawn(counter), system.spawn(silent)];
    const asker = system.spawn(
      defineActor<null, string>({
        name: 'asker',
        initial: () => null,
        receive: async (state, _message, context) => {
          const answers = Array.from({ length: 10 }, () => context.ask(target, read, { timeoutMs: 100 }));
          const expired = context.ask(mute, (replyTo: ReplyTo<string>) => ({ replyTo }), { timeoutMs: 100 });
          await Promise.allSettled([...answers, expired]);
          return state;
        },
      }),
    );
    const open = () => [
      LocalRef.cellOf(target)?.openAsks?.size,
      LocalRef.cellOf(mute)?.openAsks?.size,
      LocalRef.cellOf(asker)?.madeAsks?.size,
    ];
    system.tell(asker, 'go');
    await settle();
    expect(open()).to.deep.equal([0, 1, 1]);
    await pass(100);
    expect(open()).to.deep.equal([0, 0, 0]);
    expect(clock.pending).to.equal(0);
    await system.terminate();
  });

  it('has no room for an ask without a time limit', () => {
    const { system } = createActorWorld();
    const ref = system.spawn(counter);
    for (const timeoutMs of [Infinity, Number.NaN, -1]) {
      expect(() => system.ask(ref, read, { timeoutMs })).to.throw(InvariantError);
    }
  });
});

describe('the record of timers and watches', () => {
  it('is empty once their messages are handled', async () => {
    const { system, pass } = createActorWorld();
    const targets = Array.from({ length: 10 }, () => system.spawn(counter));
    let handled = 0;
    const ref = system.spawn(
      defineActor<null, string>({
        name: 'watcher',
        initial: (context) => {
          for (let i = 0; i < 10; i++) context.timer(`timer ${i}`, i, 'timer');
          for (const target of targets) context.watch(target, ({ reason }) => reason);
          return null;
        },
        receive: (state) => {
          handled += 1;
          return state;
        },
      }),
    );
    const cell = LocalRef.cellOf(ref);
    expect([cell?.timers?.size, cell?.watching?.size]).to.deep.equal([10, 10]);
    await pass(10);
    await Promise.all(targets.map((target) => system.stop(target)));
    await settle();
    expect(handled).to.equal(20);
    expect([cell?.timers?.size, cell?.watching?.size]).to.deep.equal([0, 0]);
    await system.terminate();
  });
});

describe('the record of requested turns', () => {
  it('forgets those of actors that stopped before they came: later turns are as long as ever', async () => {
    const { system } = createActorWorld();
    for (let i = 0; i < 500; i++) {
      const ref = system.spawn(counter);
      system.tell(ref, { type: 'add', by: 1 });
      await system.stop(ref);
    }
    const ref = system.spawn(counter);
    for (let i = 0; i < 1_000; i++) system.tell(ref, { type: 'add', by: 1 });
    await settle(1);
    expect(system.stats().messages).to.equal(1_000);
    await system.terminate();
  });
});
