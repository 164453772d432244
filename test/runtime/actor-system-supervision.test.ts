/**
 * Goal: a failure does exactly what its supervision says, and nothing runs twice or hangs because of it. Method: families
 * of actors that fail on command and note what happens to them, on a virtual clock.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef, SupervisionOptions } from '../../src/runtime/ports/actors.ts';
import { type ActorWorld, createActorWorld, settle } from './support/actor-world.ts';
import { errorOf, Gate } from './support/waiting.ts';

/** Fails on `crash`, counts everything else. */
const member = (name: string, events: string[]) =>
  defineActor<number, string>({
    name,
    initial: () => {
      events.push(`${name} starts`);
      return 0;
    },
    receive: (count, message) => {
      if (message.startsWith('crash')) throw new Error(message);
      events.push(`${name} ${message} ${count}`);
      return count + 1;
    },
    onRestart: (cause) => void events.push(`${name} restarts: ${errorOf(cause)}`),
    onStop: (count) => void events.push(`${name} stops at ${count}`),
  });

interface Family extends ActorWorld {
  readonly events: string[];
  readonly parent: ActorRef<string>;
  readonly members: readonly ActorRef<string>[];
}

/** A parent with children a, b and c; the middle one is supervised as given. */
async function createFamily(
  supervision: SupervisionOptions,
  parentSupervision: SupervisionOptions = {},
): Promise<Family> {
  const world = createActorWorld();
  const events: string[] = [];
  let members: ActorRef<string>[] = [];
  const parent = world.system.spawn(
    defineActor<null, string>({
      name: 'parent',
      initial: (context) => {
        events.push('parent starts');
        members = ['a', 'b', 'c'].map((name) =>
          context.spawn(member(name, events), { name, ...(name === 'b' ? { supervision } : {}) }),
        );
        return null;
      },
      receive: (state) => state,
      onRestart: (cause) => void events.push(`parent restarts: ${errorOf(cause)}`),
    }),
    { name: 'parent', supervision: parentSupervision },
  );
  await settle();
  for (const ref of members) world.system.tell(ref, 'work');
  await settle();
  events.length = 0;
  return { ...world, events, parent, members };
}

const tellAll = (family: Family, message: string): void => {
  for (const ref of family.members) family.system.tell(ref, message);
};

