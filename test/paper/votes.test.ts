/**
 * Goal: every sentence of rules 6 to 8 of the consensus rules holds: prepare, commit, decide, block identity. Method:
 * one machine on a desk (n = 4, quorum 3, validator i proposes round i); and the fork that adding seals would make.
 */
import { expect } from 'chai';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import { commitRefusal } from '../../src/protocols/ledger/block-limits.ts';
import type { ConsensusMessage } from '../../src/protocols/ibft/messages.ts';
import { blockDigest } from '../../src/protocols/ledger/block.ts';
import { round } from '../../src/protocols/shared/brands.ts';
import { Desk } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  commit,
  keyOf,
  prepare,
  preparePayload,
  proposal,
  roundChangePayload,
  setOf,
  signatureOf,
  unprepared,
} from '../protocols/ibft/world.ts';

const block = blockOf({ proposer: 0, salt: 1 });
const other = blockOf({ proposer: 0, salt: 2 });

/** Validator 3 with the proposal of round 0 accepted. */
function accepted(): Desk {
  const desk = new Desk({ self: 3 });
  desk.receive(proposal(0, block));
  return desk;
}

const kinds = (desk: Desk): readonly string[] =>
  desk.effects.flatMap((effect) => {
    if (effect.type === 'persist') return [`persist ${effect.record.type}`];
    return effect.type === 'sign' ? [`sign ${effect.payload.kind}`] : [];
  });

describe('rule 6: prepare and commit', () => {
  it('prepare once per accepted proposal', () => {
    const desk = accepted();
    desk.receive(proposal(0, block));
    expect(desk.reason).to.equal('duplicate');
    desk.receive(proposal(0, other));
    expect(desk.reason).to.equal('equivocation');
    expect(desk.signed).to.deep.equal(['prepare@0']);
  });

  it('the accepted proposal is persisted before the prepare, with its justification and block', () => {
    const desk = new Desk({ self: 3 });
    const late = blockOf({ proposer: 1 });
    const roundChanges = unprepared([0, 1, 2], 1);
    desk.receive(proposal(1, late, { round: 1 }, { roundChanges }));
    expect(kinds(desk)).to.deep.equal(['persist accepted', 'sign prepare']);
    expect(desk.last('persist').record).to.deep.include({ round: 1, block: late, roundChanges });
  });

  it('prepares count only for the accepted proposal’s digest', () => {
    const desk = accepted();
    for (const author of [0, 1, 2]) desk.receive(prepare(author, other));
    expect(desk.signed).to.deep.equal(['prepare@0']);
  });

  it('prepares that came before their proposal count once it is accepted', () => {
    const desk = new Desk({ self: 3 });
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    expect(desk.signed).to.deep.equal([]);
    desk.receive(proposal(0, block));
    expect(desk.signed).to.deep.equal(['prepare@0', 'commit@0']);
  });

  it('prepares of another round do not count', () => {
    const desk = accepted();
    for (const author of [0, 1, 2]) desk.receive(prepare(author, block, { round: 1 }));
    expect(desk.signed).to.not.include('commit@0');
  });

  it('at quorum in the current round: store (round, block, prepares), persist, then commit', () => {
    const desk = accepted();
    desk.receive(prepare(0, block));
    expect(desk.signed).to.not.include('commit@0');
    desk.receive(prepare(1, block));
    expect(kinds(desk)).to.deep.equal(['persist accepted', 'sign prepare', 'persist prepared', 'sign commit']);
    expect(desk.state.prepared).to.deep.include({ round: 0, digest: digestOf(block), block });
    expect(desk.state.prepared?.prepares.map(({ author }) => author)).to.deep.equal([0, 1, 3].map(keyOf));
    expect(desk.last('persist').record).to.deep.include(desk.state.prepared);
  });

  it('once a round', () => {
    const desk = accepted();
    for (const author of [0, 1, 2]) desk.receive(prepare(author, block));
    expect(desk.signed.filter((name) => name === 'commit@0')).to.have.length(1);
  });

  it('a validator prepares again in a later round, for what is justified there', () => {
    const desk = accepted();
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    const claim = roundChangePayload(3, { round: 1 }, { round: 0, block });
    const roundChanges = [...unprepared([0, 1], 1), claim];
    const prepares = [0, 1, 3].map((author) => preparePayload(author, block));
    desk.receive(proposal(1, block, { round: 1 }, { roundChanges, prepares }));
    for (const author of [0, 1]) desk.receive(prepare(author, block, { round: 1 }));
    expect(desk.signed).to.deep.equal(['prepare@0', 'commit@0', 'prepare@1', 'commit@1']);
    expect(desk.state.prepared?.round).to.equal(1);
  });
});

