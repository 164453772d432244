/**
 * Goal: every sentence of rules 12 to 14, of the machine's clocklessness and of evidence holds. Method: one machine on a
 * desk, n = 4, validator i proposes round i.
 */
import { expect } from 'chai';
import { transition } from '../../src/protocols/ibft/machine.ts';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import type { Input } from '../../src/protocols/ibft/machine-types.ts';
import { height } from '../../src/protocols/shared/brands.ts';
import { Desk } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  commit,
  factsOf,
  genesisTime,
  keyOf,
  preparePayload,
  prepare,
  proposal,
  roundChange,
  setOf,
  unprepared,
} from '../protocols/ibft/world.ts';

const block = blockOf({ proposer: 0, salt: 1 });
const validAtMs = genesisTime + 9000;

describe('rule 12: clock', () => {
  const held = () => {
    const desk = new Desk({ self: 3, check: { kind: 'early', validAtMs } });
    desk.receive(proposal(0, block), keyOf(2));
    return desk;
  };

  it('a proposal from the future is held until it is valid', () => {
    const desk = held();
    expect(desk.state.proposal?.status).to.equal('held');
    expect(desk.running('proposal-held')?.due).to.deep.equal({ atMs: validAtMs });
    desk.expire('proposal-held');
    expect(desk.all('check-block')).to.have.length(2);
    expect(desk.state.proposal?.status, 'still early').to.equal('held');
  });

  it('once its time has come it is prepared', () => {
    const desk = new Desk({ self: 3, check: null });
    const answer = (result: Extract<Input, { type: 'block-checked' }>['result']) =>
      desk.give({ type: 'block-checked', height: height(1), digest: digestOf(block), result });
    desk.receive(proposal(0, block));
    answer({ kind: 'early', validAtMs });
    expect(desk.signed).to.deep.equal([]);
    desk.expire('proposal-held');
    answer({ kind: 'valid' });
    expect(desk.signed).to.deep.equal(['prepare@0']);
  });

  it('never refused for that or counted against the peer', () => {
    const desk = held();
    expect(desk.verdict).to.deep.equal({ kind: 'accepted' });
    expect(desk.all('report')).to.deep.equal([]);
  });

  it('the round goes on while a proposal is held, and leaving the round drops it', () => {
    const desk = held();
    desk.expire('proposal-due');
    desk.expire('round');
    expect(desk.state.round).to.equal(1);
    expect(desk.running('proposal-held')).to.equal(null);
    desk.expire('proposal-held', 0);
    expect(desk.reason).to.equal('stale');
  });

  it('the state machine never reads a clock: the same inputs give the same transition', () => {
    const desk = new Desk({ self: 3, check: null });
    const input: Input = { type: 'message', message: proposal(0, block), peer: keyOf(0) };
    const before = structuredClone(desk.state);
    const [first, second] = [transition(desk.state, input), transition(desk.state, input)];
    expect(first).to.deep.equal(second);
    expect(desk.state, 'the state given is left as it was').to.deep.equal(before);
  });
});

describe('rule 13: validator set', () => {
  it('the set of H is the one that the facts of H name: its members, its quorum', () => {
    const desk = new Desk({ self: 3 });
    desk.give({ type: 'decided-by-sync', height: height(1) });
    const parent = { time: genesisTime + 2000, proposer: keyOf(3), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: factsOf(7, { height: height(2), parent, set: setOf(7) }) });
    const next = blockOf({ height: 2, parent: digestOf(block), proposer: 4, salt: 3 });
    desk.receive(proposal(4, next, { height: 2 }));
    expect(desk.signed).to.deep.equal(['prepare@0']);
    for (const author of [0, 1, 2]) desk.receive(prepare(author, next, { height: 2 }));
    expect(desk.signed).to.deep.equal(['prepare@0']);
    desk.receive(prepare(6, next, { height: 2 }));
    expect(desk.signed).to.deep.equal(['prepare@0', 'commit@0']);
  });

  it('a validator that left the set goes on as an observer', () => {
    const desk = new Desk({ self: 3 });
    const set = { ...setOf(4), validators: setOf(5).validators.filter((_, index) => index !== 3) };
    const parent = { time: genesisTime + 2000, proposer: keyOf(2), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: factsOf(4, { height: height(2), parent, set }) });
    const next = blockOf({ height: 2, parent: digestOf(block), proposer: 4, salt: 3 });
    desk.receive(proposal(4, next, { height: 2 }));
    for (const author of [0, 1, 2]) desk.receive(commit(author, next, { height: 2 }));
    expect(desk.signed).to.deep.equal([]);
    expect(desk.last('decide').height).to.equal(2);
  });
});

