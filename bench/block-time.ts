/**
 * From a block's time (when its proposer may make it) to its being stored as final, on every validator: seven processes,
 * blocks every two seconds, a light load.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { BpciClient, TransferSource } from './support/bpci-load.ts';
import { ProcessNetwork } from './support/process-network.ts';
import { median, quantile, report, rounded } from './support/results.ts';

const validators = 7;
const blockTimeMs = 2_000;
const warmUpBlocks = 5;
const blocks = 40;
/** Transactions handed in every 100 ms. */
const perTick = 10;
const tickMs = 100;

export async function run(): Promise<void> {
  const source = new TransferSource(500);
  const parameters = { blockTimeMs };
  const network = await ProcessNetwork.start({ validators, parameters, accounts: source.keys });
  const clients = network.nodes.map(({ endpoint }) => new BpciClient(endpoint));
  try {
    source.fill(network.chainId, ((blocks + warmUpBlocks + 5) * blockTimeMs * perTick) / tickMs);
    const [first] = clients as [BpciClient];
    let turn = 0;
    while ((await first.height()) < blocks + warmUpBlocks) {
      await clients[turn++ % validators]?.submitBatch(source.take(perTick));
      await delay(tickMs);
    }
    const delaysMs: number[] = [];
    const gapsMs: number[] = [];
    let transactions = 0;
    let laterRounds = 0;
    for (let height = warmUpBlocks + 1; height <= blocks + warmUpBlocks; height++) {
      for (const [index, client] of clients.entries()) {
        const block = await client.block(height);
        const before = await client.block(height - 1);
        if (block === null || before === null || block.storedAt === null) continue;
        delaysMs.push(block.storedAt - block.header.time);
        if (index > 0) continue;
        gapsMs.push(block.header.time - before.header.time);
        transactions += block.transactions.length;
        if (block.commit.round > 0) laterRounds += 1;
      }
    }
    const p99 = quantile(delaysMs, 0.99);
    report('block-time', 'Block time to final, seven processes, blocks every 2 s', {
      settings: { validators, blockTimeMs, blocks, perTick, tickMs },
      rows: [
        {
          samples: delaysMs.length,
          p50Ms: median(delaysMs),
          p90Ms: quantile(delaysMs, 0.9),
          p99Ms: p99,
          maxMs: Math.max(...delaysMs),
          blockIntervalP50Ms: median(gapsMs),
          laterRounds,
          transactionsPerBlock: rounded(transactions / blocks),
        },
      ],
      judgements: [{ what: 'p99, ms', measured: p99, target: `< ${blockTimeMs}`, met: p99 < blockTimeMs }],
    });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await network.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
