/**
 * Goal: a failure does exactly what its supervision says, and no more. Method: families of actors that fail on command
 * and note what happens to them, on a virtual clock.
 */
import { expect } from 'chai';
import { defineActor } from '../../src/runtime/actor-system.ts';
import type { ActorRef } from '../../src/runtime/ports/actors.ts';
import { createActorWorld, settle } from './support/actor-world.ts';
import { createFamily, type Family, member } from './support/family.ts';
import { errorOf } from './support/waiting.ts';

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

  it('can be stopped at any moment of a restart; the others of the same restart come back', async () => {
    const moments = Array.from({ length: 32 }, (_, i) => ({ turns: i >> 2, microtasks: i & 3 }));
    for (const { turns, microtasks } of moments) {
      const family = await createFamily({ strategy: 'all-for-one' });
      const [a, b, c] = family.members as [ActorRef<string>, ActorRef<string>, ActorRef<string>];
      family.system.tell(b, 'crash');
      await settle(turns);
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      await family.system.stop(b);
      await settle();
      family.events.length = 0;
      expect([a, b, c].map((ref) => family.system.tell(ref, 'work'))).to.deep.equal([true, false, true]);
      await settle();
      expect(family.events.map((event) => event.slice(0, 6))).to.deep.equal(['a work', 'c work']);
      await family.system.terminate();
    }
  });

  it('that fails again on its way up has its siblings wait for the new restart, back-off and all', async () => {
    const world = createActorWorld();
    const starts: string[] = [];
    let failures = 1;
    const supervision = { strategy: 'all-for-one', backoffMs: 100 } as const;
    world.system.spawn(
      defineActor<null, string>({
        name: 'parent',
        initial: (context) => {
          for (const name of ['a', 'b']) {
            const child = {
              ...member(name, []),
              initial: (): number => {
                starts.push(`${name} at ${world.clock.monotonicMs()}`);
                if (name === 'a' && starts.length > 2 && failures-- > 0) throw new Error('again');
                return 0;
              },
            };
            const ref = context.spawn(child, { name, supervision });
            if (name === 'a') context.tell(ref, 'crash');
          }
          return null;
        },
        receive: (state) => state,
      }),
    );
    await world.pass(1_000);
    expect(starts).to.deep.equal(['a at 0', 'b at 0', 'a at 100', 'a at 300', 'b at 300']);
    await world.system.terminate();
  });

  it('is one failure of its parent, however many children escalate at once', async () => {
    const { system } = createActorWorld();
    const children: ActorRef<string>[] = [];
    const parent = defineActor<null, string>({
      name: 'parent',
      initial: (context) => {
        for (const name of ['a', 'b', 'c']) {
          children.push(context.spawn(member(name, []), { name, supervision: { strategy: 'escalate' } }));
        }
        return null;
      },
      receive: (state) => state,
    });
    system.spawn(parent, { supervision: { restartsMax: 1 } });
    // Told within one turn, so that all three fail before the first failure has had consequences.
    const trigger = defineActor<null, readonly ActorRef<string>[]>({
      name: 'trigger',
      initial: () => null,
      receive: (state, targets, context) => {
        for (const ref of targets) context.tell(ref, 'crash');
        return state;
      },
    });
    system.tell(system.spawn(trigger), [...children]);
    await settle();
    expect(system.stats().restarts).to.equal(1);
    expect(children).to.have.length(6);
    await system.terminate();
  });

  it('whose child cannot even start handles nothing more with the state it had', async () => {
    const { system } = createActorWorld();
    const handled: string[] = [];
    let isPlanted = true;
    const ref = system.spawn(
      defineActor<string, string>({
        name: 'parent',
        initial: () => (isPlanted ? 'old' : 'fresh'),
        receive: (state, message, context) => {
          handled.push(`${message} with ${state}`);
          if (message !== 'spawn') return state;
          isPlanted = false;
          const failing = {
            ...member('child', []),
            initial: (): number => {
              throw new Error('no start');
            },
          };
          context.spawn(failing, { supervision: { strategy: 'escalate' } });
          return state;
        },
      }),
    );
    for (const message of ['before', 'spawn', 'after']) system.tell(ref, message);
    await settle();
    expect(handled).to.deep.equal(['before with old', 'spawn with old', 'after with fresh']);
    await system.terminate();
  });

  it('terminates in the middle of a back-off without leaving a timer', async () => {
    const family = await createFamily({ strategy: 'one-for-one', backoffMs: 5_000 });
    family.system.tell(family.members[1] as ActorRef<string>, 'crash');
    await settle();
    await family.system.terminate();
    expect(family.clock.pending).to.equal(0);
  });
});