describe('a failing actor', () => {
  it('one-for-one: starts afresh alone, keeps its mailbox, and only the crashing message is dropped', async () => {
    const family = await createFamily({ strategy: 'one-for-one' });
    const { system, members, events, deadLetters } = family;
    for (const message of ['crash', 'later', 'latest']) system.tell(members[1] as ActorRef<string>, message);
    await settle();
    expect(events).to.deep.equal(['b restarts: crash', 'b starts', 'b later 0', 'b latest 1']);
    expect(deadLetters.map(({ path, message, reason }) => [path, message, reason])).to.deep.equal([
      ['/user/parent/b', 'crash', 'crashed'],
    ]);
    expect(system.stats().restarts).to.equal(1);
    await system.terminate();
  });

  it('all-for-one: its siblings start afresh with it, in the order of their spawning', async () => {
    const family = await createFamily({ strategy: 'all-for-one' });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    tellAll(family, 'work');
    await settle();
    expect(family.events).to.deep.equal([
      ...['a restarts: crash', 'a starts', 'b restarts: crash', 'b starts', 'c restarts: crash', 'c starts'],
      ...['a work 0', 'b work 0', 'c work 0'],
    ]);
    await family.system.terminate();
  });

  it('rest-for-one: those spawned after it start afresh with it', async () => {
    const family = await createFamily({ strategy: 'rest-for-one' });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    tellAll(family, 'work');
    await settle();
    expect(family.events).to.deep.equal([
      ...['b restarts: crash', 'b starts', 'c restarts: crash', 'c starts'],
      ...['a work 1', 'b work 0', 'c work 0'],
    ]);
    await family.system.terminate();
  });

  it('stop: stops for good, which is seen as a failure by whoever watches', async () => {
    const family = await createFamily({ strategy: 'stop' });
    const seen: string[] = [];
    family.system.spawn(
      defineActor<null, string>({
        name: 'watcher',
        initial: (context) => {
          context.watch(family.members[1] as ActorRef<string>, ({ path, reason }) => `${path} ${reason}`);
          return null;
        },
        receive: (state, message) => {
          seen.push(message);
          return state;
        },
      }),
    );
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    expect(family.events).to.deep.equal(['b stops at 1']);
    expect(seen).to.deep.equal(['/user/parent/b failed']);
    expect(family.system.tell(family.members[0] as ActorRef<string>, 'work')).to.equal(true);
    await family.system.terminate();
  });

  it('escalate: the parent fails of it; its children stop, the fresh start makes new ones', async () => {
    const family = await createFamily({ strategy: 'escalate' });
    const old = family.members[1] as ActorRef<string>;
    family.system.tell(old, 'crash');
    family.system.tell(old, 'never handled');
    await settle();
    expect(family.events).to.deep.equal([
      ...['c stops at 1', 'b stops at 1', 'a stops at 1'],
      ...['parent restarts: crash', 'parent starts', 'a starts', 'b starts', 'c starts'],
    ]);
    expect(family.deadLetters.map(({ message, reason }) => `${String(message)}: ${reason}`)).to.deep.equal([
      'crash: crashed',
      'never handled: stopped',
    ]);
    expect(family.fatal).to.deep.equal([]);
    await family.system.terminate();
  });

  it('that nobody supervises is fatal: listeners learn the cause, the system stops', async () => {
    const family = await createFamily({ strategy: 'escalate' }, { strategy: 'escalate' });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash for good');
    await settle();
    expect(family.fatal.map(errorOf)).to.deep.equal(['crash for good']);
    expect(family.events).to.deep.equal(['c stops at 1', 'b stops at 1', 'a stops at 1']);
    expect(family.system.stats().actors).to.equal(0);
    await family.system.terminate();
  });

  it('does not use up the patience of others: intensity counts its own failures within the window', async () => {
    const family = await createFamily({ restartsMax: 2, windowMs: 1_000 });
    const crash = async (index: number) => {
      family.system.tell(family.members[index] as ActorRef<string>, 'crash');
      await settle();
    };
    await crash(1);
    await crash(0);
    await family.pass(1_000);
    await crash(1);
    await crash(1);
    expect(family.events.filter((event) => event.startsWith('parent'))).to.deep.equal([]);
    await crash(1);
    expect(family.events.filter((event) => event.startsWith('parent'))).to.deep.equal([
      'parent restarts: crash',
      'parent starts',
    ]);
    await family.system.terminate();
  });

  it('waits longer before each restart, up to the limit', async () => {
    const family = await createFamily({ backoffMs: 100, backoffMaxMs: 300, restartsMax: 9 });
    const ref = family.members[1] as ActorRef<string>;
    const delays: number[] = [];
    for (let i = 0; i < 4; i++) {
      family.events.length = 0;
      const crashedAtMs = family.clock.monotonicMs();
      family.system.tell(ref, 'crash');
      family.system.tell(ref, 'waits');
      await settle();
      expect(family.events).to.deep.equal([]);
      while (family.events.length === 0) await family.pass(50);
      delays.push(family.clock.monotonicMs() - crashedAtMs);
      expect(family.events).to.deep.equal(['b restarts: crash', 'b starts', 'b waits 0']);
    }
    expect(delays).to.deep.equal([100, 200, 300, 300]);
    await family.system.terminate();
  });

  it('can be stopped while it waits for its restart; its siblings of the same restart do not wait on', async () => {
    const family = await createFamily({ strategy: 'all-for-one', backoffMs: 5_000 });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    await family.system.stop(family.members[1] as ActorRef<string>);
    await settle();
    expect(family.events).to.deep.equal([
      ...['b stops at 1', 'a restarts: crash', 'a starts', 'c restarts: crash', 'c starts'],
    ]);
    expect(family.clock.pending).to.equal(0);
    await family.system.terminate();
  });

  it('terminates in the middle of a back-off without leaving a timer', async () => {
    const family = await createFamily({ strategy: 'one-for-one', backoffMs: 5_000 });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    await family.system.terminate();
    expect(family.clock.pending).to.equal(0);
  });
});

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
