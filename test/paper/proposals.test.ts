/**
 * Goal: every sentence of rules 1 to 5 of the consensus rules holds. Method: one machine on a desk, n = 4 unless said
 * otherwise, validator i proposes round i of height 1; each test restates its sentence.
 */
import { expect } from 'chai';
import { firstProposerIndex, proposerIndex, proposerKey } from '../../src/protocols/ibft/proposer.ts';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import { faultyCountMax, quorumOf, validatorSet } from '../../src/protocols/ledger/validator-set.ts';
import { publicKey, round } from '../../src/protocols/shared/brands.ts';
import { Desk } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  genesisDigest,
  genesisTime,
  keyOf,
  parameters,
  preparePayload,
  proposal,
  range,
  roundChange,
  roundChangePayload,
  setOf,
  unprepared,
} from '../protocols/ibft/world.ts';

const early = blockOf({ proposer: 0, salt: 1 });
const late = blockOf({ proposer: 1, salt: 2 });
const preparesOf = (authors: readonly number[], block = early, at = 0) =>
  authors.map((author) => preparePayload(author, block, { round: at }));

describe('preamble: sizes', () => {
  it('f is the integer part of (n−1)/3 and the quorum is 2n/3 rounded up', () => {
    const sizes = [4, 5, 6, 7, 10, 13].map((n) => [faultyCountMax(n), quorumOf(n, 1)]);
    expect(sizes).to.deep.equal([
      [1, 3],
      [1, 4],
      [1, 4],
      [2, 5],
      [3, 7],
      [4, 9],
    ]);
  });

  it('the quorum is raised where the finality threshold asks for more: 67 with n = 7 is 5', () => {
    expect(quorumOf(7, 67)).to.equal(5);
    expect(quorumOf(7, 80)).to.equal(6);
  });
});

describe('rule 1: proposer', () => {
  it('validators are ordered by raw key', () => {
    const keys = ['ff', '0a', 'a0', '01'].map((byte) => publicKey(byte.repeat(32)));
    const set = validatorSet(
      keys.map((key) => ({ publicKey: key, vrfPublicKey: key })),
      67,
    );
    expect(set.validators.map((validator) => validator.publicKey.slice(0, 2))).to.deep.equal(['01', '0a', 'a0', 'ff']);
  });

  it('b = 0 for H = 1', () => {
    expect(firstProposerIndex(setOf(4), null)).to.equal(0);
  });

  it('b is the index of the first key above the parent’s proposer, wrapping', () => {
    expect(range(4).map((index) => firstProposerIndex(setOf(4), keyOf(index)))).to.deep.equal([1, 2, 3, 0]);
  });

  it('a parent’s proposer that left the set still has a successor', () => {
    const set = { ...setOf(5), validators: setOf(5).validators.filter((_, index) => index !== 2) };
    expect(proposerKey(set, firstProposerIndex(set, keyOf(2)), round(0))).to.equal(keyOf(3));
  });

  it('proposer(H, r) = set[(b + r) mod n]', () => {
    expect(range(6).map((r) => proposerIndex(setOf(4), 3, round(r)))).to.deep.equal([3, 0, 1, 2, 3, 0]);
  });
});

