/**
 * Actors on two nodes, joined by an authenticated link over loopback. `tell`, `ask` and `watch` are the same as within
 * one node; only what is exported can be reached.
 *
 *   npx tsx examples/remote-actors.ts
 */
import { randomBytes } from 'node:crypto';
import {
  type ActorRef,
  type ActorSystem,
  chainId,
  createActorSystem,
  createLinks,
  createSigner,
  createSystemClock,
  createSystemRandom,
  createVerifier,
  createWsTransport,
  decode,
  defineActor,
  encode,
  type LocalLinks,
  noTelemetry,
  type ReplyTo,
  struct,
  textMax,
  uint,
  variant,
  type WireProtocol,
} from 'bpci';

// --- what the actor understands, and how that crosses a link

type LibraryMessage =
  | { readonly type: 'store'; readonly title: string }
  | { readonly type: 'count'; readonly prefix: string; readonly replyTo: ReplyTo<number> };

type Wire = { readonly type: 'store'; readonly title: string } | { readonly type: 'count'; readonly prefix: string };

const codec = variant<Wire>({
  store: struct<{ readonly title: string }>({ title: textMax(200) }),
  count: struct<{ readonly prefix: string }>({ prefix: textMax(200) }),
});

const libraryWire: WireProtocol<LibraryMessage> = {
  encode: (message) => encode<Wire>(codec, message),
  // Throws for bytes that are no message: the link counts that against the peer.
  decode: (payload, _peer, replyTo) => {
    const message = decode(codec, payload);
    if (message.type === 'store') return message;
    if (replyTo === undefined) throw new RangeError('a count is an ask');
    return { ...message, replyTo };
  },
  replyTo: (message) => (message.type === 'count' ? message.replyTo : undefined),
  encodeReply: (reply) => encode(uint, reply as number),
  decodeReply: (payload) => decode(uint, payload),
};

const library = defineActor<readonly string[], LibraryMessage>({
  name: 'library',
  initial: () => [],
  receive: (titles, message, context) => {
    if (message.type === 'store') return [...titles, message.title];
    context.reply(message.replyTo, titles.filter((title) => title.startsWith(message.prefix)).length);
    return titles;
  },
});

// --- two nodes

const network = chainId('42'.repeat(32)); // links join nodes of one chain only

interface Node {
  readonly links: LocalLinks;
  readonly system: ActorSystem;
}

async function startNode(): Promise<Node> {
  const seed = randomBytes(32);
  const ports = { clock: createSystemClock(), random: createSystemRandom(), telemetry: noTelemetry };
  const links = createLinks({
    ...ports,
    transport: await createWsTransport(seed),
    signer: createSigner(seed),
    verifier: createVerifier(),
    chainId: network,
    listenAddress: '127.0.0.1:0',
    roles: ['example'],
    protocolRange: { min: 1, max: 1 },
    authorize: () => false,
  });
  const system = createActorSystem({ ...ports, links });
  await links.start();
  return { links, system };
}

const [near, far] = await Promise.all([startNode(), startNode()]);
const shelf = far.system.spawn(library);
far.system.export('library', shelf, libraryWire);

const linked = new Promise<void>((resolve) => {
  const leave = near.links.onPeer(({ state }) => {
    if (state !== 'up') return;
    leave();
    resolve();
  });
});
near.links.setPeers([{ key: far.links.self, addresses: [far.links.address] }]);
far.links.setPeers([{ key: near.links.self, addresses: [near.links.address] }]);
await linked;
console.log('linked');

// --- tell and ask across the link

const remote: ActorRef<LibraryMessage> = near.system.remote(far.links.self, 'library', libraryWire);
for (const title of ['Emma', 'Persuasion', 'Evelina']) near.system.tell(remote, { type: 'store', title });
const count = await near.system.ask(remote, (replyTo: ReplyTo<number>) => ({ type: 'count', prefix: 'E', replyTo }), {
  timeoutMs: 5000,
});
console.log(`${count} titles begin with E`);

// --- death watch across the link

let onEnd: (reason: string) => void = () => undefined;
const ended = new Promise<string>((resolve) => (onEnd = resolve));
near.system.spawn(
  defineActor<null, { readonly reason: string }>({
    name: 'reader',
    initial: (context) => {
      context.watch(remote, ({ reason }) => ({ reason }));
      return null;
    },
    receive: (state, { reason }) => {
      onEnd(reason);
      return state;
    },
  }),
);
await far.system.stop(shelf);
console.log(`the library has ended: ${await ended}`);

await Promise.all(
  [near, far].map(async ({ system, links }) => {
    await system.terminate();
    await links.stop();
  }),
);
