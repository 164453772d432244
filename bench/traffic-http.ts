/**
 * Decisions of a traffic light over HTTP, at a rate that does not wait for answers: 2,000 requests a second, each durable before it is
 * answered. A request's time counts from the moment at which it was due, so what waits behind a slow one counts too. The light is a
 * process of a network that was launched from a manifest. Peer: bare fastify in a process of its own, bodies and answers as long.
 *
 * Built first: `npm run build`.
 */
import { execFile, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Agent } from 'undici';
import { freePortRange } from './support/free-ports.ts';
import { quantile, report, rounded } from './support/results.ts';

const perSecond = 2_000;
const seconds = 10;
const warmUpSeconds = 3;
const connections = 128;
const tickMs = 2;

const root = join(import.meta.dirname, '..');
const execute = promisify(execFile);

const manifestOf = (port: number, directory: string): string => `apiVersion: bpci/v1
kind: Network
metadata: { name: bench }
spec:
  chain: { blockTime: 1s, genesisFile: ${join(directory, 'genesis.json')}, genesis: { policyPack: default } }
  defaults: { dataDir: ${join(directory, 'data')} }
  nodes:
    - { name: validator, replicas: 4, roles: [validator], process: validators, ports: { link: ${port}, api: ${port + 4} } }
    - name: traffic
      roles: [traffic]
      after: [validator]
      ports: { api: ${port + 5} }
      traffic: { decisionLatency: 1s }
`;

const bodyOf = (requestId: string): string =>
  JSON.stringify({
    requestId,
    flow: {
      subject: { tenant: 'acme', workload: 'orders' },
      ...{ operation: 'transfer', classification: 'Confidential', contents: ['personal'], bases: ['contract'] },
      ...{ source: { country: 'DE' }, destination: { country: 'FR' } },
    },
  });

interface Load {
  readonly elapsedMs: readonly number[];
  readonly refused: number;
  /** Bytes of an answer. */
  readonly bytes: number;
}

/** Open loop: what is due is sent, answered or not. */
async function load(origin: string, name: string, forSeconds: number): Promise<Load> {
  const agent = new Agent({ connections, pipelining: 1 });
  const elapsedMs: number[] = [];
  let refused = 0;
  let bytes = 0;
  const one = async (index: number, dueMs: number): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const request = {
      method: 'POST',
      path: '/v1/decisions',
      origin,
      headers,
      body: bodyOf(`${name}-${index}`),
    } as const;
    try {
      const { statusCode, body } = await agent.request(request);
      bytes = (await body.arrayBuffer()).byteLength;
      if (statusCode === 200) elapsedMs.push(performance.now() - dueMs);
      else refused += 1;
    } catch {
      // A connection that broke is no answer.
      refused += 1;
    }
  };
  const count = perSecond * forSeconds;
  const startMs = performance.now();
  const all: Promise<void>[] = [];
  while (all.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) * perSecond) / 1000));
    while (all.length < due) all.push(one(all.length, startMs + (all.length * 1000) / perSecond));
    await after(tickMs);
  }
  await Promise.all(all);
  await agent.close();
  return { elapsedMs, refused, bytes };
}

async function peer(port: number, bytes: number): Promise<Load> {
  const child = fork(join(import.meta.dirname, 'support', 'bare-fastify.ts'), [String(port), String(bytes)]);
  await new Promise((resolve) => child.once('message', resolve));
  try {
    await load(`http://127.0.0.1:${port}`, 'warm-up', warmUpSeconds);
    return await load(`http://127.0.0.1:${port}`, 'peer', seconds);
  } finally {
    child.kill();
  }
}

export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bpci-bench-traffic-http-'));
  const port = await freePortRange(7);
  const manifest = join(directory, 'network.yaml');
  writeFileSync(manifest, manifestOf(port, directory));
  const mainnet = (...parts: readonly string[]): Promise<unknown> =>
    execute(process.execPath, [join(root, 'bin', 'mainnet.js'), ...parts]);
  try {
    await mainnet('up', manifest, '--detach');
    const light = `http://127.0.0.1:${port + 5}`;
    await load(light, 'warm-up', warmUpSeconds);
    const decided = await load(light, 'decision', seconds);
    const bare = await peer(port + 6, decided.bytes);
    const row = (what: string, { elapsedMs, refused }: Load): object => ({
      what,
      'p50 ms': rounded(quantile(elapsedMs, 0.5), 2),
      'p99 ms': rounded(quantile(elapsedMs, 0.99), 2),
      ...{ answered: elapsedMs.length, refused },
    });
    const p99 = rounded(quantile(decided.elapsedMs, 0.99), 2);
    report('traffic-http', `Durable decisions over HTTP, ${perSecond} requests a second that do not wait`, {
      settings: { perSecond, seconds, connections, answerBytes: decided.bytes },
      rows: [row('traffic light', decided), row('bare fastify', bare)],
      judgements: [
        { what: 'p99 ms over HTTP', measured: p99, target: '≤ 10', met: p99 <= 10 && decided.refused === 0 },
      ],
    });
  } finally {
    await mainnet('down', manifest);
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
