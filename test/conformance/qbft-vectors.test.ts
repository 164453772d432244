/**
 * Goal: the machine agrees with outside QBFT vectors: proposer tables, message processing, time-outs. Method: each vector
 * is translated (operator i is validator i − 1, their round r is ours r − 1, their height h is ours h + 1, a value is a
 * block with a digest of its own) and given to one machine; verdict, messages sent and state afterwards are compared.
 * Where the machine differs on purpose, the difference is named in the table below, with what it does instead; anything
 * else is a failure. Their message tests use one constant proposer, operator 1.
 */
import { expect } from 'chai';
import { basename, join } from 'node:path';
import { digestOf } from '../../src/protocols/ibft/justification.ts';
import type { JournalRecord, Verified } from '../../src/protocols/ibft/machine-types.ts';
import type { ConsensusMessage, EncodedBlock } from '../../src/protocols/ibft/messages.ts';
import { proposerIndex } from '../../src/protocols/ibft/proposer.ts';
import { height, round } from '../../src/protocols/shared/brands.ts';
import { Desk } from '../protocols/ibft/desk.ts';
import {
  blockOf,
  commit,
  prepare,
  preparePayload,
  type Prepared,
  proposal,
  roundChange,
  roundChangePayload,
  setOf,
} from '../protocols/ibft/world.ts';
import { filesUnder, readJsonFile, vectorFolder } from './vectors.ts';

interface VectorMessage {
  readonly kind: 'proposal' | 'prepare' | 'commit' | 'round-change';
  readonly height: number;
  readonly round: number;
  readonly root: string;
  readonly dataRound: number;
  readonly roundChangeJustification: readonly VectorMessage[];
  readonly prepareJustification: readonly VectorMessage[];
  readonly signers: readonly number[];
  readonly fullData: string | null;
}

interface VectorState {
  readonly round: number;
  readonly lastPreparedRound: number;
  readonly proposalAccepted: VectorMessage | null;
  readonly decided: boolean;
}

interface Vector {
  readonly committee: readonly number[];
  readonly self: number;
  readonly startValue: string;
  readonly pre: VectorState;
  readonly inputs: readonly VectorMessage[];
  readonly outputs: readonly VectorMessage[];
  readonly expectedErrorCode: number;
  readonly post: VectorState | null;
}

interface Table {
  readonly committee: readonly number[];
  readonly heights: readonly number[];
  readonly rounds: readonly number[];
  readonly proposers: readonly number[];
}

interface Deviation {
  readonly why: string;
  /** Verdict of the last input here. */
  readonly verdict?: string;
  /** Their comparison of state or messages does not apply. */
  readonly skips?: 'all' | 'outcome';
}

const early = {
  why: 'votes that come before their proposal, or for a later round, wait in their slot instead of being refused',
  verdict: 'accepted',
};
const later = { why: 'messages of up to ten later heights are kept, not refused', verdict: 'accepted' };
const multi = { why: 'a message has exactly one author: two signers cannot be expressed', skips: 'all' as const };
const stopped = { why: 'there is no switch that stops one height: its actor is stopped', skips: 'all' as const };
const cutOff = { why: 'rounds are not cut off at 15: a network may need more to come back', skips: 'all' as const };
const uncounted = {
  why: 'a vote for another digest is kept (it may become evidence) but never counted',
  verdict: 'accepted',
};
const ownAhead = {
  why: 'f+1 counts others: an own round change ahead of this machine cannot be its own doing',
  skips: 'outcome' as const,
};

/** Everything in which we differ from the vectors, by file name. */
const deviations: Readonly<Record<string, Deviation>> = {
  'commit-data-prepared-data': uncounted,
  'prepare-wrong-data': uncounted,
  'commit-future-round': early,
  'prepare-future-round': early,
  'no-previous-accepted-proposal': early,
  'no-previous-proposal-for-prepare': early,
  'commit-past-round': { why: 'seals decide whatever the local round (rule 7)', verdict: 'accepted' },
  'duplicate-prepare-msg-justification-quorum': {
    why: 'prepares of a justification are of distinct validators (rule 3); a repeated one is refused',
    verdict: 'accepted',
    skips: 'outcome',
  },
  'proposal-future-round-prev-prepared': {
    why: 'a fresh block carries no prepares (rule 3): prepares beside unprepared round changes are refused',
    verdict: 'unexpected-certificate',
    skips: 'outcome',
  },
  'round-change-duplicate-msg-quorum': {
    why: 'two round changes of one round with different claims are equivocation; their second is dropped silently',
  },
  'round-change-f+1-not-prepared': ownAhead,
  'round-change-f+1-prepared': ownAhead,
  'prepare-wrong-height': later,
  'wrong-commit-height': later,
  'wrong-proposal-height': later,
  'round-change-invalid-height': later,
  'duplicate-signers': multi,
  'justification-multi-signer': multi,
  'multi-signer-no-overlap': multi,
  'multi-signer-with-overlap': multi,
  'proposal-multi-signer': multi,
  'round-change-multi-signers': multi,
  'round-change-non-unique-signer': multi,
  'force-stop-prepare-message': stopped,
  'force-stop-proposal-message': stopped,
  'force-stop-round-change-message': stopped,
  'round-cutoff-commit-message': cutOff,
  'round-cutoff-prepare-message': cutOff,
  'round-cutoff-proposal-message': cutOff,
  'round-cutoff-round-change-message': cutOff,
  'round-15': cutOff,
};

