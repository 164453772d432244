/**
 * Finalised transactions a second under as much load as the network takes: signed transfers of about 200 bytes with us,
 * unsigned `key=value` pairs of 200 bytes with CometBFT's kvstore. Each contender in turn keeps a window of transactions
 * under way, handed to all validators in batches; what is final is counted from the blocks of one of them.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { BpciClient, TransferSource } from './support/bpci-load.ts';
import { CometClient, CometNetwork, cometSettings, cometVersion, findComet } from './support/comet-network.ts';
import { ProcessNetwork } from './support/process-network.ts';
import { type Judgement, median, report, rounded } from './support/results.ts';

const sizes = [4, 7];
/** Transactions under way; the best window of each contender counts. */
const windows = [1_000, 4_000];
const batchSize = 200;
const rounds = 3;
const roundMs = 6_000;
/** More than a round can take. */
const stock = 40_000;
const accounts = 1_000;
/** As CometBFT's proposal time-out: a machine that is saturated on purpose must not lose rounds for it. */
const roundTimeoutBaseMs = 3_000;

interface Contender {
  readonly name: string;
  /** Makes ready what a round may need. */
  prepare(): void;
  /** Hands a batch to one of the validators. */
  submit(turn: number): Promise<void>;
  /** Transactions that became final since the last call. */
  countFinal(): Promise<number>;
  close(): Promise<void>;
}

async function startOurs(validators: number): Promise<Contender> {
  const source = new TransferSource(accounts);
  const network = await ProcessNetwork.start({ validators, parameters: { roundTimeoutBaseMs }, accounts: source.keys });
  const clients = network.nodes.map(({ endpoint }) => new BpciClient(endpoint));
  const observer = clients[0] as BpciClient;
  let height = await observer.height();
  return {
    name: 'bpci',
    prepare: () => source.fill(network.chainId, stock),
    submit: async (turn) => clients[turn % validators]?.submitBatch(source.take(batchSize)),
    countFinal: async () => {
      let count = 0;
      for (const last = await observer.height(); height < last; height++) {
        count += (await observer.block(height + 1))?.transactions.length ?? 0;
      }
      return count;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await network.close();
    },
  };
}

async function startComet(program: string, validators: number): Promise<Contender> {
  const network = await CometNetwork.start(program, validators);
  const clients = network.endpoints.map((endpoint) => new CometClient(endpoint));
  const observer = clients[0] as CometClient;
  const value = 'x'.repeat(167);
  let height = await observer.height();
  return {
    name: 'CometBFT',
    prepare: () => undefined,
    submit: async (turn) => {
      const batch = Array.from({ length: batchSize }, () => Buffer.from(`${randomBytes(16).toString('hex')}=${value}`));
      await clients[turn % validators]?.submitBatch(batch);
    },
    countFinal: async () => {
      let count = 0;
      for (const last = await observer.height(); height < last; ) {
        const to = Math.min(last, height + 20);
        count += await observer.transactionsIn(height + 1, to);
        height = to;
      }
      return count;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await network.close();
    },
  };
}

/** Finalised transactions a second over one round. */
async function measureRound(contender: Contender, window: number): Promise<number> {
  contender.prepare();
  await contender.countFinal();
  const startMs = performance.now();
  let [submitted, final, turn, lastFinalMs] = [0, 0, 0, startMs];
  const inFlight = new Set<Promise<void>>();
  const isOver = (): boolean => performance.now() - startMs > roundMs;
  // After the end of the round what is under way is let finish, and counted with the time it takes.
  while (!isOver() || final < submitted) {
    while (!isOver() && submitted - final + batchSize <= window) {
      submitted += batchSize;
      const sending = contender.submit(turn++).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    }
    await delay(20);
    const more = await contender.countFinal();
    if (more > 0) lastFinalMs = performance.now();
    final += more;
    if (performance.now() - startMs > 4 * roundMs) throw new Error(`${contender.name}: ${final} of ${submitted} final`);
  }
  await Promise.all(inFlight);
  return (final * 1000) / (lastFinalMs - startMs);
}

interface Row {
  readonly validators: number;
  readonly name: string;
  readonly window: number;
  readonly perSecond: number;
}

async function measureSize(validators: number, program: string | null): Promise<Row[]> {
  const contenders: Contender[] = [];
  const samples = new Map<string, number[]>();
  try {
    contenders.push(await startOurs(validators));
    if (program !== null) contenders.push(await startComet(program, validators));
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const window of windows) {
        for (const contender of contenders) {
          const perSecond = await measureRound(contender, window);
          const name = `${contender.name} ${window}`;
          if (round > 0) samples.set(name, [...(samples.get(name) ?? []), perSecond]);
        }
      }
    }
  } finally {
    for (const contender of contenders) await contender.close();
  }
  return contenders.flatMap(({ name }) =>
    windows.map((window) => {
      const perSecond = Math.round(median(samples.get(`${name} ${window}`) ?? []));
      return { validators, name, window, perSecond };
    }),
  );
}

export async function run(): Promise<void> {
  const program = findComet();
  const rows: Row[] = [];
  for (const validators of sizes) rows.push(...(await measureSize(validators, program)));
  const best = (validators: number, name: string): number =>
    Math.max(
      0,
      ...rows.filter((row) => row.validators === validators && row.name === name).map((row) => row.perSecond),
    );
  const judgements = sizes.flatMap((validators): Judgement[] => {
    const [ours, theirs] = [best(validators, 'bpci'), best(validators, 'CometBFT')];
    if (program === null) return [];
    const what = `transactions/s, ${validators} validators (${rounded(ours / theirs, 2)} of CometBFT)`;
    return [{ what, measured: ours, target: `>= ${theirs}`, met: ours >= theirs }];
  });
  const settings = { windows, batchSize, rounds, roundMs, accounts, roundTimeoutBaseMs, cometVersion, cometSettings };
  report('ibft-throughput', 'Finalised transactions a second', { settings, rows, judgements });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