describe('rule 2: round 0', () => {
  it('the proposer waits until the block may be proposed: parent.time + blockTime', () => {
    const desk = new Desk({ self: 0 });
    expect(desk.running('proposal-due')?.due).to.deep.equal({ atMs: genesisTime + parameters.blockTimeMs });
    expect(desk.all('build-block')).to.have.length(0);
    desk.expire('proposal-due');
    expect(desk.signed).to.deep.equal(['proposal@0', 'prepare@0']);
  });

  const onDemand = { parameters: { ...parameters, blockTimeMs: 0 } };

  it('on demand it proposes as soon as it holds an executable gossiped transaction', () => {
    const desk = new Desk({ self: 0, facts: onDemand });
    expect(desk.all('build-block')).to.have.length(0);
    desk.give({ type: 'transactions-available', height: desk.state.facts.height });
    expect(desk.signed).to.include('proposal@0');
    expect(new Desk({ self: 0, facts: { ...onDemand, hasTransactions: true } }).signed).to.include('proposal@0');
  });

  it('on demand without transactions it proposes at parent.time + emptyBlockPeriod', () => {
    const desk = new Desk({ self: 0, facts: onDemand });
    expect(desk.running('proposal-due')?.due).to.deep.equal({ atMs: genesisTime + parameters.emptyBlockPeriodMs });
    desk.expire('proposal-due');
    expect(desk.signed).to.include('proposal@0');
  });

  it('with a block time, transactions make nothing earlier', () => {
    const desk = new Desk({ self: 0, facts: { hasTransactions: true } });
    desk.give({ type: 'transactions-available', height: desk.state.facts.height });
    expect(desk.reason).to.equal('not-needed');
    expect(desk.all('build-block')).to.have.length(0);
  });

  it('round 0’s timer starts then, not before', () => {
    const desk = new Desk({ self: 1 });
    expect(desk.running('round')).to.equal(null);
    desk.expire('proposal-due');
    expect(desk.running('round')?.due).to.deep.equal({ afterMs: parameters.roundTimeoutBaseMs });
  });

  it('a round-0 proposal carries no justification; one that does is rejected', () => {
    const withRoundChanges = new Desk({ self: 1 });
    withRoundChanges.receive(proposal(0, early, {}, { roundChanges: unprepared([0, 1, 2], 0) }));
    expect(withRoundChanges.reason).to.equal('justification-at-round-0');
    const withPrepares = new Desk({ self: 1 });
    withPrepares.receive(proposal(0, early, {}, { prepares: preparesOf([0, 1, 2]) }));
    expect(withPrepares.reason).to.equal('justification-at-round-0');
  });

  it('the proposer prepares too', () => {
    const desk = new Desk({ self: 0 });
    desk.expire('proposal-due');
    expect(desk.signed).to.deep.equal(['proposal@0', 'prepare@0']);
  });

  it('only the round’s proposer may propose', () => {
    const desk = new Desk({ self: 1 });
    desk.receive(proposal(2, blockOf({ proposer: 2 })));
    expect(desk.reason).to.equal('not-the-proposer');
  });
});

