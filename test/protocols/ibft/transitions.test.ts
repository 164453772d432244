/**
 * Goal: what each input does in each situation: verdict, effects in their order, round. Method: one table; every row
 * brings a machine (n = 4, self = 3, validator i proposes round i) into a situation and gives it one input.
 */
import { expect } from 'chai';
import { digestOf } from '../../../src/protocols/ibft/justification.ts';
import { transition } from '../../../src/protocols/ibft/machine.ts';
import type { Input } from '../../../src/protocols/ibft/machine-types.ts';
import type { ConsensusReport } from '../../../src/protocols/ibft/report.ts';
import { explain } from '../../../src/protocols/ibft/report.ts';
import { height, round } from '../../../src/protocols/shared/brands.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { Desk } from './desk.ts';
import { blockOf, commit, keyOf, keysOf, prepare, proposal, roundChange, unprepared } from './world.ts';

const block = blockOf({ proposer: 0, salt: 1 });
const own = blockOf({ proposer: 3, salt: 3 });

const fresh = (): Desk => new Desk({ self: 3, builds: own });
const due = (): Desk => {
  const desk = fresh();
  desk.expire('proposal-due');
  return desk;
};
const preparing = (): Desk => {
  const desk = due();
  desk.receive(proposal(0, block));
  return desk;
};
const committing = (): Desk => {
  const desk = preparing();
  for (const author of [0, 1]) desk.receive(prepare(author, block));
  return desk;
};
const decided = (): Desk => {
  const desk = committing();
  for (const author of [0, 1]) desk.receive(commit(author, block));
  return desk;
};
const inRound1 = (): Desk => {
  const desk = committing();
  desk.expire('round');
  return desk;
};

const from = (message: Parameters<Desk['receive']>[0]): Input => ({
  type: 'message',
  message,
  peer: message.payload.author,
});
const expiry = (timer: 'proposal-due' | 'round' | 'resend' | 'proposal-held', at = 0): Input => ({
  type: 'timer-expired',
  timer,
  height: height(1),
  round: round(at),
});
const checked: Input = { type: 'block-checked', height: height(1), digest: digestOf(block), result: { kind: 'valid' } };

const rows: readonly (readonly [string, () => Desk, Input, string, readonly string[], number])[] = [
  ['waiting: the block time comes', fresh, expiry('proposal-due'), 'accepted', ['cancel-timer', 'set-timer'], 0],
  ['waiting: a proposal comes early', fresh, from(proposal(0, block)), 'accepted', ['check-block'], 0],
  ['waiting: its own time-out is not running', fresh, expiry('round'), 'stale', [], 0],
  ['waiting: resend with nothing to send', fresh, expiry('resend'), 'accepted', ['set-timer'], 0],
  ['due: a prepare before its proposal', due, from(prepare(1, block)), 'accepted', [], 0],
  ['due: the time-out', due, expiry('round'), 'accepted', ['round-entered', 'persist', 'sign'], 1],
  ['due: the block time again', due, expiry('proposal-due'), 'stale', [], 0],
  ['due: an unexpected answer about a block', due, checked, 'stale', [], 0],
  [
    'due: an unexpected block',
    due,
    { type: 'block-built', height: height(1), round: round(0), block: own },
    'stale',
    [],
    0,
  ],
  ['due: one round change ahead', due, from(roundChange(1, { round: 4 })), 'accepted', [], 0],
  ['preparing: one more prepare', preparing, from(prepare(1, block)), 'accepted', [], 0],
  ['preparing: seals of others', preparing, from(commit(1, block)), 'accepted', [], 0],
  ['preparing: the proposal again', preparing, from(proposal(0, block)), 'duplicate', [], 0],
  ['preparing: the time-out', preparing, expiry('round'), 'accepted', ['round-entered', 'persist', 'sign'], 1],
  ['committing: a fourth prepare', committing, from(prepare(2, block)), 'accepted', [], 0],
  ['committing: resend', committing, expiry('resend'), 'accepted', ['broadcast', 'broadcast', 'set-timer'], 0],
  ['committing: a stale time-out', committing, expiry('round', 3), 'stale', [], 0],
  [
    'committing: the last seal',
    () => {
      const desk = committing();
      desk.receive(commit(0, block));
      return desk;
    },
    from(commit(1, block)),
    'accepted',
    ['cancel-timer', 'cancel-timer', 'cancel-timer', 'cancel-timer', 'decide'],
    0,
  ],
  ['decided: a late seal', decided, from(commit(2, block)), 'accepted', ['late-seal'], 0],
  ['decided: a late prepare', decided, from(prepare(2, block)), 'decided', [], 0],
  ['decided: the time-out', decided, expiry('round'), 'stale', [], 0],
  ['decided: by sync too', decided, { type: 'decided-by-sync', height: height(1) }, 'stale', [], 0],
  ['decided: links', decided, { type: 'links-changed', live: [] }, 'accepted', [], 0],
  ['round 1: a prepare of round 0', inRound1, from(prepare(2, block)), 'past-round', [], 1],
  ['round 1: a proposal of round 0', inRound1, from(proposal(0, block)), 'past-round', [], 1],
  ['round 1: a follower', inRound1, from(roundChange(0, { round: 1 })), 'accepted', [], 1],
  [
    'round 1: decided by sync',
    inRound1,
    { type: 'decided-by-sync', height: height(1) },
    'accepted',
    ['cancel-timer', 'cancel-timer', 'cancel-timer', 'cancel-timer'],
    1,
  ],
];

