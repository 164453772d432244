/**
 * Goal: a client of the event stream misses nothing and sees nothing twice, however often it is cut, and cannot make the
 * node keep anything for it. Method: raw streams against a running server; blocks are sealed by the test.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { ChainClient } from '../../../src/client/chain-client.ts';
import { mintToken } from '../../../src/client/token.ts';
import { createNodeCertificate } from '../../../src/runtime/adapters/certificates.ts';
import type { EventView } from '../../../src/runtime/ports/chain-api.ts';
import { aliceKey, chainIdHex } from './fake-genesis.ts';
import { ask, startWorld, type World } from './server-world.ts';

/** One connection to the stream, read message by message. */
class Stream {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly closed: Promise<void>;
  #text = '';
  #wake: () => void = () => undefined;
  #isEnded = false;
  lastId: string | null = null;

  constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      response.on('error', () => undefined);
      response.on('close', () => {
        this.#isEnded = true;
        this.#wake();
        resolve();
      });
    });
  }

  static open(base: string, path = '/v1/events', headers: Record<string, string> = {}): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(base + path, {
        agent: false,
        headers: { accept: 'text/event-stream', ...headers },
      });
      request.on('error', reject);
      request.on('response', (response) => resolve(new Stream(request, response)));
      request.end();
    });
  }

  /** The next message with data. Ids of messages without data move `lastId` on. */
  async next(): Promise<EventView> {
    for (;;) {
      const message = await this.message();
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (data !== undefined) return JSON.parse(data) as EventView;
    }
  }

  async message(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const message = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        this.lastId = /^id: (.*)$/m.exec(message)?.[1] ?? this.lastId;
        return message;
      }
      if (this.#isEnded) throw new Error('the stream ended');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async take(count: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push((await this.next()).id);
    return ids;
  }

  cut(): Promise<void> {
    this.#request.destroy();
    return this.closed;
  }
}

const untilNoListener = async (world: World): Promise<void> => {
  while (world.chain.listenerCount > 0) await new Promise((resolve) => setImmediate(resolve));
};

