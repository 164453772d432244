/**
 * Links between two processes on loopback: one-way messages a second, echoed messages a second (a window of them in
 * flight), and the round trip at low load, for 200-byte and 64 KiB payloads.
 *
 * - link: the product, over mutual TLS 1.3, with dictionary, credit, limits and decoding of every envelope.
 * - raw ws: ws and msgpackr in 64 KiB frames, no TLS. raw wss: the same over TLS 1.3.
 * - raw tcp: length-prefixed payloads, no encoding, no TLS.
 *
 * All take turns, several rounds, in one run; the median of the rounds is told. `BPCI_BENCH_ROUNDS` sets how many.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chainId } from '../src/protocols/shared/brands.ts';
import { createSigner, createVerifier } from '../src/runtime/adapters/ed25519.ts';
import { createSystemClock } from '../src/runtime/adapters/system-clock.ts';
import { createSystemRandom } from '../src/runtime/adapters/system-random.ts';
import { createWsTransport } from '../src/runtime/adapters/ws-transport.ts';
import { createLinks, type LocalLinks } from '../src/runtime/links/create-links.ts';
import type { Lane } from '../src/runtime/ports/actors.ts';
import { noTelemetry } from '../src/runtime/ports/no-telemetry.ts';
import { type Channel, dialRawTcp, dialRawWs, serveRawTcp, serveRawWs } from './links-peers.ts';

const rounds = Number(process.env['BPCI_BENCH_ROUNDS'] ?? 5);
const seeds = { parent: new Uint8Array(32).fill(1), child: new Uint8Array(32).fill(2) };
const workloads = [
  { name: '200 B', bytes: 200, oneWay: 200_000, echo: 120_000, window: 4_096, pings: 400 },
  { name: '64 KiB', bytes: 64 * 1024, oneWay: 3_000, echo: 1_500, window: 32, pings: 200 },
] as const;

/** First byte of a payload: what the child does with it. */
const [counted, echoed] = [0, 1];

async function createNode(seed: Uint8Array): Promise<LocalLinks> {
  return createLinks({
    transport: await createWsTransport(seed),
    clock: createSystemClock(),
    random: createSystemRandom(),
    signer: createSigner(seed),
    verifier: createVerifier(),
    chainId: chainId('ab'.repeat(32)),
    telemetry: noTelemetry,
    listenAddress: '127.0.0.1:0',
    roles: [],
    protocolRange: { min: 1, max: 1 },
    authorize: () => true,
  });
}

class LinkChannel implements Channel {
  onMessage: (payload: Uint8Array) => void = () => undefined;
  readonly #links: LocalLinks;
  readonly #peer: ReturnType<typeof createSigner>['publicKey'];
  readonly #lane: Lane;

  constructor(links: LocalLinks, seed: Uint8Array, lane: Lane) {
    this.#links = links;
    this.#peer = createSigner(seed).publicKey;
    this.#lane = lane;
  }

  send(payload: Uint8Array): boolean {
    const envelope = { kind: 'tell', target: 'bench', correlation: 0, traceparent: '', payload } as const;
    return this.#links.send(this.#peer, envelope, { lane: this.#lane, once: false }) === 'sent';
  }

  whenRoom(callback: () => void): void {
    this.#links.whenRoom(this.#peer, this.#lane, callback);
  }

  close(): void {
    void this.#links.stop();
  }
}

/** Sends everything in order, waiting where there is no room. */
function outbox(channel: Channel): (payload: Uint8Array) => void {
  const waiting: Uint8Array[] = [];
  const drain = (): void => {
    let sent = 0;
    while (sent < waiting.length && channel.send(waiting[sent] as Uint8Array)) sent += 1;
    waiting.splice(0, sent);
    if (waiting.length > 0) channel.whenRoom(drain);
  };
  return (payload) => {
    if (waiting.length > 0) waiting.push(payload);
    else if (!channel.send(payload)) {
      waiting.push(payload);
      channel.whenRoom(drain);
    }
  };
}

/** The child: counts, and sends back what asks for it. */
async function serve(): Promise<void> {
  const answer = (channel: Channel): void => {
    const send = outbox(channel);
    channel.onMessage = (payload) => {
      // What is sent back is kept past this call: a copy, as a handler that stores it would make.
      if (payload[0] === echoed) send(payload.slice());
    };
  };
  const links = await createNode(seeds.child);
  const channel = new LinkChannel(links, seeds.parent, 'ordinary');
  answer(channel);
  links.attach({
    onEnvelope: (_peer, envelope, consumed) => {
      channel.onMessage(envelope.payload);
      consumed();
    },
    onUp: () => undefined,
    onDown: () => undefined,
  });
  await links.start();
  const [ws, wss, tcp] = [await serveRawWs(false, answer), await serveRawWs(true, answer), await serveRawTcp(answer)];
  process.send?.({ link: links.address, ws: ws.address, wss: wss.address, tcp: tcp.address });
  process.once('disconnect', () => process.exit(0));
}

async function linkTo(address: string): Promise<Channel> {
  const links = await createNode(seeds.parent);
  const channel = new LinkChannel(links, seeds.child, 'ordinary');
  const up = new Promise<void>((resolve) => {
    links.attach({
      onEnvelope: (_peer, envelope, consumed) => {
        channel.onMessage(envelope.payload);
        consumed();
      },
      onUp: () => resolve(),
      onDown: () => undefined,
    });
  });
  await links.start();
  links.setPeers([{ key: createSigner(seeds.child).publicKey, addresses: [address] }]);
  await up;
  return channel;
}

