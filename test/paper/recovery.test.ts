/**
 * Goal: the known-answer scenarios of the consensus design, and its recovery bound: once a quorum is pairwise linked, the
 * next block is decided within two block times plus (f+1)·base, whatever rounds had been reached, with up to f
 * proposers dead. Method: the network model, virtual time; starting rounds come out of journals.
 */
import { expect } from 'chai';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import type { JournalRecord } from '../../src/protocols/ibft/machine-types.ts';
import { faultyCountMax } from '../../src/protocols/ledger/validator-set.ts';
import { height, round } from '../../src/protocols/shared/brands.ts';
import { Desk } from '../protocols/ibft/desk.ts';
import { NetworkModel } from '../protocols/ibft/network-model.ts';
import { integerBelow, randomOf } from '../protocols/ibft/virtual-time.ts';
import { blockOf, preparePayload, proposal, range, roundChange, roundChangePayload } from '../protocols/ibft/world.ts';

const atRound = (at: number): readonly JournalRecord[] =>
  at === 0 ? [] : [{ type: 'round', height: height(1), round: round(at), preparedRound: null, preparedDigest: null }];

interface Recovery {
  readonly tookMs: number | null;
  readonly boundMs: number;
  readonly model: NetworkModel;
}

/** Validators that were alone until now, at these rounds; the rest are dead and propose from round `deadFrom` on. */
function recover(count: number, rounds: readonly number[], deadFrom: number, seed: number): Recovery {
  const firstDead = rounds.length;
  const firstProposer = (((firstDead - deadFrom) % count) + count) % count;
  const model = new NetworkModel({ count, seed, firstProposer, journals: rounds.map(atRound) });
  model.partition([]);
  for (const dead of model.nodes.slice(firstDead)) model.crash(dead);
  model.heal();
  const alive = model.nodes.slice(0, firstDead);
  const boundMs = model.recoveryBoundMs;
  const tookMs = model.runUntil(() => alive.every((node) => node.chain.length > 0), boundMs);
  return { tookMs, boundMs, model };
}

function expectRecovered({ tookMs, boundMs, model }: Recovery, name: string): void {
  expect(model.violations, name).to.deep.equal([]);
  expect(tookMs, `${name}: nothing decided within ${boundMs} ms`).to.not.equal(null);
}

describe('recovery: scattered rounds', () => {
  for (const deadFrom of range(7).map((offset) => 8 + offset))
    it(`{8, 8, 8, 9, 10} of five alive out of seven, the two dead propose rounds ${deadFrom} and ${deadFrom + 1}`, () => {
      expectRecovered(recover(7, [8, 8, 8, 9, 10], deadFrom, deadFrom), `dead from ${deadFrom}`);
    });

  for (const count of [4, 5, 6, 7, 10, 13])
    it(`random scatter over 0–10 of n − f validators, n = ${count}, the next f proposers dead`, () => {
      for (let seed = 1; seed <= 25; seed++) {
        const random = randomOf(seed * 1000 + count);
        const rounds = range(count - faultyCountMax(count)).map(() => integerBelow(random, 11));
        const deadFrom = Math.max(...rounds) + integerBelow(random, 2);
        expectRecovered(recover(count, rounds, deadFrom, seed), `n = ${count}, rounds ${rounds.join(' ')}`);
      }
    });

  it('every scatter over 0–10 of three alive out of four, the dead one proposing the highest round', () => {
    for (let x = 0; x <= 10; x++)
      for (let y = 0; y <= x; y++)
        for (let z = 0; z <= y; z++) expectRecovered(recover(4, [x, y, z], x, 1), `rounds ${x} ${y} ${z}`);
  });

  it('the widest scatter of exactly a quorum: one validator ten rounds ahead', () => {
    expectRecovered(recover(4, [0, 0, 10], 10, 1), 'one ahead');
    expectRecovered(recover(4, [10, 10, 0], 10, 1), 'one behind');
  });
});

describe('partition case 1 (n = 5, proposer of round r is r)', () => {
  const reachedInRound0: readonly (readonly number[])[] = [[3, 4], [], [], [0, 3, 4], [3, 4]];

  for (const withholdsFrom of [1, 2])
    it(`decides, where IBFT with locks stalls for ever (validator 1 is silent from its round change to ${withholdsFrom})`, () => {
      const model = new NetworkModel({ count: 5, seed: 7, firstProposer: 0 });
      model.filter = (message, from, to) => {
        const at = message.payload.round;
        if (message.type === 'commit' && at <= 1) return null;
        const isWithheld = message.type === 'round-change' ? at >= withholdsFrom : at >= 2;
        if (from.member === 1 && isWithheld) return null;
        if (at === 0) return reachedInRound0[from.member]?.includes(to.member) === true ? 0 : null;
        if (at === 1 && from.member <= 1) return to.member === 1 ? null : 0;
        return 0;
      };
      const others = model.nodes.filter(({ member }) => member !== 1);
      // Two rounds are lost on purpose; after them the bound holds.
      const atMostMs = 2 * model.baseMs + model.recoveryBoundMs;
      const tookMs = model.runUntil(() => others.every((node) => node.chain.length > 0), atMostMs);
      expect(model.violations).to.deep.equal([]);
      expect(tookMs).to.not.equal(null);
    });
});

describe('lock split: f prepared A early, 2f prepared B later', () => {
  const [a, b] = [blockOf({ proposer: 0, salt: 1 }), blockOf({ proposer: 1, salt: 2 })];
  const at = 6;
  const preparers = [0, 1, 2, 3, 4];
  /** Validators 0 and 1 prepared A in round 0; 2 to 5 prepared B in round 1; 6 nothing. */
  const claimOf = (author: number) =>
    author < 2 ? { round: 0, block: a } : author < 6 ? { round: 1, block: b } : null;

  function* quorums(): Generator<readonly number[]> {
    for (let x = 0; x < 7; x++) for (let y = x + 1; y < 7; y++) yield range(7).filter((i) => i !== x && i !== y);
  }

  it('a proposal must carry B, whichever quorum its proposer heard', () => {
    for (const authors of quorums()) {
      const roundChanges = authors.map((author) => roundChangePayload(author, { round: at }, claimOf(author)));
      const reasonOf = (block: typeof a, preparedAt: number) => {
        const desk = new Desk({ count: 7, self: 3 });
        const prepares = preparers.map((author) => preparePayload(author, block, { round: preparedAt }));
        desk.receive(proposal(at, block, { round: at }, { roundChanges, prepares }));
        return desk.reason;
      };
      expect(reasonOf(b, 1)).to.equal('accepted');
      expect(reasonOf(a, 0)).to.equal('proposal-not-highest-prepared');
      const fresh = new Desk({ count: 7, self: 3 });
      fresh.receive(proposal(at, blockOf({ proposer: at }), { round: at }, { roundChanges }));
      expect(fresh.reason).to.equal('proposal-not-highest-prepared');
    }
  });

  it('and a correct proposer proposes B, in whatever order it heard them', () => {
    for (const authors of quorums()) {
      if (!authors.includes(6)) continue;
      for (const order of [authors, [...authors].reverse()]) {
        const desk = new Desk({ count: 7, self: 6, check: null });
        for (const author of order)
          if (author !== 6) desk.receive(roundChange(author, { round: at }, claimOf(author), preparers));
        const own = desk.all('sign').find(({ payload }) => payload.kind === 'proposal');
        expect(own?.payload, `heard ${order.join(' ')}`).to.include({ digest: digestOf(b) });
      }
    }
  });
});
