/**
 * From handing in one transaction to its being final on the node that took it: seven processes, blocks on demand, an idle
 * network each time. CometBFT (kvstore, seven validators, its own `broadcast_tx_commit`) takes turns with us.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { BpciClient, TransferSource } from './support/bpci-load.ts';
import { CometClient, CometNetwork, cometSettings, cometVersion, findComet } from './support/comet-network.ts';
import { ProcessNetwork } from './support/process-network.ts';
import { type Judgement, median, quantile, report, rounded } from './support/results.ts';

const validators = 7;
const rounds = 8;
const perRound = 28;
/** One after the other before the first round: a node's hot paths are compiled after some hundred blocks. */
const warmUp = 420;
/** Between two transactions, so that each meets an idle network. */
const pauseMs = 60;
const targetMs = 50;

interface Contender {
  readonly name: string;
  /** Turns go round the validators. */
  submit(turn: number): Promise<void>;
  close(): Promise<void>;
}

async function startOurs(): Promise<Contender> {
  const source = new TransferSource(100);
  const network = await ProcessNetwork.start({ validators, parameters: {}, accounts: source.keys });
  source.fill(network.chainId, warmUp + rounds * perRound);
  const clients = network.nodes.map(({ endpoint }) => new BpciClient(endpoint));
  return {
    name: 'bpci',
    submit: async (turn) => {
      const [transaction] = source.take(1);
      if (transaction !== undefined) await clients[turn % validators]?.submitFinal(transaction);
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await network.close();
    },
  };
}

async function startComet(program: string): Promise<Contender> {
  const network = await CometNetwork.start(program, validators);
  const clients = network.endpoints.map((endpoint) => new CometClient(endpoint));
  return {
    name: 'CometBFT',
    submit: async (turn) => {
      const text = `${randomBytes(16).toString('hex')}=${'x'.repeat(167)}`;
      await clients[turn % validators]?.submitFinal(Buffer.from(text));
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await network.close();
    },
  };
}

async function measureRound(contender: Contender): Promise<number[]> {
  const timesMs: number[] = [];
  for (let turn = 0; turn < perRound; turn++) {
    await delay(pauseMs);
    const startMs = performance.now();
    await contender.submit(turn);
    timesMs.push(performance.now() - startMs);
  }
  return timesMs;
}

function judge(samples: ReadonlyMap<string, readonly number[]>): readonly Judgement[] {
  const ours = rounded(median(samples.get('bpci') ?? []));
  const judgements = [{ what: 'p50, ms', measured: ours, target: `<= ${targetMs}`, met: ours <= targetMs }];
  const peer = samples.get('CometBFT');
  if (peer !== undefined) {
    const theirs = rounded(median(peer));
    judgements.push({
      what: 'p50 against CometBFT, ms',
      measured: ours,
      target: `<= ${theirs}`,
      met: ours <= theirs,
    });
  }
  return judgements;
}

export async function run(): Promise<void> {
  const program = findComet();
  const contenders: Contender[] = [];
  const samples = new Map<string, number[]>();
  try {
    contenders.push(await startOurs());
    if (program !== null) contenders.push(await startComet(program));
    for (const contender of contenders) {
      for (let turn = 0; turn < warmUp; turn++) await contender.submit(turn);
    }
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        const timesMs = await measureRound(contender);
        samples.set(contender.name, [...(samples.get(contender.name) ?? []), ...timesMs]);
      }
    }
  } finally {
    for (const contender of contenders) await contender.close();
  }
  const rows = [...samples].map(([name, timesMs]) => ({
    name,
    samples: timesMs.length,
    p50Ms: rounded(median(timesMs)),
    p90Ms: rounded(quantile(timesMs, 0.9)),
    p99Ms: rounded(quantile(timesMs, 0.99)),
    minMs: rounded(quantile(timesMs, 0)),
  }));
  const settings = { validators, rounds, perRound, warmUp, pauseMs, cometVersion, cometSettings };
  report('ibft-finality', 'Submit to final, seven processes, blocks on demand', {
    settings,
    rows,
    judgements: judge(samples),
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
