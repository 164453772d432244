/**
 * Goal: anybody can draw a panel again, from the state alone and with other code; the draw follows the bonds; votes add
 * up as the design says. Method: a second implementation on Node's hash, properties, tables.
 */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Candidate, drawPanel } from '../../../../src/protocols/ledger/modules/court/draw.ts';
import { excludedFrom, frozenCandidates } from '../../../../src/protocols/ledger/modules/court/case-state.ts';
import { readDraw } from '../../../../src/protocols/ledger/modules/court/panel-state.ts';
import { lowerMedian, panelRules, tally, type Vote } from '../../../../src/protocols/ledger/modules/court/vote.ts';
import { faultyCountMax } from '../../../../src/protocols/ledger/validator-set.ts';
import { keyOf } from '../ledger-world.ts';
import { arbitratorKeys, CourtWorld, hashOf, unit, voteAgainst, voteFor } from './court-world.ts';

const sha = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const binary = (hex: string): Buffer => Buffer.concat([Buffer.from('c420', 'hex'), Buffer.from(hex, 'hex')]);

/** The seed as the formats document tells it, in plain msgpack. */
const plainSeed = (chain: string, caseId: string, round: number, beacons: readonly Uint8Array[]): string =>
  sha(
    'bpci/court-draw-seed/v1\0',
    Buffer.from('94', 'hex'),
    binary(chain),
    binary(caseId),
    Buffer.from([round, 0x90 + beacons.length]),
    ...beacons.flatMap((beacon) => [Buffer.from('c440', 'hex'), beacon]),
  ).toString('hex');

/** Walks a line on which everybody has as many places as units of bond. */
function plainDraw(candidates: readonly Candidate[], seats: number, seed: string): string[] {
  let left = [...candidates];
  const drawn: string[] = [];
  while (drawn.length < seats && left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0n);
    let value = -1n;
    for (let attempt = 0; value < 0n; attempt++) {
      const body = Buffer.concat([Buffer.from('93', 'hex'), binary(seed), Buffer.from([drawn.length, attempt])]);
      const thrown = BigInt(`0x${sha('bpci/court-draw-seat/v1\0', body).toString('hex')}`);
      if (thrown < 2n ** 256n - (2n ** 256n % total)) value = thrown % total;
    }
    let end = 0n;
    const chosen = left.find(({ weight }) => (end += weight) > value)!;
    drawn.push(chosen.arbitrator);
    left = left.filter((candidate) => candidate !== chosen);
  }
  return drawn;
}

describe('the draw of a panel', () => {
  it('can be done again by anybody, from what is in state, redraws included', () => {
    const world = new CourtWorld();
    world.activate();
    const id = world.file(250n * unit);
    world.respond(id);
    world.until(id, 'challenge');
    world.must(world.panel(id)[1]!, 'court.recuse', { case: id });
    world.until(id, 'panel-draw');
    world.until(id, 'challenge');
    for (const round of [1, 2]) {
      const draw = readDraw(world.view, id, round)!;
      expect(draw.beacons).to.have.length(faultyCountMax(4) + 1);
      expect(plainSeed(world.chainId, id, round, draw.beacons)).to.equal(draw.seed);
      const gone = excludedFrom(world.view, id).slice(0, draw.excludedCount);
      const list = frozenCandidates(world.view, id).filter(({ arbitrator }) => !gone.includes(arbitrator));
      expect(plainDraw(list, draw.drawn.length, draw.seed)).to.deep.equal(draw.drawn);
    }
    expect(frozenCandidates(world.view, id).map(({ arbitrator }) => arbitrator)).to.deep.equal(arbitratorKeys);
  });

  it('is the same as a second implementation’s for all lists and seeds', () => {
    const list = fc
      .uniqueArray(fc.nat(60), { maxLength: 12 })
      .map((names) => names.map((name) => keyOf(`c ${name}`)).sort());
    const weights = fc.array(fc.bigInt(1n, 2n ** 64n - 1n), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(list, weights, fc.nat(9), fc.nat(250), (keys, bonds, seats, byte) => {
        const candidates = keys.map((arbitrator, index) => ({ arbitrator, weight: bonds[index]! }));
        const seed = hashOf(byte.toString(16).padStart(2, '0'));
        const drawn = drawPanel(candidates, seats, seed);
        expect(drawn).to.deep.equal(plainDraw(candidates, seats, seed));
        expect(new Set(drawn).size).to.equal(Math.min(seats, keys.length));
      }),
      { numRuns: 100 },
    );
  });

  it('falls on everybody as often as the bond says', () => {
    const candidates = [1n, 2n, 5n].map((weight, index) => ({ arbitrator: arbitratorKeys[index]!, weight }));
    const counts = [0, 0, 0];
    for (let seed = 0; seed < 1600; seed++) {
      const [first] = drawPanel(
        candidates,
        1,
        hashOf('00').slice(0, 60).concat(seed.toString(16).padStart(4, '0')) as never,
      );
      counts[arbitratorKeys.indexOf(first!)]! += 1;
    }
    // Expected 200, 400, 1000; five standard deviations.
    expect(counts[0]).to.be.within(134, 266);
    expect(counts[1]).to.be.within(313, 487);
    expect(counts[2]).to.be.within(903, 1097);
  });
});