// --- translation -------------------------------------------------------------------------------------------------

class Translation {
  readonly #blocks = new Map<string, EncodedBlock>();

  /** Operator 1 makes every value. */
  block(root: string, at = 1): EncodedBlock {
    const key = `${root}/${at}`;
    const block = this.#blocks.get(key) ?? blockOf({ proposer: 0, salt: 1 + this.#blocks.size, height: at });
    this.#blocks.set(key, block);
    return block;
  }

  message(from: VectorMessage): Verified<ConsensusMessage> {
    const where = { height: from.height + 1, round: from.round - 1 };
    const author = this.#author(from);
    const block = this.block(from.root, where.height);
    switch (from.kind) {
      case 'prepare':
        return prepare(author, block, where);
      case 'commit':
        return commit(author, block, where);
      case 'round-change': {
        const message = roundChange(author, where, this.#prepared(from), []);
        return { ...message, prepares: this.#prepares(from.roundChangeJustification) };
      }
      case 'proposal': {
        const roundChanges = from.roundChangeJustification.map((claim) =>
          roundChangePayload(
            this.#author(claim),
            { height: claim.height + 1, round: claim.round - 1 },
            this.#prepared(claim),
          ),
        );
        const prepares = this.#prepares(from.prepareJustification);
        const message = proposal(author, block, where, { roundChanges, prepares });
        return from.fullData === null ? { ...message, block: this.block('other', where.height) } : message;
      }
    }
  }

  #author = ({ signers }: VectorMessage): number => {
    const [signer] = signers;
    // Operator 0 does not exist; no validator of ours has its key.
    return signer === undefined || signer === 0 ? 500 : signer - 1;
  };

  #prepared = ({ dataRound, root }: VectorMessage): Prepared | null =>
    dataRound === 0 ? null : { round: dataRound - 1, block: this.block(root) };

  #prepares = (messages: readonly VectorMessage[]) =>
    messages.map((message) =>
      preparePayload(this.#author(message), this.block(message.root), {
        height: message.height + 1,
        round: message.round - 1,
      }),
    );

  /** The state before, as the journal that leads to it. */
  journal(pre: VectorState): readonly JournalRecord[] {
    const at = { height: height(1), round: round(pre.round - 1) };
    const records: JournalRecord[] = [];
    if (pre.round > 1) records.push({ type: 'round', ...at, preparedRound: null, preparedDigest: null });
    if (pre.proposalAccepted === null) return records;
    const block = this.block(pre.proposalAccepted.root);
    return [...records, { type: 'accepted', ...at, digest: digestOf(block), block, roundChanges: [], prepares: [] }];
  }
}

const sentName = (
  payload: { readonly kind: string; readonly round: number },
  preparedRound: number,
  digest: string | null,
): string => `${payload.kind}@${payload.round + 1} ${preparedRound} ${digest ?? ''}`;

interface Run {
  readonly desk: Desk;
  readonly translation: Translation;
  readonly sent: readonly string[];
  /** 'accepted', 'ignored' or 'rejected', and the reason. */
  readonly verdict: readonly [string, string];
}

function run(vector: Vector): Run {
  const translation = new Translation();
  const desk = new Desk({
    count: vector.committee.length,
    self: vector.self - 1,
    facts: { proposerOrder: [0] },
    records: translation.journal(vector.pre),
    signs: false,
    check: vector.expectedErrorCode === 64 ? { kind: 'invalid', reason: 'value' } : { kind: 'valid' },
    builds: translation.block(rootOf(vector)),
  });
  const before = desk.all('sign').length;
  for (const input of vector.inputs) desk.receive(translation.message(input));
  const sent = desk
    .all('sign')
    .slice(before)
    .map(({ payload }) =>
      payload.kind === 'round-change'
        ? sentName(payload, (payload.preparedRound ?? -1) + 1, payload.preparedDigest)
        : sentName(payload, 0, payload.digest),
    );
  const reported = desk.all('report').at(-1);
  const verdict =
    reported === undefined ? ([desk.verdict.kind, desk.reason] as const) : (['rejected', reported.reason] as const);
  return { desk, translation, sent, verdict };
}

/** The root of the value that the machine itself would propose: the one that all these vectors use. */
const rootOf = (vector: Vector): string =>
  vector.outputs.find(({ kind }) => kind === 'proposal')?.root ?? vector.inputs[0]?.root ?? 'own';

