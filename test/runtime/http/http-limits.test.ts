/**
 * Goal: what a client can make the server hold is bounded, slow and malformed clients are cut, and one port serves HTTP
 * and TLS where that is allowed. Method: raw sockets and requests against servers with small limits; each limit is seen
 * by its answer or by the cut connection, never by a clock of the test.
 */
import net from 'node:net';
import tls from 'node:tls';
import { expect } from 'chai';
import { HttpListenError } from '../../../src/runtime/adapters/http/addresses.ts';
import { bodyBytesMax } from '../../../src/runtime/adapters/http/schemas.ts';
import type { HttpLimits } from '../../../src/runtime/adapters/http/server.ts';
import { startMetricsServer } from '../../../src/runtime/adapters/http/server.ts';
import { createNodeCertificate } from '../../../src/runtime/adapters/certificates.ts';
import { createTelemetry } from '../../../src/runtime/adapters/telemetry.ts';
import { FakeChain } from './fake-chain.ts';
import { chainIdHex } from './fake-genesis.ts';
import { ask, postJson, startWorld, type World } from './server-world.ts';

const portOf = (world: World): number => Number(world.server.address.split(':')[1]);

/** Sends bytes and resolves with everything that came back until the connection ended. */
function exchange(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
    });
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

async function tlsOptions(): Promise<{ certificate: string; key: string }> {
  const { certificate, privateKey } = await createNodeCertificate(new Uint8Array(32).fill(9));
  return { certificate, key: privateKey };
}