describe('the votes of a panel', () => {
  const cast = (...votes: Vote[]) => votes.map((vote, index) => ({ arbitrator: arbitratorKeys[index]!, vote }));
  const partial = (penalty: bigint): Vote => ({ ...voteFor(penalty, [1]), decision: 'partial' });
  const three = panelRules(3, { panelSize: 3, quorum: 2, decisionThreshold: 2 });
  const table: readonly (readonly [string, readonly Vote[], unknown])[] = [
    ['nobody', [], 'no-quorum'],
    ['one of three', [voteFor(5n)], 'no-quorum'],
    ['one against one', [voteFor(5n), voteAgainst], 'no-majority'],
    ['two for', [voteFor(5n), voteFor(9n), voteAgainst], { decision: 'breach', penalty: 5n, actions: [0], dissent: 1 }],
    [
      'three for',
      [voteFor(9n), voteFor(1n), voteFor(5n)],
      { decision: 'breach', penalty: 5n, actions: [0], dissent: 0 },
    ],
    [
      'two against',
      [voteFor(5n), voteAgainst, voteAgainst],
      { decision: 'no-breach', penalty: 0n, actions: [], dissent: 1 },
    ],
    [
      'a part and a whole',
      [partial(4n), voteFor(8n), voteAgainst],
      { decision: 'partial', penalty: 4n, actions: [], dissent: 1 },
    ],
    ['above the claim', [voteFor(99n), voteFor(99n)], { decision: 'breach', penalty: 50n, actions: [0], dissent: 0 }],
  ];
  for (const [name, votes, expected] of table) {
    it(`add up: ${name}`, () => {
      const result = tally(cast(...votes), three, 50n);
      if (typeof result === 'string') expect(result).to.equal(expected);
      else {
        const { decision, penalty, actions, dissent } = result;
        expect({ decision, penalty, actions, dissent: dissent.length }).to.deep.equal(expected);
      }
    });
  }

  it('have the lower of two in the middle as their median', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 9n), { minLength: 1, maxLength: 9 }), (values) => {
        const median = lowerMedian(values);
        const below = values.filter((value) => value < median).length;
        const above = values.filter((value) => value > median).length;
        expect(2 * below < values.length && 2 * above <= values.length).to.equal(true);
      }),
    );
  });

  it('are asked of panels of every size in proportion, and always of more than half', () => {
    const agreed = { panelSize: 3, quorum: 3, decisionThreshold: 2 };
    expect(panelRules(1, agreed)).to.deep.equal({ size: 1, quorum: 1, decisionThreshold: 1 });
    expect(panelRules(7, agreed)).to.deep.equal({ size: 7, quorum: 7, decisionThreshold: 5 });
    for (const size of [1, 3, 5, 7, 15, 31]) {
      const { quorum, decisionThreshold } = panelRules(size, { panelSize: 7, quorum: 5, decisionThreshold: 4 });
      expect(2 * decisionThreshold > size && decisionThreshold <= quorum && quorum <= size, `${size}`).to.equal(true);
    }
  });
});
