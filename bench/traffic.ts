/**
 * Decisions of a traffic light in process, durable log on: one at a time for the quantiles, in batches for the rate. Peer: the
 * same number of bytes a group, synced by fdatasync alone. Flows are drawn: 64 of them, most Green, some Red, few held.
 *
 * The CPU time a decision is printed beside: on a machine that others use it says more than the rate.
 */
import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { DecisionLog } from '../src/actors/traffic/decision-log.ts';
import { type ChainFacts, Light } from '../src/actors/traffic/light.ts';
import { emptyOverlay, putInForce } from '../src/protocols/policy/overlay.ts';
import { chainId } from '../src/protocols/shared/brands.ts';
import { readTrafficRequest, type TrafficRequest } from '../src/protocols/traffic/flow.ts';
import { overlayHash } from '../src/protocols/traffic/inputs.ts';
import { createSigner, createVerifier } from '../src/runtime/adapters/ed25519.ts';
import { openLmdbStore } from '../src/runtime/adapters/lmdb-store.ts';
import { readPolicyPack } from '../src/runtime/adapters/policy-pack.ts';
import { quantile, report, rounded } from './support/results.ts';

const singles = 2_000;
const batches = 200;
const batchSize = 500;
const chain = chainId('ab'.repeat(32));
const pack = readPolicyPack(join(import.meta.dirname, '..', 'packs', 'default'));
const now = Date.parse(`${pack.asOf}T12:00:00Z`);

const destinations = ['FR', 'FR', 'FR', 'IT', 'ES', 'NL', 'CN', 'IE'] as const;
const purposes = ['service-provision', 'payment', 'security', 'analytics'] as const;
const classifications = ['Internal', 'Confidential'] as const;

/** Of 64 flows; every one under a request id of its own. */
const requestOf = (name: string, i: number): TrafficRequest =>
  readTrafficRequest({
    requestId: `${name}-${i}`,
    flow: {
      subject: { tenant: `tenant-${i % 4}`, workload: 'orders' },
      ...{ operation: 'transfer', classification: classifications[(i >> 5) & 1], contents: ['personal'] },
      purpose: purposes[(i >> 3) & 3],
      source: { country: 'DE' },
      destination: { country: i % 97 === 0 ? 'US' : destinations[i & 7] },
      bases: i % 97 === 0 ? ['dpf'] : ['contract'],
    },
  });

async function openBenchLight(directory: string): Promise<{ light: Light; close: () => Promise<void> }> {
  const verifier = createVerifier();
  const store = openLmdbStore({ directory, schema: { kind: 'traffic', version: 1, chainId: chain } });
  const signer = createSigner(new Uint8Array(32).fill(7));
  const log = await DecisionLog.open({ store, chainId: chain, signer, anchor: null });
  const inForce = putInForce(pack.set, pack.facts, pack.asOf);
  const facts: ChainFacts = {
    ...{ height: 1, stateTime: now, stateAgeMsMax: 30_000 },
    policy: {
      ...{ inForce, overlayHash: overlayHash(emptyOverlay), tenantSets: new Map() },
      ...{ missingTenants: new Set(), outsideOf: () => undefined },
    },
    ...{ constraintsOf: () => [], isSuspended: () => false, hasRole: () => false },
    lease: () => ({ total: 0, granted: 0 }),
  };
  const light = new Light(
    {
      ...{ chainId: chain, store, log, salt: '5a'.repeat(32), quarantineMax: 1_000_000 },
      check: (key, message, signature) => verifier.verify(key, message, signature),
    },
    facts,
  );
  return { light, close: () => store.close() };
}

const decideAt = (light: Light, request: TrafficRequest): unknown =>
  light.decide(request, { caller: null, now, isLate: false });

async function oneByOne(light: Light): Promise<readonly number[]> {
  const elapsedMs: number[] = [];
  for (let i = 0; i < singles; i++) {
    const request = requestOf('single', i);
    const from = performance.now();
    decideAt(light, request);
    await light.log.durable();
    elapsedMs.push(performance.now() - from);
  }
  return elapsedMs;
}

interface Rate {
  readonly perSecond: number;
  /** µs a decision, of all threads. */
  readonly cpuMicroseconds: number;
  readonly bytes: number;
}

/** Batches follow one another without waiting for the disk, as they do under load; two are under way at most. */
async function inBatches(light: Light, name: string): Promise<Rate> {
  const requests = Array.from({ length: batches * batchSize }, (_, i) => requestOf(name, i));
  const cpu = process.cpuUsage();
  const from = performance.now();
  let last: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < requests.length; i += batchSize) {
    for (const request of requests.slice(i, i + batchSize)) decideAt(light, request);
    const durable = light.log.durable();
    await last;
    last = durable;
  }
  await last;
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const bytes = light.log.entry(light.log.head.size - 1)?.bytes.length ?? 0;
  return { perSecond: requests.length / seconds, cpuMicroseconds: (user + system) / requests.length, bytes };
}

/** ms of one write with fdatasync. */
function syncAlone(directory: string, bytes: number, count: number): readonly number[] {
  const file = openSync(join(directory, 'peer'), 'w');
  const content = new Uint8Array(bytes);
  return Array.from({ length: count }, () => {
    const from = performance.now();
    writeSync(file, content);
    fdatasyncSync(file);
    return performance.now() - from;
  });
}

export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bpci-bench-traffic-'));
  try {
    const { light, close } = await openBenchLight(join(directory, 'log'));
    await inBatches(light, 'warm-up');
    const rate = await inBatches(light, 'batch');
    const single = await oneByOne(light);
    const peer = syncAlone(directory, rate.bytes, singles);
    await close();
    const p99 = rounded(quantile(single, 0.99), 3);
    const row = (what: string, values: readonly number[]): object => ({
      what,
      'p50 ms': rounded(quantile(values, 0.5), 3),
      'p99 ms': rounded(quantile(values, 0.99), 3),
    });
    report('traffic', `Decisions in process, durable; an entry of ${rate.bytes} bytes`, {
      settings: { singles, batches, batchSize, cpuMicroseconds: rounded(rate.cpuMicroseconds, 1) },
      rows: [
        row('one decision, durable', single),
        row('fdatasync alone, as many bytes', peer),
        {
          what: `batches of ${batchSize}`,
          'per second': Math.round(rate.perSecond),
          'µs CPU each': rounded(rate.cpuMicroseconds, 1),
        },
      ],
      judgements: [
        { what: 'p99 ms of one decision', measured: p99, target: '≤ 2', met: p99 <= 2 },
        {
          what: 'decisions a second in batches',
          measured: Math.round(rate.perSecond),
          target: '≥ 50000',
          met: rate.perSecond >= 50_000,
        },
      ],
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
