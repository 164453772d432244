/**
 * Goal: what was asked and answered leaves nothing behind in memory, at the target, the asker or the clock. Method: looks
 * into the runtime's own record of the actors, which nobody outside can see.
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
