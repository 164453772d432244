// Signatures and verifiable random functions: operations a second. The peer, @noble, runs in the same rounds. `loop` is
// how long one operation keeps the event loop busy: what it costs everything else in the process.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import * as noble from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { fromHex, uint64Key } from '../src/protocols/shared/bytes.ts';
import { vrfProve, vrfSecret, vrfVerify } from '../src/protocols/shared/ecvrf.ts';
import { createSigner, createVerifier, isAdmissibleKey, verifyReference } from '../src/runtime/adapters/ed25519.ts';
import type { SignedItem } from '../src/runtime/ports/signer.ts';

interface Subject {
  readonly name: string;
  readonly count: number;
  /** Does `count` operations. */
  readonly work: () => void | Promise<void>;
}

interface Row {
  readonly name: string;
  /** Medians over the rounds. */
  readonly perSecond: number;
  readonly microseconds: number;
  readonly loopMicroseconds: number;
}

const rounds = 9;
const messageBytes = 200;
const keyCount = 100;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

function must(holds: boolean): void {
  if (!holds) throw new Error('a valid signature was refused');
}

function makeSubjects(): Subject[] {
  noble.hashes.sha512 = sha512;
  const seeds = Array.from({ length: keyCount }, (_, index) => new Uint8Array(32).fill(index + 1));
  const signers = seeds.map((seed) => createSigner(seed));
  const items: SignedItem[] = [];
  for (let i = 0; i < 1000; i++) {
    const signer = signers[i % keyCount] as (typeof signers)[0];
    const message = new Uint8Array(messageBytes).fill(i);
    items.push({ key: signer.publicKey, message, signature: signer.sign(message) });
  }
  const verifier = createVerifier();
  const each = (count: number, action: (item: SignedItem, index: number) => void) => (): void => {
    for (let i = 0; i < count; i++) action(items[i] as SignedItem, i);
  };
  const secret = vrfSecret(new Uint8Array(32).fill(9));
  const proofs = Array.from({ length: 40 }, (_, index) => vrfProve(secret, uint64Key(index)).proof);
  return [
    {
      name: 'verify, native',
      count: 1000,
      work: each(1000, (i) => must(verifier.verify(i.key, i.message, i.signature))),
    },
    {
      name: 'verify, pooled batch of 1,000',
      count: 1000,
      work: async () => must((await verifier.verifyMany(items)).every(Boolean)),
    },
    {
      name: 'verify, @noble/ed25519 (peer)',
      count: 60,
      work: each(60, (i) => must(noble.verify(i.signature, i.message, fromHex(i.key), { zip215: false }))),
    },
    {
      name: 'verify, reference with key and R rules',
      count: 30,
      work: each(30, (i) => must(verifyReference(i.key, i.message, i.signature))),
    },
    { name: 'admit a key not seen before', count: 60, work: each(60, (i) => must(isAdmissibleKey(i.key))) },
    { name: 'sign, native', count: 2000, work: () => signMany(signers, 2000) },
    {
      name: 'sign, @noble/ed25519 (peer)',
      count: 100,
      work: each(100, (i, index) => noble.sign(i.message, seeds[index % keyCount] as Uint8Array)),
    },
    { name: 'VRF prove', count: 40, work: () => proofs.forEach((_, index) => vrfProve(secret, uint64Key(index))) },
    {
      name: 'VRF verify',
      count: 40,
      work: () => proofs.forEach((proof, index) => must(vrfVerify(secret.publicKey, uint64Key(index), proof) !== null)),
    },
  ];
}

function signMany(signers: readonly ReturnType<typeof createSigner>[], count: number): void {
  const message = new Uint8Array(messageBytes);
  for (let i = 0; i < count; i++) signers[i % signers.length]?.sign(message);
}

async function measure(subjects: readonly Subject[]): Promise<Row[]> {
  const times = new Map(subjects.map(({ name }) => [name, { wall: [] as number[], loop: [] as number[] }]));
  // The first round warms the compiler up and fills the key cache; it is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, count, work } of subjects) {
      await new Promise((resolve) => setImmediate(resolve));
      const busyBefore = performance.eventLoopUtilization();
      const start = performance.now();
      await work();
      const wall = performance.now() - start;
      // Work within one turn keeps the loop busy from beginning to end; the counter only sees it when the turn is over.
      const pooled = name.includes('pooled');
      const busy = pooled ? performance.eventLoopUtilization(busyBefore).active : wall;
      if (round === 0) continue;
      times.get(name)?.wall.push((wall / count) * 1000);
      times.get(name)?.loop.push((busy / count) * 1000);
    }
  }
  return [...times].map(([name, { wall, loop }]) => ({
    name,
    perSecond: 1e6 / median(wall),
    microseconds: median(wall),
    loopMicroseconds: median(loop),
  }));
}

export async function run(): Promise<void> {
  const rows = await measure(makeSubjects());
  console.log(
    `ed25519 and ECVRF, messages of ${messageBytes} bytes, ${availableParallelism()} processors, median of ${rounds}`,
  );
  console.table(
    rows.map(({ name, perSecond, microseconds, loopMicroseconds }) => ({
      what: name,
      'a second': Math.round(perSecond),
      'µs each': microseconds.toFixed(1),
      'µs of the loop': loopMicroseconds.toFixed(1),
    })),
  );
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const report = { rounds, messageBytes, processors: availableParallelism(), node: process.version, rows };
  writeFileSync(join(results, 'ed25519.json'), `${JSON.stringify(report, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
