/**
 * Goal: every sentence of rules 9 to 11 of the consensus rules holds: time-outs, jumps, resends. Method: one machine on
 * a desk; n = 7 where f must be more than 1.
 */
import { expect } from 'chai';
import { hopelessRoundMs, resendMs, roundTimeoutMs } from '../../src/protocols/ibft/timeouts.ts';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import { Desk, type DeskOptions } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  keyOf,
  parameters,
  prepare,
  preparePayload,
  proposal,
  range,
  roundChange,
  roundChangePayload,
  unprepared,
} from '../protocols/ibft/world.ts';

const base = parameters.roundTimeoutBaseMs;
const block = blockOf({ proposer: 0, salt: 1 });

/** Validator 3 in round 0 with its timer running. */
function due(options: DeskOptions = {}): Desk {
  const desk = new Desk({ self: 3, ...options });
  desk.expire('proposal-due');
  return desk;
}

/** Everyone else follows to the desk's round. */
function follow(desk: Desk, authors: readonly number[], round: number = desk.state.round): void {
  for (const author of authors) desk.receive(roundChange(author, { round }));
}

const duration = (desk: Desk): number | null => {
  const timer = desk.running('round');
  return timer === null || !('afterMs' in timer.due) ? null : timer.due.afterMs;
};

describe('rule 9: time-out', () => {
  it('the timer of r > 0 starts only when a quorum is known to be at rounds ≥ r', () => {
    const desk = due();
    desk.expire('round');
    expect(desk.state.round).to.equal(1);
    expect(duration(desk)).to.equal(null);
    follow(desk, [0]);
    expect(duration(desk)).to.equal(null);
    follow(desk, [1]);
    expect(duration(desk)).to.equal(base);
  });

  it('a validator at a higher round counts', () => {
    const desk = due({ count: 7, self: 6 });
    desk.expire('round');
    follow(desk, [0, 1, 2], 1);
    follow(desk, [4], 9);
    expect(duration(desk)).to.equal(base);
  });

  it('(round changes inside justifications count)', () => {
    const desk = new Desk({ self: 3, check: null });
    const late = blockOf({ proposer: 1 });
    desk.receive(proposal(1, late, { round: 1 }, { roundChanges: unprepared([0, 1, 2], 1) }));
    expect(duration(desk)).to.equal(base);
  });

  it('a vote shows where its author is, like a round change', () => {
    const desk = due();
    desk.expire('round');
    desk.receive(prepare(0, block, { round: 1 }));
    desk.receive(prepare(1, block, { round: 1 }));
    expect(duration(desk)).to.equal(base);
  });

  it('duration = min(cap, base·2^max(0, e−f)), saturating', () => {
    const capped = { ...parameters, roundTimeoutBaseMs: 1000, roundTimeoutMaxMs: 60_000 };
    const durations = range(12).map((expiries) => roundTimeoutMs(capped, expiries, 2));
    expect(durations).to.deep.equal([
      1000, 1000, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000,
    ]);
    expect(roundTimeoutMs(capped, 1_000_000_000, 1)).to.equal(60_000);
    expect(roundTimeoutMs({ ...capped, roundTimeoutMaxMs: 500 }, 0, 1)).to.equal(500);
  });

  it('defaults of the chain’s own parameters: base 1 s, cap 60 s', () => {
    expect(parameters).to.include({ roundTimeoutBaseMs: 1000, roundTimeoutMaxMs: 60_000 });
  });

  /** Expires the current round with everyone following. */
  function goThrough(desk: Desk, rounds: number): void {
    for (let i = 0; i < rounds; i++) {
      desk.expire('round');
      follow(desk, [0, 1, 2]);
    }
  }

  it('e counts this height’s expiries during which a quorum of links was live throughout', () => {
    const desk = due({ builds: null });
    goThrough(desk, 4);
    expect(desk.state.expiries).to.equal(4);
    expect(duration(desk)).to.equal(base * 8);
  });

  it('an expiry without a live quorum of links is not counted', () => {
    const desk = due({ live: [0], builds: null });
    goThrough(desk, 4);
    expect(desk.state.expiries).to.equal(0);
    expect(duration(desk)).to.equal(base);
  });

  it('nor one during which it was lost and came back', () => {
    const desk = due({ builds: null });
    desk.give({ type: 'links-changed', live: [keyOf(0)] });
    desk.give({ type: 'links-changed', live: [0, 1, 2].map(keyOf) });
    desk.expire('round');
    expect(desk.state.expiries).to.equal(0);
  });

  it('e is set to 0 when that quorum is lost', () => {
    const desk = due({ builds: null });
    goThrough(desk, 4);
    desk.give({ type: 'links-changed', live: [keyOf(0), keyOf(1)] });
    expect(desk.state.expiries, 'three of four are live: a quorum').to.equal(4);
    desk.give({ type: 'links-changed', live: [keyOf(0)] });
    expect(desk.state.expiries).to.equal(0);
  });

  it('a long time-out from before an outage does not outlive it', () => {
    const desk = due({ builds: null });
    goThrough(desk, 5);
    expect(duration(desk)).to.equal(base * 16);
    desk.give({ type: 'links-changed', live: [] });
    desk.give({ type: 'links-changed', live: [0, 1, 2].map(keyOf) });
    expect(desk.running('round')).to.deep.include({ due: { afterMs: base }, keepEarlier: true });
  });

  it('on expiry: r+1, and the round change is persisted, then sent', () => {
    const desk = due();
    const before = desk.effects.length;
    desk.expire('round');
    const kinds = desk.effects.slice(before).map((effect) => effect.type);
    expect(kinds).to.deep.equal(['round-entered', 'persist', 'sign']);
    expect(desk.last('persist').record).to.include({ type: 'round', round: 1 });
    expect(desk.last('sign').payload).to.include({ kind: 'round-change', round: 1, preparedRound: null });
  });

  it('on expiry the prepared certificate is kept, and sent along', () => {
    const desk = due();
    desk.receive(proposal(0, block));
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    desk.expire('round');
    const { payload, beside } = desk.last('sign');
    expect(payload).to.include({ kind: 'round-change', round: 1, preparedRound: 0, preparedDigest: digestOf(block) });
    expect(beside.block).to.equal(block);
    expect(beside.prepares.map(({ author }) => author)).to.deep.equal([0, 1, 3].map(keyOf));
  });

  it('a stale expiry changes nothing', () => {
    const desk = due();
    desk.expire('round');
    desk.expire('round', 0);
    expect(desk.reason).to.equal('stale');
    expect(desk.state.round).to.equal(1);
  });

  describe('addition: hopeless rounds', () => {
    const five = { count: 7, self: 0, live: [1, 2, 3, 4] };

    it('a round in which fewer than a quorum of live validators can vote is left after base/16', () => {
      const desk = due(five);
      expect(duration(desk)).to.equal(base);
      desk.receive(roundChange(4, { round: 9 }));
      expect(desk.running('round')).to.deep.include({
        due: { afterMs: hopelessRoundMs(parameters) },
        keepEarlier: true,
      });
      desk.expire('round');
      expect(desk.state.round).to.equal(1);
      expect(desk.state.expiries, 'not counted in e').to.equal(0);
    });

    it('a round that f dead validators left hopeful runs its whole time-out', () => {
      const desk = due({ count: 7, self: 0 });
      desk.receive(roundChange(4, { round: 9 }));
      expect(duration(desk)).to.equal(base);
    });

    it('a validator that committed before it went on has given what the round needs', () => {
      const desk = due(five);
      desk.receive({ type: 'commit', payload: preparePayload(4, block) } as Parameters<Desk['receive']>[0]);
      desk.receive(roundChange(4, { round: 9 }, { round: 0, block }, [1, 2, 3, 4, 5]));
      expect(duration(desk)).to.equal(base);
    });

    it('a cut that turns out wrong is made once a round, and the rest of the time-out runs', () => {
      const desk = due(five);
      desk.receive(roundChange(4, { round: 9 }));
      desk.give({ type: 'links-changed', live: range(7).map(keyOf) });
      desk.expire('round');
      expect(desk.state.round).to.equal(0);
      expect(duration(desk)).to.equal(base - hopelessRoundMs(parameters));
      desk.give({ type: 'links-changed', live: [1, 2, 3, 4].map(keyOf) });
      expect(duration(desk)).to.equal(base - hopelessRoundMs(parameters));
      desk.expire('round');
      expect(desk.state.round).to.equal(1);
    });
  });
});