describe('transitions', () => {
  for (const [description, situation, input, reason, effects, roundAfter] of rows)
    it(description, () => {
      const { state } = situation();
      const next = transition(state, input);
      expect(next.verdict.kind === 'accepted' ? 'accepted' : next.verdict.reason).to.equal(reason);
      expect(next.effects.map((effect) => effect.type)).to.deep.equal(effects);
      expect(next.state.round).to.equal(roundAfter);
    });

  it('leave the state that they are given as it was', () => {
    for (const [, situation, input] of rows) {
      const { state } = situation();
      const copy = structuredClone(state);
      transition(state, input);
      expect(state).to.deep.equal(copy);
    }
  });

  it('a message of a decided height tells that its deliverer is behind; late votes of the last one do not', () => {
    const desk = fresh();
    const parent = { time: 0, proposer: keyOf(0), digest: digestOf(block) };
    desk.give({ type: 'height-started', facts: { ...desk.state.facts, height: height(5), parent } });
    desk.receive(prepare(1, block, { height: 4 }), keyOf(2));
    expect(desk.all('peer-behind')).to.deep.equal([]);
    desk.receive(roundChange(1, { height: 4, round: 2 }), keyOf(2));
    desk.receive(prepare(1, block, { height: 3 }), keyOf(1));
    expect(desk.all('peer-behind').map(({ peer, height: at }) => [peer, at])).to.deep.equal([
      [keyOf(2), 4],
      [keyOf(1), 3],
    ]);
  });

  it('a block built for a round that is over is not proposed', () => {
    const desk = new Desk({ self: 3, builds: null });
    for (const author of [0, 1, 2]) desk.receive(roundChange(author, { round: 3 }));
    expect(desk.all('build-block')).to.have.length(1);
    desk.expire('round');
    desk.give({ type: 'block-built', height: height(1), round: round(3), block: own });
    expect(desk.reason).to.equal('stale');
    expect(desk.signed).to.deep.equal(['round-change@3', 'round-change@4']);
  });

  it('a certificate that comes while the block is built is proposed instead', () => {
    const desk = new Desk({ self: 3, builds: null });
    for (const author of [0, 1]) desk.receive(roundChange(author, { round: 3 }));
    desk.receive(roundChange(2, { round: 3 }, { round: 0, block }, [0, 1, 2]));
    desk.give({ type: 'block-built', height: height(1), round: round(3), block: own });
    const proposed = desk.all('sign').find(({ payload }) => payload.kind === 'proposal');
    expect(proposed?.beside.block).to.equal(block);
  });

  it('what its own actor must never do is an InvariantError', () => {
    const { state } = due();
    expect(() => transition(state, { type: 'signed', message: prepare(0, block) })).to.throw(InvariantError);
    const building = new Desk({ self: 0, builds: null });
    building.expire('proposal-due');
    const foreign: Input = { type: 'block-built', height: height(1), round: round(0), block: own };
    expect(() => transition(building.state, foreign)).to.throw(InvariantError);
  });
});

