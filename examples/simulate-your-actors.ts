/**
 * A protocol of your own under the simulator: a lease that one of three nodes may hold at a time, with a mistake that
 * shows only when the network is slow at the wrong moment.
 *
 *   npx tsx examples/simulate-your-actors.ts
 */
import {
  type ActorContext,
  type ActorRef,
  boolean,
  decode,
  defineActor,
  encode,
  type ReplyTo,
  struct,
  uint,
  type WireProtocol,
} from 'bpci';
import { type ActorNode, type ActorScenario, checkers, faults, scenario, simulate } from 'bpci/simulation';

// --- the protocol: whoever a majority grants the lease to holds it for so long; nobody grants it twice at a time

const leaseMs = 2_000;
/** A grant is kept for longer than the lease, as it takes a while to arrive. */
const marginMs = 200;
const askEveryMs = 300;

type LeaseMessage =
  | { readonly type: 'request'; readonly by: number; readonly replyTo: ReplyTo<boolean> }
  | { readonly type: 'ask-round' }
  | { readonly type: 'granted'; readonly askedAtMs: number; readonly count: number };

interface Lease {
  /** Who has this node's grant, and until when. */
  readonly grantedTo: number;
  readonly grantedUntilMs: number;
  readonly heldUntilMs: number;
}

/** What nodes tell the checkers. */
interface Holds {
  readonly forMs: number;
}

const requestCodec = struct<{ readonly by: number }>({ by: uint });
const leaseWire: WireProtocol<LeaseMessage> = {
  encode: (message) => encode(requestCodec, { by: message.type === 'request' ? message.by : 0 }),
  decode: (payload, _peer, replyTo) => {
    if (replyTo === undefined) throw new RangeError('a request is an ask');
    return { type: 'request', by: decode(requestCodec, payload).by, replyTo };
  },
  replyTo: (message) => (message.type === 'request' ? message.replyTo : undefined),
  encodeReply: (reply) => encode(boolean, reply as boolean),
  decodeReply: (payload) => decode(boolean, payload),
};

/** The mistake: a holder that counts from when the grants came in, not from when it asked for them. */
type CountsFrom = 'asking' | 'arrival';

function leaseActor(
  { index, keys, system, emit }: ActorNode<Holds>,
  peers: readonly ActorRef<LeaseMessage>[],
  countsFrom: CountsFrom,
) {
  const askRound = (context: ActorContext<LeaseMessage>): void => {
    const askedAtMs = context.clock.monotonicMs();
    const answers = [context.self, ...peers].map((peer) =>
      system
        .ask(peer, (replyTo: ReplyTo<boolean>) => ({ type: 'request', by: index, replyTo }), { timeoutMs: 10_000 })
        .catch(() => false),
    );
    const count = majorityOf(answers, keys.length);
    context.pipeToSelf(count, (outcome) => ({
      type: 'granted',
      askedAtMs,
      count: 'value' in outcome ? outcome.value : 0,
    }));
  };
  return defineActor<Lease, LeaseMessage>({
    name: 'lease',
    // What it granted before a crash it does not know: it grants nothing until that has run out.
    initial: (context) => {
      context.timer('round', askEveryMs * (1 + context.random.fraction()), { type: 'ask-round' });
      const grantedUntilMs = context.clock.monotonicMs() + leaseMs + marginMs;
      return { grantedTo: -1, grantedUntilMs, heldUntilMs: 0 };
    },
    receive: (lease, message, context) => {
      const now = context.clock.monotonicMs();
      switch (message.type) {
        case 'request': {
          const isFree = lease.grantedTo === message.by || lease.grantedUntilMs <= now;
          context.reply(message.replyTo, isFree);
          return isFree ? { ...lease, grantedTo: message.by, grantedUntilMs: now + leaseMs + marginMs } : lease;
        }
        case 'ask-round':
          context.timer('round', askEveryMs * (1 + context.random.fraction()), { type: 'ask-round' });
          if (lease.grantedTo === index || lease.grantedUntilMs <= now) askRound(context);
          return lease;
        case 'granted': {
          const heldUntilMs = (countsFrom === 'asking' ? message.askedAtMs : now) + leaseMs;
          if (2 * message.count <= keys.length || heldUntilMs <= now) {
            // Perhaps every node has granted itself: that has to run out, on each at another moment.
            context.timer('round', leaseMs * (1.5 + context.random.fraction()), { type: 'ask-round' });
            return lease;
          }
          emit({ forMs: heldUntilMs - now });
          return { ...lease, heldUntilMs };
        }
      }
    },
  });
}

/** Resolves as soon as a majority has said yes, or everybody has answered. */
function majorityOf(answers: readonly Promise<boolean>[], nodes: number): Promise<number> {
  return new Promise((resolve) => {
    let answered = 0;
    let granted = 0;
    for (const answer of answers) {
      void answer.then((isGranted) => {
        answered += 1;
        if (isGranted) granted += 1;
        if (2 * granted > nodes || answered === answers.length) resolve(granted);
      });
    }
  });
}

// --- the scenario: three nodes, what befalls them, and what must hold

const lease = (name: string, countsFrom: CountsFrom, faultsOf: ActorScenario['faults']): ActorScenario<Holds> =>
  scenario<Holds>({
    name,
    expects: 'One node at a time holds the lease, and soon after the network is whole again some node does.',
    nodes: 3,
    durationMs: 60_000,
    calmMs: 15_000,
    delayMs: [20, 150],
    faults: faultsOf,
    start: (node) => {
      const others = node.keys.filter((_, index) => index !== node.index);
      const peers = others.map((key) => node.system.remote(key, 'lease', leaseWire));
      node.system.export('lease', node.system.spawn(leaseActor(node, peers, countsFrom)), leaseWire);
    },
    checkers: [
      checkers.watching('one holder', () => {
        let holder = -1;
        let untilMs = 0;
        return {
          onEvent: ({ atMs, node, event }) => {
            const leftMs = Math.round(untilMs - atMs);
            if (node !== holder && leftMs > 0) return `node ${node} holds it, and node ${holder} for ${leftMs} ms more`;
            holder = node;
            untilMs = atMs + event.forMs;
            return null;
          },
        };
      }),
      checkers.eventually('somebody holds it', () => true),
    ],
  });

const cuts: ActorScenario['faults'] = (draw) =>
  Array.from({ length: 10 }, (_, index) => {
    const [alone, ...others] = draw.shuffle([0, 1, 2]) as [number, number, number];
    const atMs = 2_000 + 4_000 * index + draw.between(0, 500);
    return faults.partition({ groups: [[alone], others], atMs, forMs: draw.between(500, 3_500) });
  });

// --- run it

async function search(name: string, countsFrom: CountsFrom, faultsOf: ActorScenario['faults'], runs: number) {
  for (let seed = 1; seed <= runs; seed++) {
    const result = await simulate(lease(name, countsFrom, faultsOf), { seed });
    const violation = result.verdicts.flatMap(({ violations }) => violations)[0];
    if (violation === undefined) continue;
    console.log(`${name}: seed ${seed} breaks "${violation.checker}" at ${Math.round(violation.atMs)} ms`);
    console.log(`  ${violation.detail}`);
    const again = await simulate(lease(name, countsFrom, faultsOf), { seed });
    console.log(`  run again, its trace is ${again.traceHash === result.traceHash ? 'the same' : 'another'}`);
    return;
  }
  console.log(`${name}: ${runs} seeds hold`);
}

await search('mistaken, calm', 'arrival', [], 10);
await search('mistaken, cut off at times', 'arrival', cuts, 100);
await search('right, cut off at times', 'asking', cuts, 100);