/** Resolves when `count` messages have come back. */
function returned(channel: Channel, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    channel.onMessage = () => {
      left -= 1;
      if (left === 0) resolve();
    };
  });
}

async function measureOneWay(channel: Channel, bytes: number, count: number): Promise<number> {
  const payload = new Uint8Array(bytes).fill(counted);
  const marker = new Uint8Array(bytes).fill(echoed);
  const arrived = returned(channel, 1);
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    let sent = 0;
    const pump = (): void => {
      while (sent < count) {
        if (!channel.send(sent === count - 1 ? marker : payload)) {
          channel.whenRoom(pump);
          return;
        }
        sent += 1;
        // As actors do: a turn at a time, so that reading is not starved by writing.
        if (sent % 1_024 === 0) {
          setImmediate(pump);
          return;
        }
      }
      resolve();
    };
    pump();
  });
  await arrived;
  return (count / (performance.now() - startMs)) * 1000;
}

async function measureEcho(channel: Channel, bytes: number, count: number, window: number): Promise<number> {
  const payload = new Uint8Array(bytes).fill(echoed);
  const send = outbox(channel);
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    let [sent, received] = [0, 0];
    channel.onMessage = () => {
      received += 1;
      if (received === count) resolve();
      else if (sent < count) {
        sent += 1;
        send(payload);
      }
    };
    for (; sent < Math.min(window, count); sent++) send(payload);
  });
  return (count / (performance.now() - startMs)) * 1000;
}

async function measureRoundTrips(channel: Channel, bytes: number, count: number): Promise<number[]> {
  const payload = new Uint8Array(bytes).fill(echoed);
  const tripsMs: number[] = [];
  for (let ping = 0; ping < count; ping++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const back = returned(channel, 1);
    const startMs = performance.now();
    channel.send(payload);
    await back;
    tripsMs.push(performance.now() - startMs);
  }
  return tripsMs;
}

interface Sample {
  oneWay: number[];
  echo: number[];
  tripsMs: number[];
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

const addressesOf = (child: ChildProcess): Promise<Record<'link' | 'ws' | 'wss' | 'tcp', string>> =>
  new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Record<'link' | 'ws' | 'wss' | 'tcp', string>));
    child.once('exit', () => reject(new Error('the other process ended')));
  });

async function measure(channels: ReadonlyMap<string, Channel>): Promise<Map<string, Sample>> {
  const samples = new Map<string, Sample>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name: workload, bytes, oneWay, echo, window, pings } of workloads) {
      for (const [name, channel] of channels) {
        const found: Sample = {
          oneWay: [await measureOneWay(channel, bytes, oneWay)],
          echo: [await measureEcho(channel, bytes, echo, window)],
          tripsMs: await measureRoundTrips(channel, bytes, pings),
        };
        // The first round warms up.
        if (round === 0) continue;
        const sample = samples.get(`${workload} ${name}`) ?? { oneWay: [], echo: [], tripsMs: [] };
        for (const key of ['oneWay', 'echo', 'tripsMs'] as const) sample[key].push(...found[key]);
        samples.set(`${workload} ${name}`, sample);
      }
    }
  }
  return samples;
}

function report(samples: ReadonlyMap<string, Sample>): object[] {
  const rows = [...samples].map(([name, sample]) => ({
    name,
    oneWayPerSecond: Math.round(quantile(sample.oneWay, 0.5)),
    echoPerSecond: Math.round(quantile(sample.echo, 0.5)),
    roundTripP50Ms: Number(quantile(sample.tripsMs, 0.5).toFixed(3)),
    roundTripP99Ms: Number(quantile(sample.tripsMs, 0.99).toFixed(3)),
  }));
  const of = (name: string): (typeof rows)[number] | undefined => rows.find((row) => row.name === name);
  const table = rows.map((row) => {
    const workload = row.name.startsWith('200') ? '200 B' : '64 KiB';
    const ratio = (key: 'oneWayPerSecond' | 'echoPerSecond', peer: string): string =>
      `${Math.round((100 * row[key]) / (of(`${workload} ${peer}`)?.[key] ?? Number.NaN))} %`;
    return {
      ...row,
      oneWayOfWs: ratio('oneWayPerSecond', 'raw ws'),
      echoOfWs: ratio('echoPerSecond', 'raw ws'),
      oneWayOfWss: ratio('oneWayPerSecond', 'raw wss'),
      echoOfWss: ratio('echoPerSecond', 'raw wss'),
    };
  });
  console.table(table);
  return table;
}

export async function run(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { stdio: 'inherit' });
  const addresses = await addressesOf(child);
  const channels = new Map<string, Channel>([
    ['link', await linkTo(addresses.link)],
    ['raw ws', await dialRawWs(addresses.ws)],
    ['raw wss', await dialRawWs(addresses.wss)],
    ['raw tcp', await dialRawTcp(addresses.tcp)],
  ]);
  try {
    const table = report(await measure(channels));
    mkdirSync(new URL('./results/', import.meta.url), { recursive: true });
    const about = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, rounds };
    const targets = { oneWayPerSecond: 450_000, echoPerSecond: 250_000, roundTripP99Ms: 1.5, shareOfRaw: 0.8 };
    const path = new URL('./results/links.json', import.meta.url);
    writeFileSync(path, `${JSON.stringify({ about, targets, results: table }, null, 2)}\n`);
  } finally {
    for (const channel of channels.values()) channel.close();
    child.disconnect();
  }
}

if (process.argv[2] === 'serve') await serve();
else if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
