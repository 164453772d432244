/** A parent and its children that fail on command and note what happens to them. */
import { defineActor } from '../../../src/runtime/actor-system.ts';
import type { ActorRef, SupervisionOptions } from '../../../src/runtime/ports/actors.ts';
import { type ActorWorld, createActorWorld, settle } from './actor-world.ts';
import { errorOf } from './waiting.ts';

/** Fails on `crash`, counts everything else. */
export const member = (name: string, events: string[]) =>
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

export interface Family extends ActorWorld {
  readonly events: string[];
  readonly parent: ActorRef<string>;
  readonly members: readonly ActorRef<string>[];
}

/** A parent with children a, b and c; the middle one is supervised as given. */
export async function createFamily(
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
