/**
 * How long a block's state update takes, by the number of keys in the state (10^3 to 10^6): 400 changed keys, a tenth of
 * them new, which is a block of 200 transfers.
 *
 * - memory: `updateTree` over records in a Map: hashing, sorting, encoding.
 * - store: the same over the node's own store, and the commit of its records (not durable) beside it.
 * - peer: a plain binary sparse Merkle tree in memory, one record a level and one key at a time, as it is usually
 *   written; same roots, checked. Left out at 10^6 keys, where it takes minutes to fill.
 *
 * All take turns in one process, so that a ratio holds on a noisy machine.
 */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { hashInner } from '../src/protocols/ledger/merkle-hash.ts';
import {
  type RootRef,
  type StateChange,
  type TreeReader,
  type TreeUpdate,
  updateTree,
} from '../src/protocols/ledger/state-tree.ts';
import { stateLeafHash, statePath } from '../src/protocols/ledger/state-tree-build.ts';
import { equalBytes, toHex, uint64Key } from '../src/protocols/shared/bytes.ts';
import { openLmdbStore } from '../src/runtime/adapters/lmdb-store.ts';

const changedKeys = 400;
const newKeys = 40;
const rounds = 15;
const fillBatch = 20_000;
const sizes = [1e3, 1e4, 1e5, 1e6];
const peerSizeMax = 1e5;
const valueBytes = 64;

const keyOf = (n: number): Uint8Array => Buffer.concat([Buffer.from('accounts/account/'), uint64Key(n), uint64Key(n)]);
const valueOf = (n: number): Uint8Array => Buffer.alloc(valueBytes, n % 251);

/** A tree with its records somewhere. */
interface Tree extends TreeReader {
  rootRef: RootRef;
  write(update: TreeUpdate): void;
}

class MemoryTree implements Tree {
  readonly #nodes = new Map<string, Uint8Array>();
  rootRef: RootRef = null;

  #name(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
  }

  node(key: Uint8Array): Uint8Array | undefined {
    return this.#nodes.get(this.#name(key));
  }

  write({ rootRef, nodeWrites, staleNodes }: TreeUpdate): void {
    this.rootRef = rootRef;
    for (const { key, value } of nodeWrites) this.#nodes.set(this.#name(key), value);
    for (const key of staleNodes) this.#nodes.delete(this.#name(key));
  }
}

/** The usual shape: a Map from a node's hash to its children or its leaf. */
class PlainTree {
  readonly #nodes = new Map<string, readonly [Uint8Array, Uint8Array] | Uint8Array>();
  root: Uint8Array = new Uint8Array(32);

  set(key: Uint8Array, value: Uint8Array): void {
    const path = statePath(key);
    const leaf = stateLeafHash(path, value);
    this.#nodes.set(toHex(leaf), path);
    this.root = this.#insert(this.root, path, leaf, 0);
  }