describe('HTTP limits', () => {
  let world: World;
  const start = async (limits: Partial<HttpLimits> = {}): Promise<World> => (world = await startWorld({ limits }));
  afterEach(() => world.close());

  it('cuts a connection that says nothing, and one whose headers or body do not come', async () => {
    await start({ headersTimeoutMs: 60, requestTimeoutMs: 80, checkIntervalMs: 20 });
    expect(await exchange(portOf(world))).to.equal('');
    const headers = await exchange(portOf(world), 'GET /v1/network HTTP/1.1\r\nhost: localhost\r\n');
    expect(headers)
      .to.match(/^HTTP\/1.1 408 /)
      .and.to.include('application/problem+json');
    const body = await exchange(
      portOf(world),
      'POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    expect(body).to.match(/^HTTP\/1.1 408 /);
    expect(world.server.refusals().get('slow-first-byte')).to.equal(1);
    expect(world.server.refusals().get('slow-request')).to.equal(2);
  });

  it('refuses large headers, long addresses and what is no HTTP', async () => {
    await start({ headerBytesMax: 8 * 1024 });
    const large = await exchange(portOf(world), `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`);
    expect(large)
      .to.match(/^HTTP\/1.1 431 /)
      .and.to.include('headers-too-large');
    const long = await ask(`${world.base}/v1/blocks/1?${'x'.repeat(5_000)}`);
    expect([long.status, long.json()['code']]).to.deep.equal([414, 'url-too-long']);
    const longKey = await ask(`${world.base}/v1/state/accounts/${'k'.repeat(2_000)}`);
    expect([longKey.status, longKey.json()['code']]).to.deep.equal([414, 'url-too-long']);
    expect(await exchange(portOf(world), 'hello\r\n\r\n')).to.match(/^HTTP\/1.1 400 /);
    const noHost = await exchange(portOf(world), 'GET / HTTP/1.1\r\n\r\n');
    expect(noHost).to.match(/^HTTP\/1.1 400 /);
  });

  it('refuses bodies that are too large, announced or not, and other content types', async () => {
    await start();
    const announced = await exchange(
      portOf(world),
      `POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${bodyBytesMax + 1}\r\n\r\n`,
    );
    expect(announced)
      .to.match(/^HTTP\/1.1 413 /)
      .and.to.include('body-too-large');
    const unannounced = await exchange(
      portOf(world),
      'POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
      Buffer.concat([
        Buffer.from(`${(bodyBytesMax + 1).toString(16)}\r\n`),
        Buffer.alloc(bodyBytesMax + 1),
        Buffer.from('\r\n0\r\n\r\n'),
      ]),
    );
    expect(unannounced).to.match(/^HTTP\/1.1 413 /);
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x']) {
      const answer = await ask(`${world.base}/v1/transactions`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: 'x',
      });
      expect([answer.status, answer.json()['code']], type).to.deep.equal([415, 'unsupported-media-type']);
    }
  });

  it('refuses JSON that is too deep, malformed, not UTF-8, empty or names __proto__', async () => {
    await start();
    const cases: readonly (readonly [string | Uint8Array, string])[] = [
      ['['.repeat(17) + ']'.repeat(17), 'json-too-deep'],
      ['['.repeat(1_000_000), 'json-too-deep'],
      ['{"a":'.repeat(16) + '1' + '}'.repeat(16), 'invalid-request'],
      ['{', 'invalid-json'],
      ['{"transaction":"00"} x', 'invalid-json'],
      [Uint8Array.from([0x22, 0xff, 0x22]), 'invalid-json'],
      ['{"__proto__":{"transaction":"00"}}', 'invalid-json'],
      ['', 'empty-body'],
    ];
    for (const [body, code] of cases) {
      const answer = await ask(`${world.base}/v1/transactions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) },
        body,
      });
      expect([answer.status, answer.json()['code']]).to.deep.equal([400, code]);
    }
  });

  it('limits a transaction to 64 KiB of hex and a batch to 1,000', async () => {
    await start();
    const long = await postJson(`${world.base}/v1/transactions`, { transaction: '00'.repeat(80_000) });
    expect([long.status, long.json<{ errors: { field: string }[] }>().errors[0]!.field]).to.deep.equal([
      400,
      'body/transaction',
    ]);
    const many = await postJson(`${world.base}/v1/transactions`, { transactions: new Array(1_001).fill('00') });
    expect([many.status, many.json<{ errors: { field: string }[] }>().errors[0]!.field]).to.deep.equal([
      400,
      'body/transactions',
    ]);
  });

  it('limits requests a minute, with the time to wait', async () => {
    await start({ requestsPerMinute: 5 });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) statuses.push((await ask(`${world.base}/v1/mempool`)).status);
    expect(statuses).to.deep.equal([200, 200, 200, 200, 200]);
    const refused = await ask(`${world.base}/v1/mempool`);
    expect([refused.status, refused.json()['code']]).to.deep.equal([429, 'rate-limited']);
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 60);
  });

  it('limits connections of one address and in all', async () => {
    await start({ connectionsPerAddressMax: 2 });
    const open = await Promise.all(
      [0, 1].map(
        () =>
          new Promise<net.Socket>((resolve) => {
            const socket = net.connect(portOf(world), '127.0.0.1', () => resolve(socket));
          }),
      ),
    );
    expect(await exchange(portOf(world), 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')).to.equal('');
    expect(world.server.refusals().get('too-many-connections')).to.equal(1);
    for (const socket of open) socket.destroy();
  });

  it('leaves no handle when it closes with requests, waits and idle connections open', async () => {
    await start();
    world.chain.isAutomatic = false;
    const idle = net.connect(portOf(world), '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    idle.on('error', () => undefined);
    const closed = new Promise((resolve) => idle.once('close', resolve));
    await world.close();
    await closed;
    // The port is free again at once.
    world = await startWorld({ address: world.server.address });
  });
});

describe('HTTP listener', () => {
  it('serves HTTP and TLS on one loopback port, told apart by the first byte', async () => {
    const world = await startWorld({ tls: await tlsOptions() });
    const secure = `https://${world.server.address}`;
    for (const base of [world.base, secure, world.base]) {
      expect((await ask(`${base}/v1/network`)).json()['chainId']).to.equal(chainIdHex);
    }
    const transactions = await postJson(`${secure}/v1/transactions`, { transaction: '00' });
    expect(transactions.status).to.equal(422);
    // The handshake in single bytes: the first alone decides.
    const socket = net.connect(portOf(world), '127.0.0.1');
    const secured = tls.connect({ socket, rejectUnauthorized: false });
    await new Promise((resolve) => secured.once('secureConnect', resolve));
    expect(secured.getProtocol()).to.equal('TLSv1.3');
    secured.destroy();
    await world.close();
  });

  it('cuts a TLS handshake that does not go on, and slow requests inside TLS', async () => {
    const limits = { headersTimeoutMs: 60, requestTimeoutMs: 80, checkIntervalMs: 20 };
    const world = await startWorld({ tls: await tlsOptions(), limits });
    await exchange(portOf(world), Buffer.from([0x16, 0x03, 0x01]));
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = tls.connect({ host: '127.0.0.1', port: portOf(world), rejectUnauthorized: false }, () =>
        socket.write('GET / HTTP/1.1\r\n'),
      );
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
    });
    expect(answer).to.match(/^HTTP\/1.1 408 /);
    await world.close();
  });

  it('refuses plain HTTP on an address that others reach: at the start, and by connection', async () => {
    for (const address of ['0.0.0.0:0', '10.1.2.3:21001', '[::]:0', 'example.org:80']) {
      const error = await startWorld({ address }).catch((cause: unknown) => cause);
      expect(error, address).to.be.instanceOf(HttpListenError);
      expect((error as HttpListenError).code).to.equal('plain-not-loopback');
    }
    const world = await startWorld({ address: '0.0.0.0:0', tls: await tlsOptions() });
    expect(await exchange(portOf(world), 'GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n')).to.equal('');
    expect(world.server.refusals().get('plain-http')).to.equal(1);
    await world.close();
  });

  it('names what is wrong with an address, a port that is taken, a certificate that is none', async () => {
    const world = await startWorld();
    const cases: readonly (readonly [object, string])[] = [
      [{ address: '21001' }, 'bad-address'],
      [{ address: '127.0.0.1:99999' }, 'bad-address'],
      [{ address: world.server.address }, 'address-in-use'],
      [{ tls: { certificate: 'none', key: 'none' } }, 'bad-certificate'],
    ];
    for (const [options, code] of cases) {
      const error = await startWorld(options).catch((cause: unknown) => cause);
      expect((error as HttpListenError).code).to.equal(code);
    }
    await world.close();
  });
});