describe('report', () => {
  const cases: readonly (readonly [string, () => Desk, Partial<ConsensusReport>])[] = [
    ['waiting for the block time', fresh, { step: 'waiting', waitingFor: 'the block time', roundTimeoutMs: null }],
    [
      'waiting for the proposer',
      due,
      {
        step: 'awaiting-proposal',
        proposer: keyOf(0),
        missing: [{ kind: 'proposal', needed: 1, from: [keyOf(0)] }],
        roundTimeoutMs: 1000,
      },
    ],
    [
      'prepares are missing',
      preparing,
      {
        step: 'preparing',
        waitingFor: 'prepares: 1 of 3',
        missing: [{ kind: 'prepare', needed: 2, from: [0, 1, 2].map(keyOf) }],
      },
    ],
    [
      'seals are missing',
      committing,
      {
        step: 'committing',
        preparedRound: round(0),
        waitingFor: 'commits: 1 of 3',
        missing: [{ kind: 'commit', needed: 2, from: [0, 1, 2].map(keyOf) }],
      },
    ],
    ['decided', decided, { step: 'decided', missing: [] }],
    [
      'a quorum is not in the round',
      inRound1,
      {
        step: 'awaiting-proposal',
        waitingFor: 'a quorum to reach round 1: 1 of 3, no time-out runs until then',
        roundTimeoutMs: null,
        missing: [
          { kind: 'proposal', needed: 1, from: [keyOf(1)] },
          { kind: 'round-change', needed: 2, from: [0, 1, 2].map(keyOf) },
        ],
      },
    ],
  ];
  for (const [description, situation, expected] of cases)
    it(description, () => {
      const report = explain(situation().state);
      for (const [field, value] of Object.entries(expected))
        expect(report[field as keyof ConsensusReport], field).to.deep.equal(value);
    });

  it('names where each validator is and whether it is linked', () => {
    const desk = new Desk({ self: 3, live: [0, 1] });
    desk.receive(roundChange(0, { round: 6 }));
    expect(explain(desk.state).validators).to.deep.equal(
      keysOf(4).map((publicKey, index) => ({
        publicKey,
        round: index === 0 ? 6 : index === 3 ? 0 : null,
        isLive: index !== 2,
      })),
    );
  });

  it('says that an invalid block, a block from the future or a missing decided block is waited out', () => {
    const invalid = new Desk({ self: 3, check: { kind: 'invalid', reason: 'wrong-state-root' } });
    invalid.expire('proposal-due');
    invalid.receive(proposal(1, blockOf({ proposer: 1 }), { round: 1 }, { roundChanges: unprepared([0, 1, 2], 1) }));
    expect(explain(invalid.state).waitingFor).to.equal('the time-out of round 1: its block is invalid');
    const held = new Desk({ self: 3, check: { kind: 'early', validAtMs: 1 } });
    held.receive(proposal(0, block));
    expect(explain(held.state).step).to.equal('held');
    const missing = new Desk({ self: 3 });
    for (const author of [0, 1, 2]) missing.receive(commit(author, block));
    expect(explain(missing.state).waitingFor).to.equal('the decided block, from a peer that has it');
  });
});