const nameOf = (path: string): string => basename(path, '.json').replace(/^(message-processing|timeout)-/, '');

// --- tests -------------------------------------------------------------------------------------------------------

describe('QBFT vectors', () => {
  describe('round-robin proposer tables', () => {
    it('every row: committee[(height + ⌊height/32⌋ + round − 1) mod n], by our rotation from another first proposer', function () {
      const folder = vectorFolder(this, 'qbft/round-robin');
      let rows = 0;
      for (const file of filesUnder(folder)) {
        const table = readJsonFile(join(folder, file)) as Table;
        const count = table.committee.length;
        table.heights.forEach((at, row) => {
          const first = (at + Math.floor(at / 32)) % count;
          const index = proposerIndex(setOf(count), first, round((table.rounds[row] ?? 0) - 1));
          expect(table.committee[index], `${file} row ${row}`).to.equal(table.proposers[row]);
          rows += 1;
        });
      }
      expect(rows).to.be.greaterThan(1000);
    });
  });

  describe('message processing', () => {
    it('every vector: verdict, messages sent, state afterwards, or the named difference', function () {
      const folder = vectorFolder(this, 'qbft/message-processing');
      const counts = { same: 0, differing: 0, inexpressible: 0 };
      for (const file of filesUnder(folder)) {
        const vector = readJsonFile(join(folder, file)) as Vector;
        const name = nameOf(file);
        const deviation = deviations[name];
        if (deviation?.skips === 'all') {
          counts.inexpressible += 1;
          continue;
        }
        checkVector(name, vector, deviation);
        counts[deviation === undefined ? 'same' : 'differing'] += 1;
      }
      expect(counts).to.deep.equal({ same: 45, differing: 16, inexpressible: 14 });
    });

    it('every named difference is one of a vector that exists', function () {
      const known = ['message-processing', 'timeout'].flatMap((folder) =>
        filesUnder(vectorFolder(this, `qbft/${folder}`)).map(nameOf),
      );
      expect(Object.keys(deviations).filter((name) => !known.includes(name))).to.deep.equal([]);
    });
  });

  describe('time-outs', () => {
    it('rounds 1, 2, 3 and 5: the round change to the next round', function () {
      const folder = vectorFolder(this, 'qbft/timeout');
      let checked = 0;
      for (const file of filesUnder(folder)) {
        const vector = readJsonFile(join(folder, file)) as Vector;
        if (deviations[nameOf(file)]?.skips === 'all') continue;
        const desk = new Desk({
          facts: { proposerOrder: [1] },
          records: new Translation().journal({ ...vector.pre, proposalAccepted: null }),
        });
        desk.expire('proposal-due');
        const { round: at } = desk.state;
        if (at > 0) for (const author of [1, 2]) desk.receive(roundChange(author, { round: at }));
        desk.expire('round');
        const payload = desk.last('sign').payload;
        expect(`${payload.kind}@${payload.round + 1}`).to.equal(
          vector.outputs.map((sent) => `${sent.kind}@${sent.round}`).join(),
        );
        checked += 1;
      }
      expect(checked).to.equal(4);
    });
  });
});

function checkVector(name: string, vector: Vector, deviation: Deviation | undefined): void {
  const { desk, translation, sent, verdict } = run(vector);
  const [kind, reason] = verdict;
  if (deviation?.verdict !== undefined) expect(reason, `${name}: named verdict`).to.equal(deviation.verdict);
  else if (vector.expectedErrorCode === 0) expect(kind, `${name}: ${reason}`).to.not.equal('rejected');
  else expect(kind, `${name}: their error ${vector.expectedErrorCode}`).to.not.equal('accepted');
  if (deviation?.skips === 'outcome') return;
  const expected = vector.outputs.map((message) => {
    const isRoundChange = message.kind === 'round-change';
    const isBare = isRoundChange && message.dataRound === 0;
    const digest = isBare ? null : digestOf(translation.block(message.root));
    return sentName({ ...message, round: message.round - 1 }, isRoundChange ? message.dataRound : 0, digest);
  });
  expect(sent, `${name}: messages`).to.deep.equal(expected);
  const { post } = vector;
  if (post === null) return;
  const { state } = desk;
  const isAccepted = state.proposal?.status === 'accepted';
  expect(
    {
      round: state.round + 1,
      lastPreparedRound: (state.prepared?.round ?? -1) + 1,
      decided: state.decided !== null || state.awaited !== null,
      accepted: isAccepted ? state.proposal.digest : null,
    },
    `${name}: state`,
  ).to.deep.equal({
    round: post.round,
    lastPreparedRound: post.lastPreparedRound,
    decided: post.decided,
    accepted: post.proposalAccepted === null ? null : digestOf(translation.block(post.proposalAccepted.root)),
  });
}
