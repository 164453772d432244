/**
 * From a quorum being pairwise linked again to the next block on all of it: seven validators whose rounds an outage has
 * scattered, the next f proposers dead. Production actors, links and consensus on virtual time, so that what is measured
 * is the protocol's waiting and not the machine; frames take 20 ms. Worst of twenty outages.
 */
import { pathToFileURL } from 'node:url';
import { proposerOfRound } from '../src/protocols/ibft/draft.ts';
import { faultyCountMax } from '../src/protocols/ledger/validator-set.ts';
import { round as toRound } from '../src/protocols/shared/brands.ts';
import { SeededRandom } from '../src/simulated.ts';
import { VirtualNetwork, type VirtualNode } from '../test/system/virtual-network.ts';
import { median, report, rounded } from './support/results.ts';

const validators = 7;
const outages = 20;
const blockTimeMs = 2_000;
const roundTimeoutBaseMs = 1_000;
const delayMs = 20;
const faulty = faultyCountMax(validators);
const boundMs = 2 * blockTimeMs + (faulty + 1) * roundTimeoutBaseMs;

const below = (random: SeededRandom, limit: number): number => Math.floor(random.fraction() * limit);

function shuffled(random: SeededRandom): readonly number[] {
  return Array.from({ length: validators }, (_, node) => ({ node, place: random.fraction() }))
    .sort((a, b) => a.place - b.place)
    .map(({ node }) => node);
}

/** Everybody hears two neighbours on each side of a ring: rounds go on, and no quorum is pairwise linked. */
function ring(random: SeededRandom): (a: number, b: number) => boolean {
  const order = shuffled(random);
  return (a, b) => {
    const apart = Math.abs(order.indexOf(a) - order.indexOf(b));
    return Math.min(apart, validators - apart) <= 2;
  };
}

/** Rings for a while, then one validator after the other is left alone wherever it is. */
async function scatter(network: VirtualNetwork, random: SeededRandom): Promise<void> {
  for (let phase = 0; phase < 6; phase++) {
    network.connect(ring(random));
    await network.pass(1_000 + below(random, 4_000));
  }
  const mayTalk = ring(random);
  const alone = new Set<number>();
  for (const node of shuffled(random)) {
    alone.add(node);
    network.connect((a, b) => !alone.has(a) && !alone.has(b) && mayTalk(a, b));
    await network.pass(below(random, 3_000));
  }
}

/** Who proposes in the f rounds after the highest that anybody has reached. */
function nextProposers(network: VirtualNetwork): readonly VirtualNode[] {
  const machines = network.nodes.map((node) => network.machine(node));
  const height = Math.max(...machines.map(({ facts }) => facts.height));
  const [highest] = machines.filter(({ facts }) => facts.height === height).sort((a, b) => b.round - a.round);
  if (highest === undefined) throw new Error('nobody runs');
  return Array.from({ length: faulty }, (_, ahead) => {
    const index = proposerOfRound(highest, toRound(highest.round + 1 + ahead));
    const key = highest.facts.set.validators[index]?.publicKey;
    const node = network.nodes.find((running) => running.key === key);
    if (node === undefined) throw new Error('a proposer does not run');
    return node;
  });
}

interface Row {
  readonly outage: number;
  readonly rounds: string;
  readonly recoveryMs: number;
}

async function measure(outage: number): Promise<Row> {
  const random = new SeededRandom(`recovery/${outage}`);
  const seed = `recovery-network/${outage}`;
  const network = new VirtualNetwork({ seed, validators, blockTimeMs, roundTimeoutBaseMs, delayMs });
  try {
    await network.start();
    await network.runUntil(() => network.nodes.every(({ chain }) => chain.tip.height >= 2), 60_000);
    await scatter(network, random);
    for (const node of nextProposers(network)) await network.crash(node);
    const rounds = network.nodes.map((node) => network.machine(node).round).join(' ');
    network.connect(() => true);
    await network.runUntil(() => network.isMeshed(), 60_000);
    const tip = Math.max(...network.nodes.map(({ chain }) => chain.tip.height));
    const isDecided = (): boolean => network.nodes.every(({ chain }) => chain.tip.height > tip);
    const recoveryMs = await network.runUntil(isDecided, 120_000);
    if (recoveryMs === null) throw new Error(`outage ${outage}: no block within two minutes`);
    return { outage, rounds, recoveryMs: rounded(recoveryMs, 0) };
  } finally {
    await network.close();
  }
}

export async function run(): Promise<void> {
  const rows: Row[] = [];
  for (let outage = 1; outage <= outages; outage++) rows.push(await measure(outage));
  const times = rows.map(({ recoveryMs }) => recoveryMs);
  const worst = Math.max(...times);
  report('recovery', 'Linked quorum to next block after scattered rounds, next f proposers dead', {
    settings: { validators, outages, blockTimeMs, roundTimeoutBaseMs, delayMs, medianMs: median(times) },
    rows,
    judgements: [{ what: 'worst, ms', measured: worst, target: `<= ${boundMs}`, met: worst <= boundMs }],
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
