/**
 * A node catches up from its peers, in processes of their own: block by block (every signature checked, every
 * transaction executed) at 200 transactions a block and at full blocks, and by a snapshot of a million keys. The chain is
 * made beforehand and lies on three of four validators; the fourth is the one that catches up.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Application, application } from '../src/protocols/ledger/application.ts';
import { table } from '../src/protocols/ledger/view.ts';
import { bytesMax } from '../src/protocols/shared/codec.ts';
import type { NodeConfig } from '../src/runtime/node-config.ts';
import { BpciClient, TransferSource } from './support/bpci-load.ts';
import { ChainBuilder } from './support/chain-builder.ts';
import { ProcessNetwork } from './support/process-network.ts';
import { type Judgement, report, rounded } from './support/results.ts';

const validators = 4;
const sources = 3;
const accounts = 1_000;
const workloads = [
  { name: '200 transactions a block', transactions: 200, blocks: 150 },
  { name: 'full blocks', transactions: 10_000, blocks: 8 },
] as const;
/** Blocks a second of a chain with a block every 2 s. */
const realTime = 0.5;
const timesRealTimeTarget = 20;

const snapshotKeys = 1_000_000;
const keysPerBlock = 50_000;
/** Enough that a new node prefers a snapshot. */
const snapshotBlocks = 80;
const snapshotTargetMs = 60_000;
const limitMs = 600_000;

const chainDirectory = (config: NodeConfig): string => join(config.dataDir, 'chain');

interface Row {
  readonly what: string;
  readonly blocks: number;
  readonly perBlock: number;
  readonly seconds: number;
  readonly blocksPerSecond: number | null;
  readonly transactionsPerSecond: number | null;
}

/** Copies the chain of the first node to these. */
function copyChain(network: ProcessNetwork, indices: readonly number[]): void {
  const [first] = network.configs;
  for (const index of indices) {
    const config = network.configs[index];
    if (first === undefined || config === undefined) throw new Error('there is no such node');
    cpSync(chainDirectory(first), chainDirectory(config), { recursive: true });
  }
}

async function waitForHeight(client: BpciClient, height: number): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const isThere = await client.height().then(
      (now) => now >= height,
      () => false,
    );
    if (isThere) return;
    if (performance.now() > endMs) throw new Error(`height ${height} was not reached`);
    await delay(20);
  }
}

const others = Array.from({ length: sources - 1 }, (_, i) => i + 1);
const running = Array.from({ length: sources }, (_, i) => i);
const late = sources;

async function measureBlocks({ name, transactions, blocks }: (typeof workloads)[number]): Promise<Row> {
  const source = new TransferSource(accounts);
  const parameters = { emptyBlockPeriodMs: 3_600_000 };
  const network = await ProcessNetwork.prepare({ validators, parameters, accounts: source.keys });
  try {
    const builder = await ChainBuilder.open(network.genesis, network.configs);
    await builder.append([]);
    await builder.close();
    // With one block it is no new node any more, which would ask for a snapshot.
    copyChain(network, [late]);
    const again = await ChainBuilder.open(network.genesis, network.configs);
    let included = 0;
    for (let i = 0; i < blocks; i++) {
      source.fill(network.chainId, transactions);
      included += await again.append(source.take(transactions));
    }
    const { height } = again;
    await again.close();
    copyChain(network, others);
    await network.startNodes(running);
    const node = await network.startNode(late);
    const client = new BpciClient(node.endpoint);
    await waitForHeight(client, height);
    const [first, last] = [await client.block(2), await client.block(height)];
    await client.close();
    // From the first block that was fetched to the last: the start of the process is not in it.
    const seconds = ((last?.storedAt ?? Number.NaN) - (first?.storedAt ?? Number.NaN)) / 1000;
    const blocksPerSecond = (blocks - 1) / seconds;
    return {
      what: name,
      blocks,
      perBlock: Math.round(included / blocks),
      seconds: rounded(seconds, 2),
      blocksPerSecond: rounded(blocksPerSecond, 1),
      transactionsPerSecond: Math.round((blocksPerSecond * included) / blocks),
    };
  } finally {
    await network.close();
  }
}

const fillerTable = table('bench/filler/', bytesMax(64));

/** The application with a module that writes `keysPerBlock` entries in each of the first blocks. */
const fillingApplication: Application = {
  ...application,
  modules: [
    ...application.modules,
    {
      name: 'bench',
      kinds: new Map(),
      endBlock: (view, { height }) => {
        const from = (height - 1) * keysPerBlock;
        for (let i = from; i < Math.min(snapshotKeys, from + keysPerBlock); i++) {
          view.set(fillerTable, String(i).padStart(8, '0'), new Uint8Array(48).fill(i % 251));
        }
      },
    },
  ],
};

async function measureSnapshot(): Promise<Row> {
  const parameters = { emptyBlockPeriodMs: 3_600_000 };
  const network = await ProcessNetwork.prepare({ validators, parameters, historyBlocks: 100 });
  try {
    const builder = await ChainBuilder.open(network.genesis, network.configs, { application: fillingApplication });
    while (builder.height < snapshotBlocks) await builder.append([]);
    await builder.close();
    copyChain(network, others);
    await network.startNodes(running);
    const startMs = performance.now();
    const starting = network.startNode(late);
    const address = network.configs[late]?.apiAddress ?? '';
    const client = new BpciClient(`http://${address}`);
    await waitForHeight(client, snapshotBlocks);
    const seconds = (performance.now() - startMs) / 1000;
    await client.close();
    await starting;
    return {
      what: `snapshot of ${snapshotKeys} keys`,
      blocks: snapshotBlocks,
      perBlock: 0,
      seconds: rounded(seconds, 1),
      blocksPerSecond: null,
      transactionsPerSecond: null,
    };
  } finally {
    await network.close();
  }
}

export async function run(): Promise<void> {
  const rows: Row[] = [];
  for (const workload of workloads) rows.push(await measureBlocks(workload));
  const snapshot = await measureSnapshot();
  rows.push(snapshot);
  const times = rounded((rows[0]?.blocksPerSecond ?? 0) / realTime, 0);
  const snapshotMs = snapshot.seconds * 1000;
  const judgements: Judgement[] = [
    {
      what: 'times real time at 200 transactions a block',
      measured: times,
      target: `>= ${timesRealTimeTarget}`,
      met: times >= timesRealTimeTarget,
    },
    {
      what: 'snapshot, ms',
      measured: snapshotMs,
      target: `<= ${snapshotTargetMs}`,
      met: snapshotMs <= snapshotTargetMs,
    },
  ];
  const settings = { validators, sources, accounts, snapshotKeys, snapshotBlocks, blockEverySecondsInRealTime: 2 };
  report('sync', 'Catching up from peers', { settings, rows, judgements });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
