/**
 * Goal: everything that a peer can make the machine keep is bounded in count and bytes, in equal shares. Method: a
 * validator on a desk (n = 4) is flooded by one author; what is kept is counted by walking the state.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  currentRoundBytesMax,
  futureHeightsMax,
  futureRoundsMax,
  keptBytesMax,
  pastCommitsMax,
  payloadBytes,
  roundMax,
  shareBytes,
} from '../../../src/protocols/ibft/bounds.ts';
import type { MachineState } from '../../../src/protocols/ibft/machine-types.ts';
import { height } from '../../../src/protocols/shared/brands.ts';
import { digestOf } from '../../../src/protocols/ibft/justification.ts';
import { Desk } from './desk.ts';
import { blockOf, commit, factsOf, genesisTime, keyOf, prepare, proposal, range, roundChange } from './world.ts';

const block = blockOf({ proposer: 0, salt: 1 });
const mebibyte = 1024 * 1024;
const large = (at: number, proposer = 0) => blockOf({ height: at, proposer, bytes: 2 * mebibyte, salt: at });

/** Bytes of blocks and payloads kept of one author beyond the current round, by walking everything. */
function walked(state: MachineState, author: number): number {
  let bytes = 0;
  for (const [at, { prepares, commits }] of state.votes) {
    if (at === state.round) continue;
    bytes += payloadBytes * [prepares[author], commits[author]].filter((vote) => (vote ?? null) !== null).length;
  }
  for (const { message } of state.future) {
    if (message.payload.author !== keyOf(author)) continue;
    bytes += payloadBytes;
    if (message.type === 'proposal')
      bytes += message.block.bytes.length + payloadBytes * (message.roundChanges.length + message.prepares.length);
    if (message.type === 'round-change')
      bytes += (message.block?.bytes.length ?? 0) + payloadBytes * message.prepares.length;
  }
  const entry = state.roundChanges[author];
  const certificate = entry?.certificate ?? null;
  if (certificate !== null && entry?.payload.round !== state.round)
    bytes += certificate.block.bytes.length + payloadBytes * (1 + certificate.prepares.length);
  return bytes;
}

describe('bounds: counts', () => {
  it('votes up to 1000 rounds ahead are kept, later ones only show where their author is', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(prepare(0, block, { round: futureRoundsMax }));
    expect(desk.reason).to.equal('accepted');
    for (const vote of [
      prepare(0, block, { round: futureRoundsMax + 1 }),
      commit(0, block, { round: futureRoundsMax + 1 }),
    ]) {
      desk.receive(vote);
      expect(desk.reason).to.equal('round-too-far');
    }
    expect(desk.state.votes.size).to.equal(1);
    expect(desk.state.positions[0]).to.equal(futureRoundsMax + 1);
  });

  it('the latest-round table takes any round below 2^31 and one entry a validator', () => {
    const desk = new Desk({ self: 3 });
    for (const at of [1, 1000, 2_000_000, roundMax]) desk.receive(roundChange(0, { round: at }));
    expect(desk.reason).to.equal('accepted');
    expect(desk.state.roundChanges.filter((entry) => entry !== null)).to.have.length(1);
    desk.receive(roundChange(1, { round: roundMax }));
    expect(desk.state.round, 'a laggard must be able to jump').to.equal(roundMax);
  });

  it('the highest round is not left by a time-out', () => {
    const desk = new Desk({ self: 3 });
    for (const author of [0, 1, 2]) desk.receive(roundChange(author, { round: roundMax }));
    desk.expire('round');
    expect(desk.reason).to.equal('not-needed');
    expect(desk.state.round).to.equal(roundMax);
  });

  it('messages of ten later heights are kept, one of each kind, height and validator', () => {
    const desk = new Desk({ self: 3 });
    for (const at of range(20)) desk.receive(prepare(0, block, { height: at }));
    expect(desk.state.future).to.have.length(futureHeightsMax);
    desk.receive(prepare(0, block, { height: 2, round: 5 }));
    expect(desk.reason).to.equal('accepted');
    desk.receive(prepare(0, block, { height: 2, round: 4 }));
    expect(desk.reason).to.equal('superseded');
    desk.receive(prepare(0, block, { height: 2, round: 5 }));
    expect(desk.reason).to.equal('duplicate');
    expect(desk.state.future).to.have.length(futureHeightsMax);
  });

  it('what was kept for a height is replayed when it begins, and dropped when it is passed', () => {
    const desk = new Desk({ self: 3 });
    const next = blockOf({ height: 2, parent: digestOf(block), proposer: 1, salt: 4 });
    desk.receive(proposal(1, next, { height: 2 }));
    for (const author of [0, 1]) desk.receive(prepare(author, next, { height: 2 }));
    desk.receive(prepare(0, next, { height: 3 }));
    const parent = { time: genesisTime + 2000, proposer: keyOf(0), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: factsOf(4, { height: height(2), parent }) });
    expect(desk.signed).to.deep.equal(['prepare@0', 'commit@0']);
    expect(desk.state.future).to.have.length(1);
    desk.give({ type: 'height-started', facts: factsOf(4, { height: height(9), parent }) });
    expect(desk.state.future).to.have.length(0);
    expect(desk.state.keptBytes).to.deep.equal([0, 0, 0, 0]);
  });

  it('commits of past rounds: a bounded number a validator, the lowest rounds go first', () => {
    const desk = new Desk({ self: 3 });
    for (const author of [0, 1]) desk.receive(roundChange(author, { round: 5000 }));
    for (const at of range(pastCommitsMax + 10)) desk.receive(commit(0, block, { round: at }));
    const kept = [...desk.state.votes.values()].filter(({ commits }) => commits[0] !== null).length;
    expect(kept).to.equal(pastCommitsMax);
    expect(desk.state.votes.get((pastCommitsMax + 9) as never)?.commits[0]).to.not.equal(null);
    expect(desk.state.keptBytes[0]).to.equal(walked(desk.state, 0));
  });

  it('a second, different message for a slot becomes evidence and takes nothing', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(prepare(0, block, { round: 7 }));
    const before = desk.state.votes;
    desk.receive(prepare(0, blockOf({ salt: 6 }), { round: 7 }));
    expect(desk.state.votes).to.equal(before);
    expect(desk.all('evidence')).to.have.length(1);
  });
});

