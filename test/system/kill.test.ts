/**
 * Goal: processes that die at any moment stop neither the chain nor break what was promised.
 * Method: seven validator processes, 200 ms blocks, transfers all the time. Two of seven are ended with kill -9, the
 * proposer of the moment often among them, and come back, BPCI_KILL_ROUNDS times (default 20); then three at once.
 * Afterwards every acknowledged transaction is looked up, blocks are compared on all nodes, and what every validator
 * signed in all its lifetimes is compared with itself.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { faultyCountMax } from '../../src/protocols/ledger/validator-set.ts';
import type { BlockView } from '../../src/runtime/ports/chain-api.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { signers, SystemNetwork } from './harness.ts';
import { Load } from './load.ts';
import type { NodeChild } from './node-child.ts';
import { readSignatures } from './signatures.ts';
import { present, until } from './waiting.ts';

const seed = process.env['BPCI_KILL_SEED'] ?? String(Date.now());
const rounds = Number(process.env['BPCI_KILL_ROUNDS'] ?? 20);
/** Blocks that must be decided without the two, and after their return. */
const progressBlocks = 3;
const blockTimeMs = 200;
/** Hashes in one look-up. */
const lookupCount = 250;
const roundTimeoutBaseMs = 1000;
/** A node that lags by as many starts from a snapshot. */
const snapshotFromBlocks = 80;

/** In every other round one of the two is the proposer of the moment. */
async function chooseVictims(network: SystemNetwork, round: number, random: SeededRandom): Promise<NodeChild[]> {
  const draw = (from: readonly NodeChild[]): NodeChild =>
    present(from[Math.floor(random.fraction() * from.length)], 'victim');
  const { proposer } = await network.node(0).client.consensus();
  const first = round % 2 === 0 ? network.named(proposer) : draw(network.nodes);
  return [first, draw(network.nodes.filter((node) => node !== first))];
}