describe('rule 14: messages are bound to chain, height, round, kind, author; anything else changes nothing', () => {
  const refusals: readonly [string, Parameters<Desk['receive']>[0], string][] = [
    ['author', prepare(8, block), 'unknown-author'],
    // Seed 1 of validator-churn: who had joined while this one was down was held to be a stranger, and reported for it.
    ['author of a later height', prepare(8, block, { height: 2 }), 'not-yet-member'],
    ['author of a proposal', proposal(1, block), 'not-the-proposer'],
    ['height, past', prepare(1, block, { height: 0 }), 'past-height'],
    ['height, too far', prepare(1, block, { height: 12 }), 'height-too-far'],
    ['round of a proposal', proposal(1, blockOf({ proposer: 1 }), { round: 1 }), 'no-round-change-quorum'],
    ['round change to round 0', roundChange(1, { round: 0 }), 'round-change-to-round-0'],
  ];
  for (const [name, message, reason] of refusals)
    it(`${name}: ${reason}`, () => {
      const desk = new Desk({ self: 3 });
      const before = desk.state;
      desk.receive(message);
      expect(desk.reason).to.equal(reason);
      expect(desk.state).to.deep.equal(before);
      expect(desk.signed).to.deep.equal([]);
    });

  it('chain: a block of another chain is rejected (signatures of another chain never reach the machine)', () => {
    const foreign = {
      ...block,
      value: { ...block.value, header: { ...block.value.header, chainId: keyOf(1) as never } },
    };
    const desk = new Desk({ self: 3 });
    desk.receive(proposal(0, foreign));
    expect(desk.reason).to.equal('wrong-chain');
  });

  it('kind: a prepare is no commit', () => {
    const desk = new Desk({ self: 3 });
    for (const author of [0, 1, 2]) desk.receive(prepare(author, block));
    expect(desk.all('decide')).to.deep.equal([]);
    expect(desk.all('fetch-block')).to.deep.equal([]);
  });

  it('every refusal is a verdict with a reason code, found later too, for the delivering link', () => {
    const desk = new Desk({ self: 3 });
    const bad = proposal(1, blockOf({ height: 2, parent: digestOf(block), proposer: 1 }), { height: 2 });
    desk.receive(bad, keyOf(2));
    expect(desk.reason).to.equal('accepted');
    desk.give({ type: 'decided-by-sync', height: height(1) });
    const parent = { time: genesisTime + 2000, proposer: keyOf(1), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: factsOf(4, { height: height(2), parent }) });
    expect(desk.last('report')).to.deep.include({ peer: keyOf(2), reason: 'not-the-proposer' });
  });
});

describe('evidence: amnesia and round changes', () => {
  it('amnesia: Commit(H, r) and RoundChange(H, r′), r′ > r, preparedRound absent or < r, in either order', () => {
    const claims = [roundChange(0, { round: 5 }), roundChange(0, { round: 5 }, { round: 1, block }, [0, 1, 2])];
    for (const claim of claims)
      for (const messages of [
        [commit(0, block, { round: 2 }), claim],
        [claim, commit(0, block, { round: 2 })],
      ]) {
        const desk = new Desk({ self: 3 });
        for (const message of messages) desk.receive(message);
        const { offender, conflict } = desk.last('evidence');
        expect(offender).to.equal(keyOf(0));
        expect(conflict.kind).to.equal('amnesia');
        expect([conflict.first.round, conflict.second.round]).to.deep.equal([2, 5]);
      }
  });

  it('a round change that knows of the commit’s certificate, or comes before it, is no amnesia', () => {
    for (const claim of [
      roundChange(0, { round: 5 }, { round: 2, block }, [0, 1, 2]),
      roundChange(0, { round: 5 }, { round: 3, block }, [0, 1, 2]),
      roundChange(0, { round: 2 }),
    ]) {
      const desk = new Desk({ self: 3 });
      desk.receive(commit(0, block, { round: 2 }));
      desk.receive(claim);
      expect(desk.all('evidence')).to.deep.equal([]);
    }
  });

  it('two round changes of one round with different claims are equivocation', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(roundChange(0, { round: 2 }));
    desk.receive(roundChange(0, { round: 2 }, { round: 0, block }, [0, 1, 2]));
    expect(desk.reason).to.equal('equivocation');
    expect(desk.last('evidence').conflict.kind).to.equal('round-change');
  });

  it('conflicts are found in messages of later heights too', () => {
    const desk = new Desk({ self: 3 });
    desk.receive(prepare(0, block, { height: 3 }));
    desk.receive(prepare(0, blockOf({ salt: 8 }), { height: 3 }));
    expect(desk.last('evidence')).to.deep.include({ offender: keyOf(0), height: 3 });
  });
});

describe('observers', () => {
  it('follow rounds and decide, but sign nothing, persist nothing and run no round timer', () => {
    const desk = new Desk({ self: null });
    const late = blockOf({ proposer: 1 });
    const roundChanges = unprepared([0, 1, 2], 1);
    desk.receive(proposal(1, late, { round: 1 }, { roundChanges }));
    for (const author of [0, 1, 2]) desk.receive(prepare(author, late, { round: 1 }));
    for (const author of [0, 1, 2]) desk.receive(commit(author, late, { round: 1 }));
    expect(desk.last('decide').round).to.equal(1);
    expect(desk.last('decide').checked).to.equal(true);
    for (const type of ['sign', 'persist', 'set-timer'] as const) expect(desk.all(type)).to.deep.equal([]);
  });

  it('jump with f+1 others', () => {
    const desk = new Desk({ self: null });
    for (const author of [0, 1]) desk.receive(roundChange(author, { round: 4 }));
    expect(desk.state.round).to.equal(4);
    expect(desk.signed).to.deep.equal([]);
  });
});

it('a prepare inside a certificate takes no slot', () => {
  const desk = new Desk({ self: 1, count: 4 });
  desk.receive(roundChange(0, { round: 5 }, { round: 0, block }, [0, 2, 3]));
  const payload = preparePayload(2, blockOf({ salt: 4 }));
  desk.receive({ type: 'prepare', payload } as Parameters<Desk['receive']>[0]);
  expect(desk.reason).to.equal('accepted');
});
