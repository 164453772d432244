/**
 * What `actors-local` measures, each behind one interface: our actors, nact alone, and Node's EventEmitter, which has no
 * mailbox and no isolation and shows the cost of a bare call. Another library becomes a peer by one more entry in
 * {@link peers}.
 */
import { EventEmitter } from 'node:events';
import nact from 'nact';
import { createActorSystem, defineActor } from '../src/runtime/actor-system.ts';
import { createSystemClock } from '../src/runtime/adapters/system-clock.ts';
import { createSystemRandom } from '../src/runtime/adapters/system-random.ts';
import type { ActorRef, ReplyTo } from '../src/runtime/ports/actors.ts';
import type { Log, Telemetry } from '../src/runtime/ports/telemetry.ts';

export interface Peer {
  /** One sender outside, one receiver: resolves when `count` messages are handled. */
  oneWay(count: number): Promise<void>;
  /** Two actors, one message between them: `count` turns, never two messages waiting. */
  pingPong(count: number): Promise<void>;
  /** `senders` actors that tell one receiver `count` messages together. */
  fanIn(count: number, senders: number): Promise<void>;
  /** `count` questions, `inFlight` at a time. */
  ask(count: number, inFlight: number): Promise<void>;
  /** Makes `count` idle actors and, where `woken`, tells each of them one message; what is returned keeps them. */
  spawn(count: number, woken?: boolean): unknown;
  close(): Promise<void>;
}

export const peers: readonly { readonly name: string; readonly create: () => Peer }[] = [
  { name: 'bpci actors', create: createOurs },
  { name: 'nact alone', create: createNact },
  { name: 'EventEmitter', create: createEmitters },
];

const askTimeoutMs = 60_000;
/** Messages told before the sender lets the receivers run, as a socket or a timer would. */
const burst = 1_000;

const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Calls `done` at the last of `count` calls. */
function countdown(count: number): { readonly hit: () => void; readonly done: Promise<void> } {
  let left = count;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    hit: () => {
      left -= 1;
      if (left === 0) finish();
    },
    done,
  };
}