describe('seven validator processes under load', function () {
  this.timeout(600_000);
  const senders = signers(64);
  let network: SystemNetwork;
  let load: Load;
  let failed = false;

  before(async () => {
    network = await SystemNetwork.create({
      validators: 7,
      parameters: { blockTimeMs, roundTimeoutBaseMs },
      accounts: senders,
    });
    await network.start();
    load = new Load({ chainId: network.chainId, senders, perSecond: 120, nodes: () => network.running });
  });
  afterEach(function () {
    failed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await load.stop();
    await network.close({ keep: failed });
  });

  it(`go on while two of them are killed and restarted, ${rounds} times`, async () => {
    const random = new SeededRandom(seed);
    console.log(`      seed ${seed}`);
    load.start();
    for (let round = 0; round < rounds; round++) {
      const victims = await chooseVictims(network, round, random);
      await Promise.all(victims.map((node) => node.kill()));
      const witness = present(network.running[0], 'survivor');
      const before = await witness.height();
      await witness.reached(before + progressBlocks);
      for (const victim of victims) victim.start();
      await Promise.all(victims.map((victim) => victim.ready()));
    }
    await load.stop();
  });

  it('have one chain, with every transaction that any of them acknowledged', async () => {
    expect(load.acknowledged.length).greaterThan(rounds * 20);
    const last = present(load.acknowledged.at(-1), 'acknowledged transaction');
    const waiting = new Set(load.acknowledged);
    await isFinal(network.node(0), last);
    // What a node acknowledged just before it was killed is offered again when it is back.
    const height = await until('no transaction to wait', async () => {
      const { count } = await network.node(0).client.mempool();
      return count === 0 && (await network.node(0).height());
    });
    const blocks = await network.expectOneChain(height);
    for (const { transactions } of blocks) for (const hash of transactions) waiting.delete(hash);
    // The last ones may have waited with a node that alone had them.
    for (const hash of waiting) await isFinal(network.node(0), hash);
    // Every one of them also by its hash, each on one of the nodes.
    for (let from = 0; from < load.acknowledged.length; from += lookupCount) {
      const hashes = load.acknowledged.slice(from, from + lookupCount);
      const asked = network.node((from / lookupCount) % network.nodes.length);
      const found = await asked.client.lookUp(hashes);
      const missing = found.filter(({ status }) => status !== 'final').map(({ hash, status }) => `${hash} ${status}`);
      expect(missing, `on ${asked.name}`).deep.equal([]);
      expect(found.map(({ hash }) => hash)).deep.equal(hashes);
    }
    const troubles = [...load.troubles].map(([reason, count]) => `${reason} ${count}`).join(', ');
    console.log(`      ${load.acknowledged.length} acknowledged at ${load.rate.toFixed(0)}/s (${troubles}), all final`);
    console.log('      each of them looked up by hash, in turn on all nodes');
    console.log(`      ${height} blocks, the same on all; longest gaps ${longestGaps(blocks)}`);
    if (load.rate < 100) console.log('      this machine is too slow for 100 transactions a second');
  });

  it('stop when three are killed, and go on when one of them is back', async () => {
    const base = roundTimeoutBaseMs;
    const dead = network.nodes.slice(0, 3);
    const alive = network.nodes.slice(3);
    await Promise.all(dead.map((node) => node.kill()));
    // They say it themselves once they are late; what was under way when the three died is decided or not by then.
    const stalled = await Promise.all(alive.map((node) => stalledAt(node)));
    const height = Math.max(...stalled);
    const late = await Promise.all(alive.map((node) => stalledAt(node)));
    expect(Math.max(...late), 'no block is decided by four of seven').equal(height);

    const back = present(dead[0], 'dead node');
    const roundsBefore = await Promise.all(alive.map(async (node) => (await node.client.consensus()).round));
    back.start();
    await linkedToQuorum(back);
    const linkedMs = performance.now();
    await back.reached(height + 1);
    const tookMs = performance.now() - linkedMs;
    const { commit } = await back.client.block(height + 1);
    const faulty = faultyCountMax(network.nodes.length);
    const boundMs = 2 * blockTimeMs + (faulty + 1) * base;
    console.log(`      next block ${tookMs.toFixed(0)} ms after the quorum was linked; the bound is ${boundMs} ms`);
    console.log(`      rounds ${roundsBefore.join(', ')} before, decided in round ${commit.round}`);
    expect(commit.round).at.most(Math.max(...roundsBefore) + faulty + 1);
    expect(tookMs, 'ten times the bound, for a machine that is busy').below(10 * boundMs);
    for (const node of dead.slice(1)) node.start();
    await Promise.all(dead.map((node) => node.ready()));
  });

  it('take one back whose whole directory was wiped: by snapshot, its history filled in', async () => {
    const wiped = network.node(6);
    await wiped.kill();
    rmSync(wiped.config.dataDir, { recursive: true });
    const height = await network.node(0).reached(snapshotFromBlocks);
    wiped.start();
    await wiped.ready();
    expect(logOf(wiped)).match(/started from a snapshot/);
    const sealed = await network.sealedBy(6, { above: height, on: network.node(0) });
    console.log(`      wiped at height ${height}, its first seal is in block ${sealed}`);
    const first = present(load.acknowledged[0], 'acknowledged transaction');
    await isFinal(wiped, first);
    const [here, there] = await Promise.all([wiped, network.node(0)].map(({ client }) => client.transaction(first)));
    expect(here).deep.equal(there);
  });

  it('never signed two things that contradict each other', async () => {
    const counts = network.nodes.map((_, index) => readSignatures(network.signatureLog(index)).length);
    console.log(`      ${counts.reduce((sum, count) => sum + count, 0)} signatures captured: ${counts.join(', ')}`);
    expect(Math.min(...counts)).greaterThan(0);
    expect(network.conflicts()).deep.equal([]);
    await network.expectOneChain(await network.node(0).height());
  });
});

/** The height that a node has come to when it says that too few are linked. */
async function stalledAt(node: NodeChild): Promise<number> {
  return until(`${node.name} to name the stall`, async () => {
    const { problems, height } = await node.client.consensus();
    return problems.some(({ code }) => code === 'too-few-linked') && height - 1;
  });
}

async function linkedToQuorum(node: NodeChild): Promise<void> {
  await until(`${node.name} to be linked`, async () => {
    const { checks } = await node.client.readiness();
    return checks.some(({ name, ok }) => name === 'linked' && ok);
  });
}

const logOf = ({ config, name }: NodeChild): string =>
  readFileSync(join(config.dataDir, 'logs', `${name}.log`), 'utf8');

async function isFinal({ client, name }: NodeChild, hash: string): Promise<void> {
  await until(`transaction ${hash} on ${name}`, async () => (await client.transaction(hash)).status === 'final');
}

/** Longest times between consecutive blocks, and the rounds that it took. */
function longestGaps(blocks: readonly BlockView[]): string {
  const timeOf = ({ header }: BlockView): number => Number(header['time']);
  const gaps = blocks.slice(1).map((block, index) => ({
    gapMs: timeOf(block) - timeOf(present(blocks[index], 'block before')),
    round: block.commit.round,
  }));
  gaps.sort((a, b) => b.gapMs - a.gapMs);
  return gaps
    .slice(0, 5)
    .map(({ gapMs, round }) => `${gapMs} ms (round ${round})`)
    .join(', ');
}
