/**
 * Goal: the WebSocket transport keeps the promises of the Transport port on real sockets: keys proved and pinned, frames
 * in order, a binding that only the two ends of one connection share, strangers and the slow cut off; and links run over
 * it as they do in the simulator.
 * Method: transports with their own keys on loopback, ephemeral ports; a bare TLS client for what the product never does.
 */
import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { expect } from 'chai';
import { chainId } from '../../src/protocols/shared/brands.ts';
import { createNodeCertificate } from '../../src/runtime/adapters/certificates.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { createSystemClock } from '../../src/runtime/adapters/system-clock.ts';
import { createSystemRandom } from '../../src/runtime/adapters/system-random.ts';
import type { WsLimits } from '../../src/runtime/adapters/ws-listener.ts';
import { createWsTransport, type WsTransport } from '../../src/runtime/adapters/ws-transport.ts';
import { createLinks, type LocalLinks } from '../../src/runtime/links/create-links.ts';
import { noTelemetry } from '../../src/runtime/ports/no-telemetry.ts';
import { type DialAbort, type Listener, type Pipe, TransportError } from '../../src/runtime/ports/transport.ts';

const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

interface Server {
  readonly listener: Listener;
  readonly transport: WsTransport;
  readonly turnedAway: string[];
  readonly asked: string[];
  /** The next pipe accepted. */
  nextPipe(): Promise<Pipe>;
}