/** Keeps `inFlight` questions open until `count` are answered. */
async function pipeline(count: number, inFlight: number, ask: () => Promise<unknown>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

const silence = (): void => undefined;
const silentLog: Log = { debug: silence, info: silence, warn: silence, error: silence, child: () => silentLog };
const silentTelemetry: Telemetry = {
  log: silentLog,
  counter: () => ({ add: silence }),
  histogram: () => ({ record: silence }),
  gauge: silence,
  span: () => ({ setAttributes: silence, addLink: silence, end: silence, traceparent: undefined }),
};

function createOurs(): Peer {
  const system = createActorSystem({
    clock: createSystemClock(),
    random: createSystemRandom(),
    telemetry: silentTelemetry,
  });
  const mailbox = { capacity: 10_000_000 };
  const listener = (hit: () => void): ActorRef<number> =>
    system.spawn(
      defineActor<null, number>({
        name: 'listener',
        initial: () => null,
        receive: (state) => {
          hit();
          return state;
        },
      }),
      { mailbox },
    );
  type Ball = { readonly from: ActorRef<Ball>; readonly left: number };
  const idle = defineActor<null, number>({ name: 'idle', initial: () => null, receive: (state) => state });
  const answering = system.spawn(
    defineActor<null, { readonly replyTo: ReplyTo<number> }>({
      name: 'answering',
      initial: () => null,
      receive: (state, { replyTo }, context) => {
        context.reply(replyTo, 1);
        return state;
      },
    }),
  );
  const question = (replyTo: ReplyTo<number>): { readonly replyTo: ReplyTo<number> } => ({ replyTo });
  return {
    async oneWay(count) {
      const { hit, done } = countdown(count);
      const ref = listener(hit);
      for (let i = 0; i < count; i++) {
        system.tell(ref, i);
        if (i % burst === 0) await macrotask();
      }
      await done;
    },
    async pingPong(count) {
      const { hit, done } = countdown(1);
      const player = defineActor<null, Ball>({
        name: 'player',
        initial: () => null,
        receive: (state, { from, left }, context) => {
          if (left === 0) hit();
          else context.tell(from, { from: context.self, left: left - 1 });
          return state;
        },
      });
      system.tell(system.spawn(player), { from: system.spawn(player), left: count });
      await done;
    },
    async fanIn(count, senders) {
      const { hit, done } = countdown(count);
      const target = listener(hit);
      const sender = defineActor<null, number>({
        name: 'sender',
        initial: () => null,
        receive: (state, left, context) => {
          for (let i = 0; i < Math.min(left, burst); i++) context.tell(target, i);
          if (left > burst) context.tell(context.self, left - burst);
          return state;
        },
      });
      for (let i = 0; i < senders; i++) system.tell(system.spawn(sender), count / senders);
      await done;
    },
    ask: (count, inFlight) =>
      pipeline(count, inFlight, () => system.ask(answering, question, { timeoutMs: askTimeoutMs })),
    spawn: (count, woken) => {
      const refs = Array.from({ length: count }, () => system.spawn(idle));
      if (woken === true) for (const ref of refs) system.tell(ref, 1);
      return refs;
    },
    close: () => system.terminate(),
  };
}

/** Its declarations make every reference the empty type. */
type NactRef = object;

function createNact(): Peer {
  const system = nact.start();
  let names = 0;
  const listener = (hit: () => void): NactRef =>
    nact.spawn(system, (state: null, _message: number) => {
      hit();
      return state;
    });
  type Ball = { readonly from: NactRef; readonly left: number };
  const answering = nact.spawn(system, (state: null, sender: NactRef) => {
    nact.dispatch(sender, 1);
    return state;
  });
  return {
    async oneWay(count) {
      const { hit, done } = countdown(count);
      const ref = listener(hit);
      for (let i = 0; i < count; i++) {
        nact.dispatch(ref, i);
        if (i % burst === 0) await macrotask();
      }
      await done;
    },
    async pingPong(count) {
      const { hit, done } = countdown(1);
      const player = (state: null, { from, left }: Ball, context: { readonly self: NactRef }): null => {
        if (left === 0) hit();
        else nact.dispatch(from, { from: context.self, left: left - 1 });
        return state;
      };
      nact.dispatch(nact.spawn(system, player), { from: nact.spawn(system, player), left: count });
      await done;
    },
    async fanIn(count, senders) {
      const { hit, done } = countdown(count);
      const target = listener(hit);
      const sender = (state: null, left: number, context: { readonly self: NactRef }): null => {
        for (let i = 0; i < Math.min(left, burst); i++) nact.dispatch(target, i);
        if (left > burst) nact.dispatch(context.self, left - burst);
        return state;
      };
      for (let i = 0; i < senders; i++) nact.dispatch(nact.spawn(system, sender), count / senders);
      await done;
    },
    ask: (count, inFlight) =>
      pipeline(count, inFlight, () => nact.query(answering, (sender: NactRef) => sender, askTimeoutMs)),
    // The names that it draws itself collide in large numbers.
    spawn: (count, woken) => {
      const refs = Array.from({ length: count }, () => nact.spawn(system, (state: null) => state, `idle${names++}`));
      if (woken === true) for (const ref of refs) nact.dispatch(ref, 1);
      return refs;
    },
    close: () => {
      nact.stop(system);
      return Promise.resolve();
    },
  };
}

function createEmitters(): Peer {
  const listener = (hit: () => void): EventEmitter => new EventEmitter().on('message', hit);
  const answering = new EventEmitter().on('message', (answer: (value: number) => void) => answer(1));
  return {
    async oneWay(count) {
      const { hit, done } = countdown(count);
      const emitter = listener(hit);
      for (let i = 0; i < count; i++) {
        emitter.emit('message', i);
        if (i % burst === 0) await macrotask();
      }
      await done;
    },
    async pingPong(count) {
      const { hit, done } = countdown(count);
      const [a, b] = [listener(hit), listener(hit)];
      // A call within a call a turn would overflow the stack: the loop stands for the two of them.
      for (let i = 0; i < count; i++) (i % 2 === 0 ? a : b).emit('message', i);
      await done;
    },
    async fanIn(count) {
      const { hit, done } = countdown(count);
      const emitter = listener(hit);
      for (let i = 0; i < count; i++) emitter.emit('message', i);
      await done;
    },
    ask: (count, inFlight) =>
      pipeline(count, inFlight, () => new Promise((resolve) => answering.emit('message', resolve))),
    spawn: (count, woken) => {
      const emitters = Array.from({ length: count }, () => listener(silence));
      if (woken === true) for (const emitter of emitters) emitter.emit('message', 1);
      return emitters;
    },
    close: () => Promise.resolve(),
  };
}