describe('rule 7: decide', () => {
  it('at a quorum of seals for the same (H, round, digest)', () => {
    const desk = accepted();
    for (const author of [0, 1]) desk.receive(commit(author, block));
    expect(desk.all('decide')).to.have.length(0);
    desk.receive(commit(2, block));
    const decision = desk.last('decide');
    expect(decision).to.deep.include({ round: 0, digest: digestOf(block), block, checked: true });
    expect(decision.commit.seals.map(({ validator }) => validator)).to.deep.equal([0, 1, 2].map(keyOf));
    expect(decision.commit.seals[1]?.signature).to.deep.equal(signatureOf(1));
  });

  it('seals for different digests are not added', () => {
    const desk = accepted();
    for (const author of [0, 1]) desk.receive(commit(author, block));
    desk.receive(commit(2, other));
    expect(desk.all('decide')).to.have.length(0);
  });

  it('whatever the local round: a later one here', () => {
    const desk = accepted();
    desk.expire('proposal-due');
    desk.expire('round');
    expect(desk.state.round).to.equal(1);
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    expect(desk.last('decide').round).to.equal(0);
  });

  it('whatever the local round: an earlier one here', () => {
    const desk = accepted();
    for (const author of [0, 1, 2]) desk.receive(commit(author, block, { round: 3 }));
    expect(desk.last('decide').round).to.equal(3);
  });

  it('seals decide even where the block never came: it is fetched, and the rounds go on meanwhile', () => {
    const desk = new Desk({ self: 3 });
    desk.expire('proposal-due');
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    expect(desk.last('fetch-block')).to.deep.include({ digest: digestOf(block), sources: [0, 1, 2].map(keyOf) });
    desk.expire('round');
    expect(desk.signed).to.deep.equal(['round-change@1']);
    desk.give({ type: 'block-fetched', height: desk.state.facts.height, block: other });
    expect(desk.reason).to.equal('stale');
    desk.give({ type: 'block-fetched', height: desk.state.facts.height, block });
    expect(desk.last('decide')).to.deep.include({ digest: digestOf(block), checked: false });
  });

  it('a missing decided block is asked for again with every resend, and found in any proposal or certificate', () => {
    const desk = new Desk({ self: 3 });
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    desk.expire('resend');
    expect(desk.all('fetch-block')).to.have.length(2);
    desk.receive(proposal(0, block));
    expect(desk.all('decide')).to.have.length(1);
  });

  it('a decided height takes no more votes, but late seals of its round are passed on once each', () => {
    const desk = accepted();
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    desk.receive(prepare(1, block));
    expect(desk.reason).to.equal('decided');
    desk.receive(commit(3, block));
    expect(desk.last('late-seal').seal.validator).to.equal(keyOf(3));
    desk.receive(commit(3, block));
    expect(desk.reason).to.equal('duplicate');
    desk.receive(commit(3, block, { round: 1 }));
    expect(desk.reason).to.equal('decided');
  });

  it('seals of different rounds are never added together', () => {
    const desk = accepted();
    desk.receive(commit(0, block, { round: 0 }));
    desk.receive(commit(1, block, { round: 1 }));
    desk.receive(commit(2, block, { round: 2 }));
    expect(desk.all('decide')).to.have.length(0);
    desk.receive(commit(2, block, { round: 0 }));
    desk.receive(commit(3, block, { round: 0 }));
    expect(desk.last('decide').commit.round).to.equal(0);
  });

  it('mixed-round seals (n = 4): A and D seal X at 0, B seals Y at 1, C seals X at 2; then {A, B, D} justify Y at 3', () => {
    const [x, y] = [block, blockOf({ proposer: 1, salt: 9 })];
    const observer = new Desk({ self: null });
    for (const seal of [commit(0, x), commit(3, x), commit(1, y, { round: 1 }), commit(2, x, { round: 2 })])
      observer.receive(seal);
    expect(observer.all('decide'), 'X has three seals, of two rounds: no decision').to.have.length(0);
    // A and D hold X of round 0, B holds Y of round 1: the highest prepared round binds a proposal of round 3 to Y.
    const roundChanges = [
      roundChangePayload(0, { round: 3 }, { round: 0, block: x }),
      roundChangePayload(1, { round: 3 }, { round: 1, block: y }),
      roundChangePayload(3, { round: 3 }, { round: 0, block: x }),
    ];
    const prepares = [0, 1, 3].map((author) => preparePayload(author, y, { round: 1 }));
    observer.receive(proposal(3, y, { round: 3 }, { roundChanges, prepares }));
    expect(observer.reason).to.equal('accepted');
    for (const author of [0, 1, 3]) observer.receive(commit(author, y, { round: 3 }));
    expect(observer.last('decide').digest).to.equal(digestOf(y));
  });

  it('the parent commit in a block is checked the same way: one round, members once each in order, a quorum', () => {
    const commitOf = (...authors: number[]) => ({
      round: round(2),
      seals: authors.map((author) => ({ validator: keyOf(author), signature: signatureOf(author) })),
    });
    const reasons = [commitOf(0, 1, 2), commitOf(0, 1), commitOf(0, 1, 1), commitOf(2, 1, 0), commitOf(0, 1, 7)];
    expect(reasons.map((made) => commitRefusal(made, 1, setOf(4)))).to.deep.equal([
      null,
      'commit-below-quorum',
      'commit-order',
      'commit-order',
      'commit-not-member',
    ]);
  });

  for (const count of [5, 6])
    it(`n = ${count} does not decide with 3 votes`, () => {
      const desk = new Desk({ count, self: count - 1 });
      desk.receive(proposal(0, block));
      for (const author of [0, 1]) desk.receive(prepare(author, block));
      expect(desk.signed, 'three prepares, own included').to.deep.equal(['prepare@0']);
      for (const author of [0, 1, 2]) desk.receive(commit(author, block));
      expect(desk.all('decide')).to.have.length(0);
      desk.receive(commit(3, block));
      expect(desk.all('decide')).to.have.length(1);
    });
});

