/**
 * What a message, a question and an actor cost within one process. Every peer does every subject, in turns within one
 * process, so that a ratio holds on a noisy machine; the median of the rounds is shown. A peer with slow turns is given
 * fewer messages; all figures are per second.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Peer, peers } from './actors-local-peers.ts';

const rounds = 5;
const senders = 8;
const memorySizes = [1_000, 10_000, 100_000];

interface Subject {
  readonly name: string;
  readonly count: number;
  readonly target: number | null;
  readonly work: (peer: Peer, count: number) => unknown;
}

const subjects: readonly Subject[] = [
  { name: 'one-way, batched', count: 400_000, target: 5_000_000, work: (peer, count) => peer.oneWay(count) },
  { name: 'one-way, unbatched', count: 200_000, target: 1_000_000, work: (peer, count) => peer.pingPong(count) },
  { name: 'fan-in of 8', count: 400_000, target: null, work: (peer, count) => peer.fanIn(count, senders) },
  { name: 'ask, 100 in flight', count: 100_000, target: 300_000, work: (peer, count) => peer.ask(count, 100) },
  { name: 'ask, one at a time', count: 50_000, target: null, work: (peer, count) => peer.ask(count, 1) },
  { name: 'spawn', count: 20_000, target: 150_000, work: (peer, count) => peer.spawn(count) },
];

/** Of a kind whose turns take microseconds: a tenth of the messages is enough to tell. */
const shareOf = (name: string): number => (name === 'nact alone' ? 0.1 : 1);

interface Row {
  readonly subject: string;
  readonly target: number | null;
  readonly perSecond: Record<string, number>;
}

async function measure(subject: Subject): Promise<Row> {
  const samples = new Map<string, number[]>(peers.map(({ name }) => [name, []]));
  // One more round, the first, warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, create } of peers) {
      const peer = create();
      const count = subject.name === 'spawn' ? subject.count : subject.count * shareOf(name);
      const startMs = performance.now();
      await subject.work(peer, count);
      const seconds = (performance.now() - startMs) / 1_000;
      if (round > 0) samples.get(name)?.push(count / seconds);
      await peer.close();
    }
  }
  const perSecond = Object.fromEntries([...samples].map(([name, rates]) => [name, Math.round(median(rates))]));
  return { subject: subject.name, target: subject.target, perSecond };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

interface MemoryRow {
  readonly actors: number;
  /** Each has handled one message before it is weighed. */
  readonly woken: boolean;
  readonly bytesEach: Record<string, number>;
}

/** In a function of its own, so that nothing of one peer is still held when the next is weighed. */
async function weigh(create: () => Peer, { actors, woken }: Omit<MemoryRow, 'bytesEach'>): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const peer = create();
  // The peer before may have left macrotasks that hold its actors.
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = peer.spawn(actors, woken);
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  // Looked at after the reading: the actors must still have been there.
  if (!Array.isArray(kept) || kept.length !== actors) throw new Error('the peer keeps no actors');
  await peer.close();
  return Math.round(bytes / actors);
}

async function measureMemory(actors: number, woken: boolean): Promise<MemoryRow> {
  const bytesEach: Record<string, number> = {};
  for (const { name, create } of peers) bytesEach[name] = await weigh(create, { actors, woken });
  return { actors, woken, bytesEach };
}

function report(rows: readonly Row[], memory: readonly MemoryRow[]): void {
  const [ours, ...others] = peers.map(({ name }) => name) as [string, ...string[]];
  console.log(`Actors within one process, thousands a second, median of ${rounds} rounds`);
  console.table(
    rows.map(({ subject, target, perSecond }) => ({
      subject,
      ...Object.fromEntries(Object.entries(perSecond).map(([name, rate]) => [name, Math.round(rate / 1_000)])),
      target: target === null ? '–' : target / 1_000,
      met: target === null ? '–' : (perSecond[ours] ?? 0) >= target ? 'yes' : 'NO',
      ...Object.fromEntries(
        others.map((name) => [`× ${name}`, ((perSecond[ours] ?? 0) / (perSecond[name] ?? 1)).toFixed(2)]),
      ),
    })),
  );
  console.log('Heap of an idle actor, bytes (target: at most 2,048)');
  console.table(memory.map(({ actors, woken, bytesEach }) => ({ actors, woken, ...bytesEach })));
}

export async function run(): Promise<void> {
  const rows: Row[] = [];
  for (const subject of subjects) rows.push(await measure(subject));
  const memory: MemoryRow[] = [];
  for (const woken of [false, true]) {
    for (const size of memorySizes) memory.push(await measureMemory(size, woken));
  }
  report(rows, memory);
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const about = { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length, rounds };
  const targets = { idleActorBytesMax: 2_048 };
  writeFileSync(join(results, 'actors-local.json'), `${JSON.stringify({ about, targets, rows, memory }, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