describe('metrics server', () => {
  it('serves metrics and health on a port of its own, and nothing else', async () => {
    const running = createTelemetry({
      name: 'validator-1',
      role: 'validator',
      logTo: 'silent',
      logLevel: 'info',
      dataDir: '',
      otlpEndpoint: null,
    });
    const server = await startMetricsServer({
      api: new FakeChain(),
      address: '127.0.0.1:0',
      tls: null,
      telemetry: running.telemetry,
      chainId: chainIdHex,
      metricsText: () => running.metricsText(),
    });
    const base = `http://${server.address}`;
    await ask(`${base}/nothing`);
    const metrics = await ask(`${base}/metrics`);
    expect(metrics.headers['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.body.toString()).to.include('bpci_http_refusals_total{reason="unknown-route"} 1');
    expect((await ask(`${base}/healthz`)).status).to.equal(200);
    expect((await ask(`${base}/readyz`)).status).to.equal(200);
    expect((await ask(`${base}/v1/network`)).status).to.equal(404);
    await server.close();
    await running.close();
  });

  it('asks strangers for a token where others reach it', async () => {
    const server = await startMetricsServer({
      api: new FakeChain(),
      address: '0.0.0.0:0',
      tls: await tlsOptions(),
      telemetry: createTelemetry({
        name: 'a',
        role: 'validator',
        logTo: 'silent',
        logLevel: 'info',
        dataDir: '',
        otlpEndpoint: null,
      }).telemetry,
      chainId: chainIdHex,
      metricsText: () => Promise.resolve(''),
    });
    const base = `https://127.0.0.1:${server.address.split(':')[1]!}`;
    for (const path of ['/metrics', '/healthz', '/readyz']) expect((await ask(base + path)).status).to.equal(401);
    await server.close();
  });
});