describe('bounds: bytes', () => {
  it('64 MiB in all: equal shares and what the current round needs', () => {
    for (const n of [4, 7, 31, 128]) expect(n * shareBytes(n) + currentRoundBytesMax).to.be.at.most(keptBytesMax);
  });

  it('an author’s share fills up; another’s is untouched', () => {
    const desk = new Desk({ self: 3 });
    for (const at of range(9)) desk.receive(proposal(0, large(at + 2), { height: at + 2 }));
    expect(desk.reason).to.equal('share-full');
    expect(desk.state.keptBytes[0]).to.be.at.most(shareBytes(4));
    expect(desk.state.keptBytes[0]).to.equal(walked(desk.state, 0));
    desk.receive(proposal(1, large(2, 1), { height: 2 }));
    expect(desk.reason).to.equal('accepted');
  });

  it('a full share does not keep its author’s messages of the current round out', () => {
    const desk = new Desk({ self: 3 });
    for (const at of range(9)) desk.receive(proposal(0, large(at + 2), { height: at + 2 }));
    desk.receive(proposal(0, block));
    expect(desk.reason).to.equal('accepted');
    desk.receive(prepare(0, block));
    expect(desk.reason).to.equal('accepted');
  });

  it('certificates are kept only where this node proposes their round, in the current round only the best one', () => {
    const desk = new Desk({ self: 3, count: 4, live: [] });
    desk.receive(roundChange(0, { round: 6 }, { round: 0, block }, [0, 1, 2]));
    expect(desk.state.roundChanges[0]?.certificate).to.equal(null);
    const [older, newer] = [blockOf({ salt: 21 }), blockOf({ salt: 22 })];
    desk.receive(roundChange(0, { round: 7 }, { round: 1, block: older }, [0, 1, 2]));
    expect(desk.state.roundChanges[0]?.certificate).to.not.equal(null);
    expect(desk.state.keptBytes[0]).to.equal(walked(desk.state, 0));
    desk.receive(roundChange(1, { round: 7 }, { round: 2, block: newer }, [0, 1, 2]));
    expect(desk.state.round).to.equal(7);
    expect(desk.state.roundChanges.map((entry) => entry?.certificate?.round ?? null)).to.deep.equal([
      null,
      2,
      null,
      null,
    ]);
    expect(desk.last('sign').payload.kind).to.not.equal('round-change');
    expect(desk.all('sign').find(({ payload }) => payload.kind === 'proposal')?.beside.block).to.equal(newer);
  });

  it('the books are right, and the share holds, whatever one author sends', () => {
    const one = fc.record({
      kind: fc.constantFrom('prepare', 'commit', 'round-change', 'proposal'),
      height: fc.integer({ min: 1, max: 4 }),
      round: fc.integer({ min: 0, max: 12 }),
      author: fc.integer({ min: 0, max: 2 }),
      isPrepared: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), (messages) => {
        const desk = new Desk({ self: 3, live: [] });
        for (const { kind, height: at, round, author, isPrepared } of messages) {
          const where = { height: at, round };
          const its = at === 1 ? block : large(at, author);
          if (kind === 'prepare') desk.receive(prepare(author, its, where));
          else if (kind === 'commit') desk.receive(commit(author, its, where));
          else if (kind === 'proposal') desk.receive(proposal(author, its, where));
          else
            desk.receive(
              roundChange(author, where, isPrepared && round > 0 ? { round: 0, block: its } : null, [0, 1, 2]),
            );
          for (const index of [0, 1, 2]) {
            expect(desk.state.keptBytes[index]).to.equal(walked(desk.state, index));
            expect(desk.state.keptBytes[index]).to.be.at.most(shareBytes(4));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
