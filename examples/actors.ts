/**
 * Actors of your own: typed messages, asks, supervision, death watch. No chain and no network.
 *
 *   npx tsx examples/actors.ts
 */
import {
  ActorError,
  type ActorRef,
  createActorSystem,
  createSystemClock,
  createSystemRandom,
  defineActor,
  noTelemetry,
  type ReplyTo,
} from 'bpci';

// An actor's message union is its protocol. A message that is not of it does not compile.
type CounterMessage =
  | { readonly type: 'add'; readonly by: number }
  | { readonly type: 'read'; readonly replyTo: ReplyTo<number> };

const counter = defineActor<number, CounterMessage>({
  name: 'counter',
  initial: () => 0,
  receive: (count, message, context) => {
    switch (message.type) {
      case 'add':
        if (!Number.isSafeInteger(message.by)) throw new RangeError(`cannot add ${message.by}`);
        return count + message.by;
      case 'read':
        context.reply(message.replyTo, count);
        return count;
    }
  },
  onRestart: (cause) => console.log(`the counter starts again: ${String(cause)}`),
});

// A parent spawns its children, supervises them, and hears of their end.
type FrontMessage =
  | { readonly type: 'close' }
  | { readonly type: 'closed'; readonly reason: string }
  | { readonly type: 'counter'; readonly replyTo: ReplyTo<ActorRef<CounterMessage>> };

const front = (onClosed: (reason: string) => void) =>
  defineActor<ActorRef<CounterMessage>, FrontMessage>({
    name: 'front',
    initial: (context) => {
      const child = context.spawn(counter, { supervision: { strategy: 'one-for-one', restartsMax: 3 } });
      context.watch(child, ({ reason }) => ({ type: 'closed', reason }));
      return child;
    },
    receive: (child, message, context) => {
      if (message.type === 'counter') context.reply(message.replyTo, child);
      if (message.type === 'close') void context.stop(child);
      if (message.type === 'closed') onClosed(message.reason);
      return child;
    },
  });

const system = createActorSystem({
  clock: createSystemClock(),
  random: createSystemRandom(),
  telemetry: noTelemetry,
});
system.onDeadLetter(({ path, reason }) => console.log(`dead letter at ${path}: ${reason}`));

let onClosed: (reason: string) => void = () => undefined;
const closed = new Promise<string>((resolve) => (onClosed = resolve));
const parent = system.spawn(front(onClosed));
const child = await system.ask(parent, (replyTo: ReplyTo<ActorRef<CounterMessage>>) => ({ type: 'counter', replyTo }), {
  timeoutMs: 1000,
});

const read = (): Promise<number> =>
  system.ask(child, (replyTo: ReplyTo<number>) => ({ type: 'read', replyTo }), { timeoutMs: 1000 });

system.tell(child, { type: 'add', by: 2 });
system.tell(child, { type: 'add', by: 3 });
console.log(`it counts ${await read()}`);

// The message that crashes an actor is dropped and reported; the state is fresh, what waited in the mailbox is kept.
system.tell(child, { type: 'add', by: 0.5 });
system.tell(child, { type: 'add', by: 7 });
console.log(`it counts ${await read()}`);

system.tell(parent, { type: 'close' });
console.log(`the counter is closed: ${await closed}`);

// A reference is of one incarnation: an ask to a stopped actor fails at once, not after its time limit.
try {
  await read();
} catch (error) {
  if (!(error instanceof ActorError)) throw error;
  console.log(`asking it fails: ${error.code}`);
}
await system.terminate();
