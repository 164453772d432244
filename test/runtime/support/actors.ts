/** Actors that several tests speak to. */
import { defineActor } from '../../../src/runtime/actor-system.ts';
import type { ReplyTo } from '../../../src/runtime/ports/actors.ts';

export type CounterMessage =
  | { readonly type: 'add'; readonly by: number }
  | { readonly type: 'read'; readonly replyTo: ReplyTo<number> };

export const counter = defineActor<number, CounterMessage>({
  name: 'counter',
  initial: () => 0,
  receive: (count, message, context) => {
    if (message.type === 'add') return count + message.by;
    context.reply(message.replyTo, count);
    return count;
  },
});

export const read = (replyTo: ReplyTo<number>) => ({ type: 'read', replyTo }) as const;

/** Takes notes of what it is told. */
export const notes = <Message>(into: Message[]) =>
  defineActor<null, Message>({
    name: 'notes',
    initial: () => null,
    receive: (state, message) => {
      into.push(message);
      return state;
    },
  });

/** Asks are kept and never answered. */
export const silent = defineActor<null, { readonly replyTo: ReplyTo<string> }>({
  name: 'silent',
  initial: () => null,
  receive: (state) => state,
});