describe('rule 10: jump', () => {
  it('f+1 distinct validators at higher rounds → move to the smallest of those rounds, send round change', () => {
    const desk = due({ count: 7, self: 6 });
    follow(desk, [0], 5);
    follow(desk, [1], 4);
    expect(desk.state.round).to.equal(0);
    follow(desk, [2], 7);
    expect(desk.state.round).to.equal(4);
    expect(desk.signed).to.deep.equal(['round-change@4']);
    expect(desk.last('round-entered').cause).to.equal('jump');
  });

  it('the same validator twice is not two', () => {
    const desk = due();
    follow(desk, [0], 3);
    follow(desk, [0], 4);
    expect(desk.state.round).to.equal(0);
  });

  it('f validators alone move nobody, however high they claim to be', () => {
    const desk = due();
    follow(desk, [0], 2 ** 31 - 1);
    expect(desk.state.round).to.equal(0);
  });

  it('the jump is persisted before the round change leaves', () => {
    const desk = due();
    follow(desk, [0, 1], 6);
    const kinds = desk.effects.slice(-3).map((effect) => effect.type);
    expect(kinds).to.include.members(['persist', 'sign']);
    expect(desk.last('persist').record).to.include({ type: 'round', round: 6 });
  });

  it('a jump keeps the prepared certificate', () => {
    const desk = due();
    desk.receive(proposal(0, block));
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    follow(desk, [0, 1], 6);
    expect(desk.last('sign').payload).to.include({ round: 6, preparedRound: 0 });
  });

  it('a valid justified proposal of a future round moves the round too', () => {
    const desk = due();
    const late = blockOf({ proposer: 2 });
    desk.receive(proposal(2, late, { round: 2 }, { roundChanges: unprepared([0, 1, 2], 2) }));
    expect(desk.state.round).to.equal(2);
    expect(desk.signed).to.deep.equal(['prepare@2']);
    expect(desk.last('round-entered').cause).to.equal('proposal');
  });

  it('an unjustified proposal of a future round changes nothing', () => {
    const desk = due();
    const before = desk.state;
    desk.receive(proposal(2, blockOf({ proposer: 2 }), { round: 2 }, { roundChanges: unprepared([0, 1], 2) }));
    expect(desk.verdict).to.deep.equal({ kind: 'rejected', reason: 'no-round-change-quorum' });
    expect(desk.state).to.deep.equal(before);
  });

  it('a round moves up only', () => {
    const desk = due();
    follow(desk, [0, 1], 6);
    follow(desk, [2], 3);
    desk.receive(proposal(1, block, { round: 1 }, { roundChanges: unprepared([0, 1, 2], 1) }));
    expect(desk.reason).to.equal('past-round');
    expect(desk.state.round).to.equal(6);
  });
});

