/**
 * Goal: wherever and whenever actors fail, nothing runs twice at once, hangs or is lost without a word. Method: failures in
 * every function of an actor, and random ones under random strategies, on a virtual clock.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { member } from './support/family.ts';
import { errorOf, Gate } from './support/waiting.ts';

describe('failures in odd places', () => {
  it('in initial, thrown or rejected, are supervised; the spawner is not hurt', async () => {
    for (const isAsync of [false, true]) {
      const { system, fatal } = createActorWorld();
      let starts = 0;
      const failing = defineActor<string, string>({
        name: 'failing',
        initial: () => {
          starts += 1;
          if (starts > 2) return 'there';
          if (isAsync) return Promise.reject(new Error('no start'));
          throw new Error('no start');
        },
        receive: (state, message) => {
          messages.push(`${state} ${message}`);
          return state;
        },
      });
      const messages: string[] = [];
      const ref = system.spawn(failing);
      system.tell(ref, 'kept');
      await settle();
      expect(starts).to.equal(3);
      expect(messages).to.deep.equal(['there kept']);
      expect(fatal).to.deep.equal([]);
      await system.terminate();
    }
  });

  it('in initial every time end in escalation, not in an endless loop', async () => {
    const { system, fatal } = createActorWorld();
    let starts = 0;
    system.spawn(
      defineActor<string, string>({
        name: 'hopeless',
        initial: () => {
          starts += 1;
          throw new Error(`start ${starts}`);
        },
        receive: (state) => state,
      }),
      { supervision: { restartsMax: 3 } },
    );
    await settle();
    expect(starts).to.equal(4);
    expect(fatal.map(errorOf)).to.deep.equal(['start 4']);
    await system.terminate();
  });

  it('in onRestart count as failures of the restart', async () => {
    const { system, telemetry } = createActorWorld();
    const events: string[] = [];
    let refusals = 2;
    const ref = system.spawn({
      ...member('m', events),
      onRestart: () => {
        refusals -= 1;
        if (refusals >= 0) throw new Error('onRestart refuses');
      },
    });
    system.tell(ref, 'crash');
    system.tell(ref, 'work');
    await settle();
    expect(events).to.deep.equal(['m starts', 'm starts', 'm work 0']);
    expect(telemetry.lines.filter(({ level }) => level === 'error').map(({ cause }) => errorOf(cause))).to.deep.equal([
      'crash',
      'onRestart refuses',
      'onRestart refuses',
    ]);
    await system.terminate();
  });

  it('of an asynchronous receive are supervised as those of a synchronous one', async () => {
    const { system, deadLetters } = createActorWorld();
    const received: string[] = [];
    const ref = system.spawn(
      defineActor<number, string>({
        name: 'async',
        initial: () => 0,
        receive: async (count, message) => {
          await settle(1);
          if (message === 'crash') throw new Error('later');
          received.push(`${message} ${count}`);
          return count + 1;
        },
      }),
    );
    for (const message of ['one', 'crash', 'two']) system.tell(ref, message);
    await settle(20);
    expect(received).to.deep.equal(['one 0', 'two 0']);
    expect(deadLetters.map(({ message, reason }) => [message, reason])).to.deep.equal([['crash', 'crashed']]);
    await system.terminate();
  });

  it('do not make a sibling in the middle of a message run twice at once', async () => {
    const { system } = createActorWorld();
    const gate = new Gate();
    let [inside, insideMax, finished] = [0, 0, 0];
    const slow = defineActor<null, string>({
      name: 'slow',
      initial: () => null,
      receive: async (state) => {
        inside += 1;
        insideMax = Math.max(insideMax, inside);
        await gate.opened;
        inside -= 1;
        finished += 1;
        return state;
      },
    });
    const refs: ActorRef<string>[] = [];
    system.spawn(
      defineActor<null, string>({
        name: 'parent',
        initial: (context) => {
          const supervision = { strategy: 'all-for-one' } as const;
          refs.push(context.spawn(slow), context.spawn(member('b', []), { supervision }));
          return null;
        },
        receive: (state) => state,
      }),
    );
    const [slowRef, crashing] = refs as [ActorRef<string>, ActorRef<string>];
    for (let i = 0; i < 3; i++) system.tell(slowRef, 'work');
    await settle();
    system.tell(crashing, 'crash');
    await settle();
    expect([inside, finished]).to.deep.equal([1, 0]);
    gate.open();
    await settle(20);
    expect([inside, insideMax, finished]).to.deep.equal([0, 1, 3]);
    await system.terminate();
  });

  it('leave nothing to spawn under an actor that is about to start afresh', async () => {
    const { system, telemetry } = createActorWorld();
    const gate = new Gate();
    const refs: ActorRef<string>[] = [];
    system.spawn(
      defineActor<null, string>({
        name: 'parent',
        initial: (context) => {
          const spawning = defineActor<null, string>({
            name: 'spawning',
            initial: () => null,
            receive: async (state, _message, own) => {
              await gate.opened;
              own.spawn(member('late', []));
              return state;
            },
          });
          const supervision = { strategy: 'all-for-one' } as const;
          refs.push(context.spawn(spawning), context.spawn(member('b', []), { supervision }));
          return null;
        },
        receive: (state) => state,
      }),
    );
    system.tell(refs[0] as ActorRef<string>, 'work');
    await settle();
    system.tell(refs[1] as ActorRef<string>, 'crash');
    await settle();
    gate.open();
    await settle();
    expect(telemetry.lines.map(({ cause }) => errorOf(cause))).to.deep.equal(['crash', 'terminated']);
    expect(system.stats()).to.include({ actors: 3, restarts: 2 });
    await system.terminate();
  });

  it('at random, under random strategies, leave every actor either serving or stopped', async () => {
    const strategies = ['one-for-one', 'all-for-one', 'rest-for-one', 'stop', 'escalate'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...strategies), { minLength: 3, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat({ max: 2 }), fc.boolean(), fc.nat({ max: 2 })), { maxLength: 25 }),
        async (chosen, script) => {
          const world = createActorWorld();
          let current: ActorRef<string>[] = [];
          let served = 0;
          const child = defineActor<null, string>({
            name: 'child',
            initial: () => null,
            receive: (state, message) => {
              if (message === 'crash') throw new Error('planted');
              served += 1;
              return state;
            },
          });
          world.system.spawn(
            defineActor<null, string>({
              name: 'parent',
              initial: (context) => {
                current = chosen.map((strategy) => context.spawn(child, { supervision: { strategy, restartsMax: 3 } }));
                return null;
              },
              receive: (state) => state,
            }),
            { supervision: { restartsMax: 1_000 } },
          );
          for (const [index, isCrash, pause] of script) {
            world.system.tell(current[index] as ActorRef<string>, isCrash ? 'crash' : 'work');
            if (pause > 0) await settle(pause);
          }
          await settle(20);
          served = 0;
          const accepted = current.filter((ref) => world.system.tell(ref, 'work')).length;
          await settle();
          expect(served).to.equal(accepted);
          expect(world.system.stats().mailboxes).to.deep.equal([]);
          await world.system.terminate();
          expect(world.system.stats().actors).to.equal(0);
          expect(world.clock.pending).to.equal(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
