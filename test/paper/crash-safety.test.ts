/**
 * Goal: every sentence of "Crash safety" that is the machine's to keep holds: what is persisted before what is sent, and
 * where a restarted validator goes on. Method: a desk whose journal is taken at any effect and given to a new machine.
 */
import { expect } from 'chai';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import { resumptionOf } from '../../src/protocols/ibft/journal.ts';
import { createMachine } from '../../src/protocols/ibft/machine.ts';
import type { Effect, JournalRecord } from '../../src/protocols/ibft/machine-types.ts';
import { InvariantError } from '../../src/protocols/shared/errors.ts';
import { height, round } from '../../src/protocols/shared/brands.ts';
import { Desk, type DeskOptions } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  chain,
  commit,
  factsOf,
  keyOf,
  prepare,
  proposal,
  roundChange,
  unprepared,
} from '../protocols/ibft/world.ts';

const block = blockOf({ proposer: 0, salt: 1 });
const late = blockOf({ proposer: 1, salt: 2 });

const recordsOf = (effects: readonly Effect[]): readonly JournalRecord[] =>
  effects.flatMap((effect) => (effect.type === 'persist' ? [effect.record] : []));

const restarted = (desk: Desk, options: DeskOptions = {}): Desk =>
  new Desk({ self: 3, ...options, records: recordsOf(desk.effects) });

/** Validator 3 that prepared and committed in round 0, timed out and prepared again in round 1. */
function busy(): Desk {
  const desk = new Desk({ self: 3 });
  desk.expire('proposal-due');
  desk.receive(proposal(0, block));
  for (const author of [0, 1]) desk.receive(prepare(author, block));
  desk.expire('round');
  return desk;
}

describe('crash safety: before sending', () => {
  const order = (desk: Desk, upTo: string): readonly string[] => {
    const names: string[] = [];
    for (const effect of desk.effects) {
      if (effect.type === 'persist') names.push(`${effect.record.type}@${effect.record.round}`);
      if (effect.type === 'sign' && effect.payload.kind === upTo) return [...names, 'sent'];
    }
    return names;
  };

  it('Proposal: its block and justification are persisted', () => {
    const desk = new Desk({ self: 1, builds: late });
    for (const author of [0, 2]) desk.receive(roundChange(author, { round: 1 }));
    expect(order(desk, 'proposal')).to.deep.equal(['round@1', 'accepted@1', 'sent']);
    const record = recordsOf(desk.effects).find(({ type }) => type === 'accepted');
    expect(record).to.deep.include({ block: late, roundChanges: desk.state.proposal?.roundChanges });
  });

  it('Prepare: the accepted proposal with its justification, block executed and stored', () => {
    const desk = new Desk({ self: 3, check: null });
    desk.receive(proposal(0, block));
    expect(recordsOf(desk.effects)).to.deep.equal([]);
    desk.give({ type: 'block-checked', height: height(1), digest: digestOf(block), result: { kind: 'valid' } });
    expect(order(desk, 'prepare')).to.deep.equal(['accepted@0', 'sent']);
  });

  it('Commit: the prepared certificate: round, block, quorum prepares', () => {
    expect(order(busy(), 'commit')).to.deep.equal(['accepted@0', 'prepared@0', 'sent']);
  });

  it('RoundChange(r): r', () => {
    expect(order(busy(), 'round-change')).to.deep.equal(['accepted@0', 'prepared@0', 'round@1', 'sent']);
  });

  it('after RoundChange(r) no Prepare or Commit below r', () => {
    const desk = new Desk({ self: 3, check: null });
    desk.expire('proposal-due');
    desk.receive(proposal(0, block));
    desk.expire('round');
    desk.give({ type: 'block-checked', height: height(1), digest: digestOf(block), result: { kind: 'valid' } });
    for (const author of [0, 1, 2]) desk.receive(prepare(author, block));
    expect(desk.signed).to.deep.equal(['round-change@1']);
    const again = restarted(desk);
    again.receive(proposal(0, block));
    for (const author of [0, 1, 2]) again.receive(prepare(author, block));
    expect(again.signed).to.deep.equal(['round-change@1']);
  });

  it('no round change with a lower preparedRound than held, after a restart neither', () => {
    for (const desk of [busy(), restarted(busy())]) {
      for (const author of [0, 1]) desk.receive(roundChange(author, { round: 6 }));
      expect(desk.last('sign').payload).to.include({ round: 6, preparedRound: 0, preparedDigest: digestOf(block) });
      expect(desk.last('sign').beside.prepares).to.have.length(3);
    }
  });

  it('any message of H+1: block H and its seals (the machine goes on only when told that they are stored)', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, block));
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    const signed = desk.signed.length;
    const next = blockOf({ height: 2, parent: digestOf(block), proposer: 1 });
    desk.receive(proposal(1, next, { height: 2 }));
    desk.expire('round');
    expect(desk.signed).to.have.length(signed);
    const parent = { time: block.value.header.time, proposer: keyOf(0), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: factsOf(4, { height: height(2), parent }) });
    expect(desk.signed.slice(signed)).to.deep.equal(['prepare@0']);
  });
});