  #bit(path: Uint8Array, depth: number): number {
    return ((path[depth >> 3] as number) >> (7 - (depth & 7))) & 1;
  }

  #insert(at: Uint8Array, path: Uint8Array, leaf: Uint8Array, depth: number): Uint8Array {
    const node = this.#nodes.get(toHex(at));
    if (node === undefined) return leaf;
    const empty = new Uint8Array(32);
    let children: readonly [Uint8Array, Uint8Array];
    if (node instanceof Uint8Array) {
      if (equalBytes(node, path)) return leaf;
      children = this.#bit(node, depth) === 0 ? [at, empty] : [empty, at];
    } else children = node;
    const [left, right] = children;
    const next: readonly [Uint8Array, Uint8Array] =
      this.#bit(path, depth) === 0
        ? [this.#insert(left, path, leaf, depth + 1), right]
        : [left, this.#insert(right, path, leaf, depth + 1)];
    const hash = hashInner(...next);
    this.#nodes.set(toHex(hash), next);
    return hash;
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

function timed<T>(times: number[], work: () => T): T {
  const start = performance.now();
  const result = work();
  times.push(performance.now() - start);
  return result;
}

/** The changes of one block: keys spread over the state by a multiplicative step, and some new ones. */
function blockOf(round: number, size: number): StateChange[] {
  const changes: StateChange[] = [];
  for (let i = 0; i < changedKeys - newKeys; i++) {
    changes.push({
      key: keyOf((i * 2_654_435_761 + round * 7919) % size),
      value: valueOf(round * changedKeys + i + 1),
    });
  }
  for (let i = 0; i < newKeys; i++) changes.push({ key: keyOf(size + round * newKeys + i), value: valueOf(i) });
  return [...new Map(changes.map((change) => [toHex(change.key), change])).values()];
}

interface Row {
  readonly keys: number;
  readonly changed: number;
  readonly memoryMs: number;
  readonly storeMs: number;
  readonly commitMs: number;
  readonly peerMs: number | null;
  readonly writes: number;
  readonly reads: number;
  readonly kilobytes: number;
}

async function measure(size: number, directory: string): Promise<Row> {
  const store = openLmdbStore({ directory, schema: { kind: 'bench', version: 1 } });
  const memory = new MemoryTree();
  const plain = size <= peerSizeMax ? new PlainTree() : null;
  const commit = ({ nodeWrites, staleNodes }: TreeUpdate): void =>
    store.commit([
      ...nodeWrites.map((write) => ({ table: 'tree', ...write })),
      ...staleNodes.map((key) => ({ table: 'tree', key, value: null })),
    ]);
  let version = 0;
  for (let from = 0; from < size; from += fillBatch) {
    const changes = Array.from({ length: Math.min(fillBatch, size - from) }, (_, i) => ({
      key: keyOf(from + i),
      value: valueOf(from + i),
    }));
    const update = updateTree(memory, memory.rootRef, version++, changes);
    memory.write(update);
    commit(update);
    await store.durable();
    if (plain !== null) for (const { key, value } of changes) plain.set(key, value);
  }
  let reads = 0;
  const stored: TreeReader = {
    node: (key) => {
      reads += 1;
      return store.get('tree', key);
    },
  };
  const times = { memory: [] as number[], store: [] as number[], commit: [] as number[], peer: [] as number[] };
  const counts = { writes: [] as number[], reads: [] as number[], bytes: [] as number[], changed: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const changes = blockOf(round, size);
    reads = 0;
    const inStore = timed(times.store, () => updateTree(stored, memory.rootRef, version, changes));
    const update = timed(times.memory, () => updateTree(memory, memory.rootRef, version, changes));
    timed(times.commit, () => {
      commit(inStore);
    });
    await store.durable();
    memory.write(update);
    version += 1;
    if (plain !== null) {
      timed(times.peer, () => {
        for (const { key, value } of changes) plain.set(key, value as Uint8Array);
      });
      if (toHex(plain.root) !== update.root) throw new Error('the peer has another root');
    }
    if (inStore.root !== update.root) throw new Error('the store has another root');
    counts.writes.push(update.nodeWrites.length);
    counts.reads.push(reads);
    counts.bytes.push(update.nodeWrites.reduce((sum, { key, value }) => sum + key.length + value.length, 0));
    counts.changed.push(changes.length);
  }
  await store.close();
  return {
    keys: size,
    changed: median(counts.changed),
    memoryMs: median(times.memory),
    storeMs: median(times.store),
    commitMs: median(times.commit),
    peerMs: plain === null ? null : median(times.peer),
    writes: median(counts.writes),
    reads: median(counts.reads),
    kilobytes: median(counts.bytes) / 1024,
  };
}

export async function run(): Promise<void> {
  const rows: Row[] = [];
  for (const size of sizes) {
    const directory = mkdtempSync(join(tmpdir(), 'bench-state-tree-'));
    try {
      rows.push(await measure(size, directory));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  console.log(`State update of ${changedKeys} changed keys, median of ${rounds}, milliseconds`);
  console.table(
    rows.map((row) => ({
      keys: row.keys,
      changed: row.changed,
      memory: row.memoryMs.toFixed(2),
      store: row.storeMs.toFixed(2),
      commit: row.commitMs.toFixed(2),
      peer: row.peerMs?.toFixed(2) ?? '–',
      'records written': row.writes,
      'a key': (row.writes / row.changed).toFixed(2),
      'records read': row.reads,
      KiB: row.kilobytes.toFixed(0),
    })),
  );
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'state-tree.json'), `${JSON.stringify({ changedKeys, rounds, rows }, null, 2)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