describe('rule 3: proposal at r > 0', () => {
  const fresh = (changes: Parameters<typeof proposal>[3]) => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(1, late, { round: 1 }, changes));
    return desk;
  };
  const again = (changes: Parameters<typeof proposal>[3], block = early) => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(1, block, { round: 1 }, changes));
    return desk;
  };
  const claim = (author: number, at: number, block = early, r = 1) =>
    roundChangePayload(author, { round: r }, { round: at, block });

  it('needs a quorum of round changes', () => {
    expect(fresh({ roundChanges: unprepared([0, 1], 1) }).reason).to.equal('no-round-change-quorum');
    expect(fresh({ roundChanges: unprepared([0, 1, 2], 1) }).reason).to.equal('accepted');
  });

  it('for exactly (H, r)', () => {
    const otherRound = [...unprepared([0, 1], 1), ...unprepared([2], 2)];
    expect(fresh({ roundChanges: otherRound }).reason).to.equal('round-change-wrong-round');
    const otherHeight = [...unprepared([0, 1], 1), roundChangePayload(2, { height: 2, round: 1 })];
    expect(fresh({ roundChanges: otherHeight }).reason).to.equal('round-change-wrong-height');
  });

  it('from distinct validators', () => {
    expect(fresh({ roundChanges: unprepared([0, 1, 1], 1) }).reason).to.equal('round-change-duplicate-author');
    expect(fresh({ roundChanges: unprepared([0, 1, 9], 1) }).reason).to.equal('round-change-unknown-author');
  });

  it('each with preparedRound and preparedDigest both present or both absent', () => {
    const half = { ...unprepared([2], 1)[0]!, preparedRound: round(0) };
    expect(fresh({ roundChanges: [...unprepared([0, 1], 1), half] }).reason).to.equal('prepared-half-present');
  });

  it('and preparedRound < r', () => {
    const changes = [...unprepared([0, 1], 1), claim(2, 1)];
    expect(fresh({ roundChanges: changes }).reason).to.equal('prepared-round-not-below');
  });

  it('none prepared: a fresh valid block, no prepares', () => {
    const roundChanges = unprepared([0, 1, 2], 1);
    expect(fresh({ roundChanges, prepares: preparesOf([0, 1, 2], late, 0) }).reason).to.equal('unexpected-certificate');
    const desk = fresh({ roundChanges });
    expect(desk.last('check-block').mode).to.equal('fresh');
    expect(desk.signed).to.deep.equal(['prepare@1']);
  });

  it('otherwise the block of the highest preparedRound, plus a quorum of prepares for it', () => {
    const roundChanges = [...unprepared([0, 1], 1), claim(2, 0)];
    const prepares = preparesOf([0, 1, 2]);
    expect(again({ roundChanges, prepares }).signed).to.deep.equal(['prepare@1']);
    expect(again({ roundChanges, prepares }, late).reason).to.equal('proposal-not-highest-prepared');
    expect(again({ roundChanges, prepares: prepares.slice(1) }).reason).to.equal('no-prepare-quorum');
    expect(again({ roundChanges }).reason).to.equal('no-prepare-quorum');
  });

  it('highest means highest: with two certificates the later one binds', () => {
    const middle = blockOf({ proposer: 1, salt: 5 });
    const roundChanges = [claim(0, 0, early, 2), claim(1, 1, middle, 2), roundChangePayload(3, { round: 2 })];
    const desk = (block: typeof early, at: number) => {
      const fresh3 = new Desk({ self: 3 });
      const prepares = preparesOf([0, 1, 2], block, at);
      fresh3.receive(proposal(2, block, { round: 2 }, { roundChanges, prepares }));
      return fresh3.reason;
    };
    expect(desk(middle, 1)).to.equal('accepted');
    expect(desk(early, 0)).to.equal('proposal-not-highest-prepared');
  });

  it('the prepares are distinct, of (H, that round, that digest), by members', () => {
    const roundChanges = [...unprepared([0, 1], 1), claim(2, 0)];
    const reasonOf = (prepares: ReturnType<typeof preparesOf>) => again({ roundChanges, prepares }).reason;
    expect(reasonOf(preparesOf([0, 1, 1]))).to.equal('prepare-duplicate-author');
    expect(reasonOf(preparesOf([0, 1, 9]))).to.equal('prepare-unknown-author');
    expect(reasonOf(preparesOf([0, 1, 2], late))).to.equal('prepare-wrong-digest');
    expect(reasonOf(preparesOf([0, 1, 2], early, 1))).to.equal('prepare-wrong-round');
    const elsewhere = preparePayload(2, early, { height: 2 });
    expect(reasonOf([...preparesOf([0, 1]), elsewhere])).to.equal('prepare-wrong-height');
  });

  it('the proposer itself proposes the block of the highest preparedRound among its round changes', () => {
    const desk = new Desk({ self: 2 });
    const middle = blockOf({ proposer: 1, salt: 5 });
    desk.receive(roundChange(0, { round: 2 }, { round: 0, block: early }, [0, 1, 2]));
    desk.receive(roundChange(1, { round: 2 }, { round: 1, block: middle }, [0, 1, 3]));
    // f+1 = 2 others are there: it jumps, and its own round change completes the quorum.
    const own = desk.all('sign').find(({ payload }) => payload.kind === 'proposal')!;
    expect(own.payload).to.deep.include({ round: 2, digest: digestOf(middle) });
    expect(own.beside.prepares.map(({ author }) => author)).to.deep.equal([0, 1, 3].map(keyOf));
    expect(own.beside.roundChanges).to.have.length(3);
  });

  it('a proposal at r > 0 that this node makes is justified in its own eyes', () => {
    const desk = new Desk({ self: 1, builds: late });
    for (const author of [0, 2]) desk.receive(roundChange(author, { round: 1 }));
    const { payload, beside } = desk.all('sign').find(({ payload: p }) => p.kind === 'proposal')!;
    const other = new Desk({ self: 3 });
    other.receive(proposal(1, late, { round: payload.round }, { roundChanges: beside.roundChanges }));
    expect(other.reason).to.equal('accepted');
  });
});