describe('the WebSocket transport', () => {
  const open: Listener[] = [];
  afterEach(async () => {
    for (const listener of open.splice(0)) await listener.close();
  });

  async function serve(limits: Partial<WsLimits> = {}, accepts = true): Promise<Server> {
    const transport = await createWsTransport(seedOf(1), { closeTimeoutMs: 200, ...limits });
    const pipes: Pipe[] = [];
    const waiting: ((pipe: Pipe) => void)[] = [];
    const turnedAway: string[] = [];
    const asked: string[] = [];
    const listener = await transport.listen('127.0.0.1:0', {
      accept: (peerKey) => {
        asked.push(peerKey);
        return accepts;
      },
      onPipe: (pipe) => {
        const next = waiting.shift();
        if (next === undefined) pipes.push(pipe);
        else next(pipe);
      },
      onTurnedAway: (reason) => turnedAway.push(reason),
    });
    open.push(listener);
    const nextPipe = (): Promise<Pipe> =>
      new Promise((resolve) => {
        const pipe = pipes.shift();
        if (pipe === undefined) waiting.push(resolve);
        else resolve(pipe);
      });
    return { listener, transport, turnedAway, asked, nextPipe };
  }

  async function join(server: Server, seed = 2): Promise<{ near: Pipe; far: Pipe; dialer: WsTransport }> {
    const dialer = await createWsTransport(seedOf(seed), { closeTimeoutMs: 200 });
    const dialing = dialer.dial(server.listener.address, { expectedKey: server.transport.publicKey, timeoutMs: 5_000 });
    const [far, near] = await Promise.all([server.nextPipe(), dialing]);
    return { near, far, dialer };
  }

  async function refusal(dialing: Promise<Pipe>): Promise<TransportError> {
    try {
      await dialing;
    } catch (error) {
      if (error instanceof TransportError) return error;
      throw error;
    }
    throw new Error('the dial succeeded');
  }

  it('makes one certificate a seed, which carries the key', async () => {
    const first = await createNodeCertificate(seedOf(7));
    expect(await createNodeCertificate(seedOf(7))).deep.equal(first);
    expect(first.publicKey).equal(createSigner(seedOf(7)).publicKey);
  });

  it('proves each side the key of the other, and gives both the same fresh binding', async () => {
    const server = await serve();
    const first = await join(server);
    const second = await join(server);
    for (const { near, far, dialer } of [first, second]) {
      expect(near.peerKey).equal(server.transport.publicKey);
      expect(far.peerKey).equal(dialer.publicKey);
      expect(near.channelBinding).lengthOf(32);
      expect(near.channelBinding).deep.equal(far.channelBinding);
    }
    expect(first.near.channelBinding).not.deep.equal(second.near.channelBinding);
    for (const { near } of [first, second]) near.close('done');
  });

  it('carries frames in order both ways and drains', async () => {
    const server = await serve();
    const { near, far } = await join(server);
    const frames = Array.from({ length: 300 }, (_, index) => new Uint8Array(1 + ((index * 7919) % 65_536)).fill(index));
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      const received: Uint8Array[] = [];
      let drained = 0;
      from.onDrain = () => (drained += 1);
      const all = new Promise<void>((resolve) => {
        to.onFrame = (frame) => {
          received.push(frame.slice());
          if (received.length === frames.length) resolve();
        };
      });
      for (const frame of frames) from.send(frame);
      expect(from.bufferedBytes).greaterThan(0);
      await all;
      expect(received).deep.equal(frames);
      while (drained === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(from.bufferedBytes).equal(0);
    }
    near.close('done');
  });

  it('stops reading while paused, so that the sender sees its buffer grow', async () => {
    const server = await serve();
    const { near, far } = await join(server);
    far.pause();
    let received = 0;
    far.onFrame = () => (received += 1);
    const frame = new Uint8Array(64 * 1024);
    let sent = 0;
    while (near.bufferedBytes < 16 * 1024 * 1024) {
      near.send(frame);
      sent += 1;
      if (sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(received).below(4);
    const drained = new Promise<void>((resolve) => (near.onDrain = resolve));
    far.resume();
    await drained;
    while (received < sent) await new Promise((resolve) => setImmediate(resolve));
    near.close('done');
  });

  it('tells each side once why a pipe was closed', async () => {
    const server = await serve();
    const { near, far } = await join(server);
    const reasons = await new Promise<string[]>((resolve) => {
      const heard: string[] = [];
      for (const pipe of [near, far]) {
        pipe.onClose = (reason) => {
          if (heard.push(reason) === 2) resolve(heard);
        };
      }
      near.close('wrong-chain');
      near.close('twice');
    });
    expect(reasons).deep.equal(['wrong-chain', 'wrong-chain']);
    near.send(Uint8Array.of(1));
  });

  it('closes a pipe on a frame above the limit', async () => {
    const server = await serve({ frameBytesMax: 1_000 });
    const { near, far } = await join(server);
    const closed = new Promise<string>((resolve) => (far.onClose = resolve));
    near.send(new Uint8Array(1_001));
    expect(await closed).match(/max payload/i);
  });

  it('rejects a dial to another key than expected', async () => {
    const server = await serve();
    const dialer = await createWsTransport(seedOf(2));
    const expectedKey = createSigner(seedOf(9)).publicKey;
    const error = await refusal(dialer.dial(server.listener.address, { expectedKey, timeoutMs: 5_000 }));
    expect(error.code).equal('wrong-key');
    expect(error.message).contains(server.transport.publicKey);
  });

  it('tells a dialer whose key is not accepted so, after asking for that key', async () => {
    const server = await serve({}, false);
    const dialer = await createWsTransport(seedOf(2));
    const expectedKey = server.transport.publicKey;
    const error = await refusal(dialer.dial(server.listener.address, { expectedKey, timeoutMs: 5_000 }));
    expect(error.code).equal('unreachable');
    expect(error.message).contains('does not accept this key');
    expect(server.asked).deep.equal([dialer.publicKey]);
  });

  it('rejects a dial to nobody, to a silent door, and to what is no address', async () => {
    const dialer = await createWsTransport(seedOf(2));
    const expectedKey = createSigner(seedOf(1)).publicKey;
    const server = await serve();
    await server.listener.close();
    open.length = 0;
    const { address } = server.listener;
    expect((await refusal(dialer.dial(address, { expectedKey, timeoutMs: 5_000 }))).code).equal('unreachable');
    const { createServer } = await import('node:net');
    const mute = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    const silent = dialer.dial(`127.0.0.1:${port}`, { expectedKey, timeoutMs: 100 });
    expect((await refusal(silent)).code).equal('timeout');
    const abort: DialAbort = { onAbort: () => undefined };
    const given = dialer.dial(`127.0.0.1:${port}`, { expectedKey, timeoutMs: 60_000, abort });
    abort.onAbort();
    expect((await refusal(given)).message).equal('given up');
    mute.close();
    for (const bad of ['nowhere', '127.0.0.1', '127.0.0.1:99999', 'a:b:1', '']) {
      expect((await refusal(dialer.dial(bad, { expectedKey, timeoutMs: 100 }))).code, bad).equal('bad-address');
    }
  });

  it('refuses an address that is taken', async () => {
    const server = await serve();
    const other = await createWsTransport(seedOf(2));
    const listening = other.listen(server.listener.address, { accept: () => true, onPipe: () => undefined });
    const error = await listening.then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).instanceOf(TransportError).property('code', 'bad-address');
  });

  it('cuts a TCP connection that never speaks TLS, and one that never finishes the WebSocket handshake', async () => {
    const server = await serve({ handshakeTimeoutMs: 50 });
    const [host, port] = server.listener.address.split(':') as [string, string];
    const mute = connectTcp(Number(port), host);
    await once(mute.resume(), 'close');
    const half = connectTls({ ...(await clientTls()), host, port: Number(port) });
    half.on('error', () => undefined);
    await once(half, 'secureConnect');
    half.write('GET /link HTTP/1.1\r\n');
    await once(half.resume(), 'close');
    expect(server.turnedAway).deep.equal(['slow-handshake', 'slow-handshake']);
    expect(server.asked).deep.equal([]);
  });

  it('keeps few handshakes of one address pending', async () => {
    const server = await serve({ handshakesPerAddressMax: 2 });
    const [host, port] = server.listener.address.split(':') as [string, string];
    const sockets = [1, 2, 3].map(() => connectTcp(Number(port), host).on('error', () => undefined));
    await once(sockets[2]!.resume(), 'close');
    expect(server.turnedAway).deep.equal(['too-many-handshakes']);
    for (const socket of sockets) socket.destroy();
  });

  const clientTls = async (version: SecureVersion = 'TLSv1.3') => {
    const { certificate, privateKey } = await createNodeCertificate(seedOf(2));
    const versions = { minVersion: version, maxVersion: version };
    return { key: privateKey, cert: certificate, rejectUnauthorized: false, ...versions };
  };

  async function answerTo(server: Server, request: string, options: object): Promise<string> {
    const [host, port] = server.listener.address.split(':') as [string, string];
    const socket = connectTls({ rejectUnauthorized: false, ...options, host, port: Number(port) });
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', (error: Error) => (text += error.message));
    socket.on('secureConnect', () => socket.write(request));
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  }

  const upgrade = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

  it('turns away clients without a certificate, other paths, plain requests and TLS 1.2', async () => {
    const server = await serve();
    expect(await answerTo(server, upgrade('/link'), {})).match(/^HTTP\/1.1 401/);
    expect(await answerTo(server, upgrade('/other'), await clientTls())).match(/^HTTP\/1.1 404/);
    expect(await answerTo(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', await clientTls())).match(/^HTTP\/1.1 426/);
    expect(await answerTo(server, upgrade('/link'), await clientTls('TLSv1.2'))).match(/protocol version|alert/);
    expect(server.turnedAway).deep.equal(['no-key', 'not-a-link', 'not-a-link']);
    expect(server.asked).deep.equal([]);
  });
});

describe('links over the WebSocket transport', () => {
  const running: LocalLinks[] = [];
  afterEach(async () => {
    for (const links of running.splice(0)) await links.stop();
  });

  async function node(number: number): Promise<LocalLinks> {
    const links = createLinks({
      transport: await createWsTransport(seedOf(number), { closeTimeoutMs: 200 }),
      clock: createSystemClock(),
      random: createSystemRandom(),
      signer: createSigner(seedOf(number)),
      verifier: createVerifier(),
      chainId: chainId('ab'.repeat(32)),
      telemetry: noTelemetry,
      listenAddress: '127.0.0.1:0',
      roles: [],
      protocolRange: { min: 1, max: 1 },
      authorize: () => false,
    });
    running.push(links);
    await links.start();
    return links;
  }

  it('link both ways, carry every lane, and come back after a restart of one side', async () => {
    const [a, b] = [await node(1), await node(2)];
    let expected = 6;
    let arrived: () => void = () => undefined;
    const resumes: boolean[] = [];
    const sizes: number[] = [];
    const attach = (links: LocalLinks): void =>
      links.attach({
        onUp: (peer, resumed) => {
          resumes.push(resumed);
          for (const [lane, size] of [
            ['control', 100],
            ['ordinary', 100_000],
            ['bulk', 2_000_000],
          ] as const) {
            const envelope = {
              kind: 'tell',
              target: 'x',
              correlation: 0,
              traceparent: '',
              payload: new Uint8Array(size),
            } as const;
            links.send(peer, envelope, { lane, once: false });
          }
        },
        onDown: () => undefined,
        onEnvelope: (_peer, envelope, consumed) => {
          consumed();
          sizes.push(envelope.payload.length);
          if (--expected === 0) arrived();
        },
      });
    attach(a);
    attach(b);
    const first = new Promise<void>((resolve) => (arrived = resolve));
    a.setPeers([{ key: b.self, addresses: [b.address] }]);
    b.setPeers([{ key: a.self, addresses: [a.address] }]);
    await first;
    expect(sizes.sort((x, y) => x - y)).deep.equal([100, 100, 100_000, 100_000, 2_000_000, 2_000_000]);
    await b.stop();
    expected = 6;
    const second = new Promise<void>((resolve) => (arrived = resolve));
    const reborn = await node(2);
    attach(reborn);
    reborn.setPeers([{ key: a.self, addresses: [a.address] }]);
    await second;
    expect(resumes).deep.equal([false, false, false, false]);
    expect(a.refusals()).deep.equal(new Map());
  });
});