describe('crash safety: restart', () => {
  it('the validator resumes at the last persisted round, not round 0', () => {
    expect(restarted(busy()).state.round).to.equal(1);
    const jumped = new Desk({ self: 3 });
    for (const author of [0, 1]) jumped.receive(roundChange(author, { round: 9 }));
    expect(restarted(jumped).state.round).to.equal(9);
  });

  it('the round of a proposal that it followed is persisted with it', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(1, late, { round: 1 }, { roundChanges: unprepared([0, 1, 2], 1) }));
    expect(restarted(desk).state.round).to.equal(1);
  });

  it('the prepared certificate is still held', () => {
    expect(restarted(busy()).state.prepared).to.deep.include({ round: 0, digest: digestOf(block) });
  });

  it('everything of the last round is asked to be signed again, with the same content', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, block));
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    const asked = (of: Desk) => of.all('sign').map(({ payload }) => payload);
    expect(asked(restarted(desk))).to.deep.equal(asked(desk));
  });

  it('a proposer makes the same proposal again, not another', () => {
    const desk = new Desk({ self: 0, builds: block });
    desk.expire('proposal-due');
    const again = restarted(desk, { self: 0, builds: blockOf({ proposer: 0, salt: 99 }) });
    again.expire('proposal-due');
    expect(again.all('build-block')).to.deep.equal([]);
    const proposals = again.all('sign').filter(({ payload }) => payload.kind === 'proposal');
    expect(proposals.map(({ payload }) => payload)).to.deep.equal([desk.all('sign')[0]?.payload]);
  });

  it('another proposal for the round it had accepted one in is refused', () => {
    const again = restarted(busyInRound0());
    again.receive(proposal(0, blockOf({ proposer: 0, salt: 50 })));
    expect(again.reason).to.equal('equivocation');
  });

  function busyInRound0(): Desk {
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, block));
    return desk;
  }

  it('the block is executed again before anything is prepared or committed', () => {
    const again = restarted(busyInRound0(), { check: null });
    expect(again.last('check-block').mode).to.equal('re-proposed');
    expect(again.signed).to.deep.equal([]);
  });

  it('replay is idempotent: records doubled, or a restart of a restart, give the same machine', () => {
    const records = recordsOf(busy().effects);
    const start = (given: readonly JournalRecord[]) =>
      createMachine({ chainId: chain, self: keyOf(3), facts: factsOf(4), records: given, live: [] });
    const once = start(records);
    expect(start([...records, ...records])).to.deep.equal(once);
    expect(start([...records, ...recordsOf(once.effects)])).to.deep.equal(once);
  });

  it('records of other heights say nothing', () => {
    const records = recordsOf(busy().effects).map((record) => ({ ...record, height: height(9) }));
    expect(new Desk({ self: 3, records }).state.round).to.equal(0);
  });

  it('a torn tail is a shorter journal: any prefix of it resumes', () => {
    const records = recordsOf(busy().effects);
    const rounds = [0, 1, 2, 3].map((length) => new Desk({ self: 3, records: records.slice(0, length) }).state.round);
    expect(rounds).to.deep.equal([0, 0, 0, 1]);
  });

  it('a journal that lacks what it names is ours to answer for', () => {
    const record: JournalRecord = {
      type: 'round',
      height: height(1),
      round: round(3),
      preparedRound: round(2),
      preparedDigest: digestOf(block),
    };
    expect(() => resumptionOf([record], height(1))).to.throw(InvariantError);
  });
});

describe('the guard', () => {
  it('refused: nothing is sent, and the validator goes on', () => {
    const desk = new Desk({ self: 3, signs: false });
    desk.receive(proposal(0, block));
    desk.give({ type: 'sign-refused', payload: desk.last('sign').payload, permanent: true });
    expect(desk.reason).to.equal('sign-refused');
    desk.expire('resend');
    expect(desk.all('sign')).to.have.length(1);
    expect(desk.all('broadcast')).to.deep.equal([]);
    for (const author of [0, 1, 2]) desk.receive(commit(author, block));
    expect(desk.all('decide')).to.have.length(1);
  });

  it('refused for now: asked again with every resend', () => {
    const desk = new Desk({ self: 3, signs: false });
    desk.receive(proposal(0, block));
    for (let i = 0; i < 2; i++) {
      desk.give({ type: 'sign-refused', payload: desk.last('sign').payload, permanent: false });
      desk.expire('resend');
    }
    expect(desk.signed).to.deep.equal(['prepare@0', 'prepare@0', 'prepare@0']);
  });

  it('a validator never asks to sign two contents for one (H, r, kind), whatever order its inputs come in', () => {
    const desk = new Desk({ self: 1, builds: late });
    for (const author of [0, 2, 3]) desk.receive(roundChange(author, { round: 1 }));
    desk.receive(roundChange(3, { round: 1 }));
    const names = desk.signed;
    expect(new Set(names).size).to.equal(names.length);
  });
});
