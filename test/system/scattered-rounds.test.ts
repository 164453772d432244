/**
 * Goal: after outages that leave the validators on different rounds, the next block comes within the recovery bound,
 * also where the next f proposers are dead. Source: consensus design, "Recovery".
 * Method: seven validators with production actors and links, time and network in memory. Links are cut in changing
 * patterns in which nobody can gather a quorum of commits, though everybody hears from a quorum and its rounds go on.
 * Then the next f proposers crash and the rest is reconnected; from the moment in which it is pairwise linked the time
 * to the next block on every node is measured, in the chain's own time.
 */
import { expect } from 'chai';
import { proposerOfRound } from '../../src/protocols/ibft/draft.ts';
import { faultyCountMax } from '../../src/protocols/ledger/validator-set.ts';
import { round as toRound } from '../../src/protocols/shared/brands.ts';
import { SeededRandom } from '../../src/simulated.ts';
import { conflicts } from './signatures.ts';
import { VirtualNetwork, type VirtualNode } from './virtual-network.ts';
import { present } from './waiting.ts';

const blockTimeMs = 1000;
const roundTimeoutBaseMs = 1000;
const validators = 7;
const faulty = faultyCountMax(validators);
const boundMs = 2 * blockTimeMs + (faulty + 1) * roundTimeoutBaseMs;

const below = (random: SeededRandom, limit: number): number => Math.floor(random.fraction() * limit);

function shuffled(random: SeededRandom): readonly number[] {
  const order = Array.from({ length: validators }, (_, index) => index);
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(random, i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}

/** A ring in a random order in which everybody talks with two neighbours on each side: no five are pairwise linked. */
function ring(random: SeededRandom): (a: number, b: number) => boolean {
  const place = new Map(shuffled(random).map((node, index) => [node, index]));
  return (a, b) => {
    const apart = Math.abs((place.get(a) ?? 0) - (place.get(b) ?? 0));
    return Math.min(apart, validators - apart) <= 2;
  };
}

/** Those who would propose in the f rounds after the highest that anybody has reached. */
function nextProposers(network: VirtualNetwork): readonly VirtualNode[] {
  const machines = network.nodes.map((node) => network.machine(node));
  const height = Math.max(...machines.map(({ facts }) => facts.height));
  const highest = present(
    machines.filter(({ facts }) => facts.height === height).sort((a, b) => b.round - a.round)[0],
    'machine',
  );
  return Array.from({ length: faulty }, (_, ahead) => {
    const index = proposerOfRound(highest, toRound(highest.round + 1 + ahead));
    const key = highest.facts.set.validators[index]?.publicKey;
    return present(
      network.nodes.find((node) => node.key === key),
      'proposer',
    );
  });
}

describe('scattered rounds', function () {
  this.timeout(120_000);
  const longest: number[] = [];

  for (const seed of ['one', 'two', 'three', 'four', 'five', 'six']) {
    it(`end in a block within the bound, the next ${faulty} proposers dead (seed ${seed})`, async () => {
      const random = new SeededRandom(`scatter/${seed}`);
      const network = new VirtualNetwork({ seed, validators, blockTimeMs, roundTimeoutBaseMs, delayMs: 20 });
      try {
        await network.start();
        const started = await network.runUntil(() => network.nodes.every(({ chain }) => chain.tip.height >= 2), 30_000);
        expect(started, 'a chain before the outage').not.equal(null);
        for (let phase = 0; phase < 6; phase++) {
          network.connect(ring(random));
          await network.pass(1_000 + below(random, 4_000));
        }
        // One after the other is cut off from everybody, wherever its rounds have got to.
        const mayTalk = ring(random);
        const alone = new Set<number>();
        for (const index of shuffled(random)) {
          alone.add(index);
          network.connect((a, b) => !alone.has(a) && !alone.has(b) && mayTalk(a, b));
          await network.pass(below(random, 3_000));
        }
        const dead = nextProposers(network);
        for (const node of dead) await network.crash(node);
        const rounds = network.nodes.map((node) => network.machine(node).round);
        network.connect(() => true);
        expect(await network.runUntil(() => network.isMeshed(), 60_000), 'pairwise linked').not.equal(null);
        const tip = Math.max(...network.nodes.map(({ chain }) => chain.tip.height));
        const tookMs = await network.runUntil(
          () => network.nodes.every(({ chain }) => chain.tip.height > tip),
          120_000,
        );
        console.log(
          `      rounds ${rounds.join(', ')}: next block after ${Math.round(tookMs ?? Infinity)} ms, bound ${boundMs} ms`,
        );
        expect(tookMs).at.most(boundMs);
        longest.push(tookMs ?? Infinity);
        expect(conflicts(network.signatures)).deep.equal([]);
        const digests = network.nodes.map(({ wiring }) => wiring.reader.block(tip + 1)?.header.parent);
        expect(new Set(digests).size).equal(1);
      } finally {
        await network.close();
      }
    });
  }

  after(() => console.log(`      longest recovery ${Math.round(Math.max(...longest))} ms`));
});