describe('rule 8: block identity', () => {
  it('excludes its own seals and the round it was decided in', () => {
    const digests = [0, 3].map((at) => {
      const desk = accepted();
      for (const author of [0, 1, 2]) desk.receive(commit(author, block, { round: at }));
      return desk.last('decide').digest;
    });
    expect(digests[0]).to.equal(digests[1]);
    expect(digests[0]).to.equal(blockDigest(block.value.header));
    expect(Object.keys(block.value.header)).to.not.include.members(['round', 'seals']);
  });
});

describe('evidence', () => {
  const offences: readonly { readonly name: string; readonly messages: readonly ConsensusMessage[] }[] = [
    { name: 'two proposals', messages: [proposal(0, block), proposal(0, other)] },
    { name: 'two prepares', messages: [prepare(0, block), prepare(0, other)] },
    { name: 'two commits', messages: [commit(0, block), commit(0, other)] },
  ];

  for (const { name, messages } of offences)
    it(`${name} of one round with different content are evidence, with both payloads`, () => {
      const desk = new Desk({ self: 3 });
      for (const message of messages) desk.receive(message as Parameters<Desk['receive']>[0]);
      expect(desk.reason).to.equal('equivocation');
      const { offender, conflict } = desk.last('evidence');
      expect(offender).to.equal(keyOf(0));
      expect([conflict.first, conflict.second]).to.deep.equal(messages.map(({ payload }) => payload));
    });

  it('the same payload twice is no evidence, and one offender is accused once a height', () => {
    const desk = new Desk({ self: 3 });
    for (const message of [prepare(0, block), prepare(0, block), prepare(0, other), commit(0, block), commit(0, other)])
      desk.receive(message);
    expect(desk.all('evidence')).to.have.length(1);
  });
});