describe('rule 11: resend', () => {
  it('latest own messages of the height go out again every base/2, always', () => {
    const desk = due();
    expect(desk.running('resend')?.due).to.deep.equal({ afterMs: resendMs(parameters) });
    expect(resendMs(parameters)).to.equal(base / 2);
    desk.receive(proposal(0, block));
    for (const author of [0, 1]) desk.receive(prepare(author, block));
    for (let i = 0; i < 3; i++) desk.expire('resend');
    const again = desk.all('broadcast').map(({ message }) => message.type);
    expect(again).to.deep.equal(['prepare', 'commit', 'prepare', 'commit', 'prepare', 'commit']);
    expect(desk.running('resend')).to.not.equal(null);
  });

  it('a proposer sends its proposal again, with its justification', () => {
    const desk = due({ self: 1, builds: blockOf({ proposer: 1 }) });
    follow(desk, [0, 2], 1);
    desk.expire('resend');
    const sent = desk.all('broadcast').map(({ message }) => message);
    const again = sent.find((message) => message.type === 'proposal');
    expect(again?.roundChanges).to.have.length(3);
    expect(sent.map((message) => message.type)).to.include('round-change');
  });

  it('and on link-up, to the peer that came up', () => {
    const desk = due({ live: [0, 1] });
    desk.receive(proposal(0, block));
    desk.give({ type: 'links-changed', live: [0, 1, 2].map(keyOf) });
    expect(desk.all('send').map(({ to, message }) => [to, message.type])).to.deep.equal([[keyOf(2), 'prepare']]);
  });

  it('the latest round change goes, not earlier ones', () => {
    const desk = due();
    follow(desk, [0, 1], 4);
    follow(desk, [0, 1], 6);
    desk.expire('resend');
    expect(desk.all('broadcast').map(({ message }) => message.payload.round)).to.deep.equal([6]);
  });

  it('a laggard that missed everything catches up from resends alone', () => {
    const desk = new Desk({ self: 3 });
    const roundChanges = [...unprepared([0, 2], 5), roundChangePayload(1, { round: 5 })];
    desk.receive(roundChange(0, { round: 5 }));
    desk.receive(roundChange(2, { round: 5 }));
    desk.receive(proposal(1, blockOf({ proposer: 1 }), { round: 5 }, { roundChanges }));
    expect(desk.signed).to.deep.equal(['round-change@5', 'prepare@5']);
  });
});