describe('rule 4: blocks', () => {
  it('a fresh block needs header.proposer = proposer(H, r)', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, blockOf({ proposer: 2 })));
    expect(desk.reason).to.equal('wrong-header-proposer');
    const later = new Desk({ self: 3 });
    later.receive(proposal(1, early, { round: 1 }, { roundChanges: unprepared([0, 1, 2], 1) }));
    expect(later.reason).to.equal('wrong-header-proposer');
  });

  it('and full validation: nothing is prepared before the block was found valid', () => {
    const desk = new Desk({ self: 1, check: null });
    desk.receive(proposal(0, early));
    expect(desk.last('check-block')).to.include({ mode: 'fresh', digest: digestOf(early) });
    expect(desk.signed).to.deep.equal([]);
    desk.give({
      type: 'block-checked',
      height: desk.state.facts.height,
      digest: digestOf(early),
      result: { kind: 'valid' },
    });
    expect(desk.signed).to.deep.equal(['prepare@0']);
  });

  it('an invalid block is not prepared, and its proposer is reported', () => {
    const desk = new Desk({ self: 1, check: { kind: 'invalid', reason: 'wrong-state-root' } });
    desk.receive(proposal(0, early), keyOf(2));
    expect(desk.signed).to.deep.equal([]);
    expect(desk.last('report')).to.include({ peer: keyOf(0), reason: 'invalid-block' });
  });

  it('a block of another chain, height or parent, or with another digest, is rejected', () => {
    const reasonOf = (block: typeof early, named = block) => {
      const desk = new Desk({ self: 1 });
      const message = proposal(0, block);
      desk.receive({ ...message, payload: { ...message.payload, digest: digestOf(named) } });
      return desk.reason;
    };
    expect(reasonOf(blockOf({ height: 2 }))).to.equal('wrong-block-height');
    expect(reasonOf(blockOf({ parent: digestOf(late) }))).to.equal('wrong-parent');
    expect(reasonOf(early, late)).to.equal('digest-mismatch');
    const foreign = { ...early, value: { ...early.value, header: { ...early.value.header, chainId: genesisDigest } } };
    expect(
      reasonOf({
        ...foreign,
        value: { ...foreign.value, header: { ...foreign.value.header, chainId: publicKey('ee'.repeat(32)) as never } },
      }),
    ).to.equal('wrong-chain');
  });

  const again = {
    roundChanges: [...unprepared([0, 1], 1), roundChangePayload(2, { round: 1 }, { round: 0, block: early })],
    prepares: preparesOf([0, 1, 2]),
  };

  it('a re-proposed block keeps its first proposer and is checked without the clock bound', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(1, early, { round: 1 }, again));
    expect(desk.last('check-block').mode).to.equal('re-proposed');
    expect(desk.state.proposal?.block.value.header.proposer).to.equal(keyOf(0));
    expect(desk.signed).to.deep.equal(['prepare@1']);
  });

  it('a re-proposed block that was found valid here before is not executed again', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, early));
    desk.receive(proposal(1, early, { round: 1 }, again));
    expect(desk.all('check-block')).to.have.length(1);
    expect(desk.signed).to.deep.equal(['prepare@0', 'prepare@1']);
  });

  it('a re-proposed block is byte-identical: the digest covers proposer, time, beacon and parent commit', () => {
    const desk = new Desk({ self: 3 });
    const altered = blockOf({ proposer: 1, salt: 1 });
    desk.receive(proposal(1, altered, { round: 1 }, again));
    expect(desk.reason).to.equal('proposal-not-highest-prepared');
  });
});

describe('rule 5: round change', () => {
  const reasonOf = (message: ReturnType<typeof roundChange>) => {
    const desk = new Desk({ self: 2 });
    desk.receive(message);
    const isCounted = desk.state.roundChanges.some((entry) => entry !== null);
    return isCounted ? 'counted' : desk.reason;
  };
  const prepared = { round: 0, block: early };

  it('with a prepared certificate is validated in full before it is counted', () => {
    expect(reasonOf(roundChange(0, { round: 2 }, prepared, [0, 1, 2]))).to.equal('counted');
    expect(reasonOf(roundChange(0, { round: 2 }, prepared, [0, 1]))).to.equal('no-prepare-quorum');
    expect(reasonOf(roundChange(0, { round: 2 }, prepared, [0, 1, 1]))).to.equal('prepare-duplicate-author');
    expect(reasonOf(roundChange(0, { round: 2 }, prepared, [0, 1, 8]))).to.equal('prepare-unknown-author');
  });

  it('(block)', () => {
    const message = roundChange(0, { round: 2 }, prepared, [0, 1, 2]);
    expect(reasonOf({ ...message, block: null })).to.equal('certificate-block-missing');
    expect(reasonOf({ ...message, block: late })).to.equal('digest-mismatch');
  });

  it('(digest, round)', () => {
    const message = roundChange(0, { round: 2 }, prepared, [0, 1, 2]);
    expect(reasonOf({ ...message, prepares: preparesOf([0, 1, 2], late) })).to.equal('prepare-wrong-digest');
    expect(reasonOf({ ...message, prepares: preparesOf([0, 1, 2], early, 1) })).to.equal('prepare-wrong-round');
    expect(reasonOf(roundChange(0, { round: 2 }, { round: 2, block: early }, [0, 1, 2]))).to.equal(
      'prepared-round-not-below',
    );
    expect(reasonOf({ ...message, payload: { ...message.payload, preparedDigest: null } })).to.equal(
      'prepared-half-present',
    );
  });

  it('without a certificate it carries none', () => {
    const message = roundChange(0, { round: 2 });
    expect(reasonOf(message)).to.equal('counted');
    expect(reasonOf({ ...message, block: early })).to.equal('unexpected-certificate');
    expect(reasonOf({ ...message, prepares: preparesOf([0, 1, 2]) })).to.equal('unexpected-certificate');
  });

  it('there is no round change to round 0', () => {
    expect(reasonOf(roundChange(0, { round: 0 }))).to.equal('round-change-to-round-0');
  });
});