describe('HTTP event stream', () => {
  let world: World;

  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.close());

  it('begins with what happens next, and sends events in order as blocks are sealed', async () => {
    world.chain.sealEvents(['accounts', 'transferred']);
    const stream = await Stream.open(world.base);
    expect(stream.response.headers['content-type']).to.equal('text/event-stream; charset=utf-8');
    expect(await stream.message()).to.equal('id: 1-0');
    world.chain.sealEvents(['accounts', 'transferred'], ['court', 'filed']);
    world.chain.sealEvents(['accounts', 'bonded']);
    expect(await stream.take(3)).to.deep.equal(['2-0', '2-1', '3-0']);
  });

  it('resumes across 30 cuts at random places without loss or duplicates', async () => {
    for (let n = 0; n < 5; n++) world.chain.sealEvents(['accounts', 'a'], ['court', 'b'], ['accounts', 'c']);
    const seen: string[] = [];
    let position = '1-0';
    seen.push(position);
    for (let cut = 0; cut < 30; cut++) {
      const stream = await Stream.open(world.base, '/v1/events', { 'last-event-id': position });
      world.chain.sealEvents(['accounts', `cut-${cut}`], ['court', 'x']);
      seen.push(...(await stream.take(1 + (cut % 3))));
      position = seen.at(-1)!;
      await stream.cut();
    }
    const all = world.chain.eventsAfter(null, {}, 10_000).map(({ id }) => id);
    expect(seen).to.deep.equal(all.slice(0, seen.length));
  });

  it('sends the whole history from `start`, many pages of it, exactly once', async () => {
    for (let n = 0; n < 300; n++) world.chain.sealEvents(['accounts', 'a'], ['court', 'b'], ['accounts', 'c']);
    const stream = await Stream.open(world.base, '/v1/events?after=start');
    const all = world.chain.eventsAfter(null, {}, 10_000).map(({ id }) => id);
    expect(await stream.take(900)).to.deep.equal(all);
    world.chain.sealEvents(['accounts', 'z']);
    expect(await stream.take(1)).to.deep.equal(['301-0']);
  });

  it('filters by module and kind', async () => {
    const stream = await Stream.open(world.base, '/v1/events?module=accounts&kind=transferred');
    world.chain.sealEvents(['court', 'transferred'], ['accounts', 'bonded'], ['accounts', 'transferred']);
    world.chain.sealEvents(['accounts', 'transferred']);
    expect(await stream.take(2)).to.deep.equal(['1-2', '2-0']);
  });

  it('moves a filtered client on with heartbeats, so that it resumes where the chain is', async () => {
    await world.close();
    world = await startWorld({ limits: { heartbeatMs: 5 } });
    const stream = await Stream.open(world.base, '/v1/events?module=court');
    expect(await stream.message()).to.equal(': open');
    expect(await stream.message()).to.equal(': alive');
    world.chain.sealEvents(['accounts', 'a'], ['accounts', 'b']);
    while (stream.lastId === null) await stream.message();
    expect(stream.lastId).to.equal('1-1');
  });

  it('is bounded in clients, and frees the place of one that leaves', async () => {
    await world.close();
    world = await startWorld({ limits: { streamsMax: 2 } });
    const first = await Stream.open(world.base);
    const second = await Stream.open(world.base);
    const refused = await ask(`${world.base}/v1/events`);
    expect([refused.status, refused.json()['code']]).to.deep.equal([503, 'too-many-streams']);
    await Promise.all([first.cut(), second.cut()]);
    await untilNoListener(world);
    const third = await Stream.open(world.base);
    expect(third.response.statusCode).to.equal(200);
  });

  it('cuts a client that takes nothing, having kept no more for it than the limit', async () => {
    await world.close();
    world = await startWorld({ limits: { streamStallMs: 50, streamBacklogBytesMax: 64 * 1024 } });
    const socket = new Socket();
    const [host = '', port] = world.server.address.split(':');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.connect(Number(port), host, () => {
      socket.pause();
      socket.write('GET /v1/events?after=start HTTP/1.1\r\nhost: localhost\r\n\r\n');
    });
    while (world.chain.listenerCount === 0) await new Promise((resolve) => setImmediate(resolve));
    // More than the operating system's buffers hold.
    const many = Array.from({ length: 500 }, () => ['accounts', 'x'.repeat(60)] as const);
    for (let n = 0; n < 200 && world.chain.listenerCount > 0; n++) {
      world.chain.sealEvents(...many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await untilNoListener(world);
    socket.resume();
    await closed;
  });

  it('ends all streams when the server closes', async () => {
    const streams = await Promise.all([Stream.open(world.base), Stream.open(world.base)]);
    await world.close();
    await Promise.all(streams.map(({ closed }) => closed));
    expect(world.chain.listenerCount).to.equal(0);
  });

  it('does not outlive the token that opened it', async () => {
    await world.close();
    const { certificate, privateKey } = await createNodeCertificate(new Uint8Array(32).fill(9));
    world = await startWorld({ address: '0.0.0.0:0', tls: { certificate, key: privateKey } });
    const token = mintToken(aliceKey, { chainId: chainIdHex, lifetimeSeconds: -29 });
    const base = `https://127.0.0.1:${world.server.address.split(':')[1]!}`;
    const answer = await ask(`${base}/v1/events`, { headers: { authorization: `Bearer ${token}` } }).catch(
      (error: unknown) => error as Error,
    );
    // Accepted within the clock tolerance, and ended at once: a body that ends, or a connection that does.
    if (answer instanceof Error) expect(answer.message).to.match(/aborted|hang up/);
    else expect(answer.status).to.equal(200);
    expect(world.chain.listenerCount).to.equal(0);
  });

  it('is followed by the client across a restart of the node', async () => {
    const { chain } = world;
    const address = world.server.address;
    const stop = new AbortController();
    const events = new ChainClient({ endpoint: world.base }).events({ after: null, signal: stop.signal });
    const seen: string[] = [];
    chain.sealEvents(['accounts', 'a'], ['accounts', 'b']);
    for await (const event of events) {
      seen.push(event.id);
      if (event.id === '1-1') {
        await world.close();
        chain.sealEvents(['accounts', 'c']);
        world = await startWorld({ address }, chain);
      }
      if (event.id === '2-0') chain.sealEvents(['accounts', 'd']);
      if (event.id === '3-0') break;
    }
    stop.abort();
    expect(seen).to.deep.equal(['1-0', '1-1', '2-0', '3-0']);
  });
});
