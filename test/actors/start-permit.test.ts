/**
 * When a validator may sign after a start. Tables over what its peers remember; properties over what liars can say to a
 * validator with an intact guard, and over who can keep from an old copy what its original did.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { PeerStarts } from '../../src/actors/validator/peer-starts.ts';
import { comparePositions, positionOf, type SignedPosition } from '../../src/actors/validator/signed-position.ts';
import { type StartAnswer, StartPermit } from '../../src/actors/validator/start-permit.ts';
import { areProven, isStartSigned, type SignedStart, signStart } from '../../src/actors/validator/start-proofs.ts';
import {
  type CommitPayload,
  payloadSigningBytes,
  type RoundChangePayload,
  type UnsignedPayload,
} from '../../src/protocols/ibft/messages.ts';
import { type EvidencePayload, evidencePayload } from '../../src/protocols/ledger/evidence.ts';
import { faultyCountMax } from '../../src/protocols/ledger/validator-set.ts';
import { type ChainId, chainId, digest, height, type PublicKey, round } from '../../src/protocols/shared/brands.ts';
import { encode, list, uint } from '../../src/protocols/shared/codec.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { SignatureAuthority } from '../../src/runtime/simulated/signer.ts';

const chain = chainId('11'.repeat(32));
const otherChain = chainId('22'.repeat(32));
const authority = new SignatureAuthority(new SeededRandom('starts'));
const signers = Array.from({ length: 10 }, () => authority.createSigner()) as [Signer, Signer, ...Signer[]];
const [own, other] = signers;
const keys = signers.map(({ publicKey }) => publicKey);
const members = keys.slice(0, 7);
const [self, ...peers] = members as [PublicKey, ...PublicKey[]];

const token = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const start = (counter: number, tokenByte = 9, signer = own, on = chain): SignedStart =>
  signStart(signer, on, { counter, token: token(tokenByte) });

type Kind = 'round-change' | 'prepare' | 'commit';
type AnyPayload = CommitPayload | RoundChangePayload;

/** As its author signed it. */
function payload(kind: Kind, h: number, r: number, signer: Signer = own, on: ChainId = chain): AnyPayload {
  const at = { height: height(h), round: round(r) };
  const content: UnsignedPayload =
    kind === 'round-change'
      ? { kind, ...at, preparedRound: null, preparedDigest: null }
      : { kind, ...at, digest: digest('aa'.repeat(32)) };
  const { kind: _kind, ...fields } = content;
  const signature = signer.sign(payloadSigningBytes(on, content));
  return { ...fields, author: signer.publicKey, signature };
}
const signed = (kind: Kind, h: number, r: number, signer = own, on = chain): EvidencePayload =>
  evidencePayload(kind, payload(kind, h, r, signer, on));

/** Up to where the guard of this start knows to have signed. */
const guarded: SignedPosition = positionOf('prepare', { height: 100, round: 1 });
const furthest = signed('prepare', 100, 1);
const startedAtMs = 1_000_000;

const permitOf = (counter: number, override = false): StartPermit =>
  new StartPermit({
    ...{ start: start(counter, 1), startedAtMs, guarded, override },
    areProven: (claims) => areProven(chain, self, claims, authority.verifier),
  });

interface Blocks {
  /** Own final height when it starts. */
  readonly from?: number;
  /** Height that it catches up to: blocks of before the start. */
  readonly caughtUpTo?: number;
  /** Blocks decided after the start. */
  readonly fresh?: number;
}

/** The permit after these answers (start numbers shown, 0 for none; all from peers at height 120) and these blocks. */
function permitAfter(
  counter: number,
  answers: readonly number[],
  { from = 100, caughtUpTo = 120, fresh = 0 }: Blocks = {},
  { override = false, payload: shown = furthest }: { override?: boolean; payload?: EvidencePayload } = {},
): StartPermit {
  const permit = permitOf(counter, override);
  answers.forEach((number, i) => {
    const before = number === 0 ? null : start(number);
    permit.onAnswer(peers[i] as PublicKey, counter, { before, finalHeight: 120, signed: shown });
  });
  for (let at = from; at <= caughtUpTo; at++) permit.update(members, 5, { height: at, time: startedAtMs - 1 });
  for (let i = 1; i <= fresh; i++) permit.update(members, 5, { height: caughtUpTo + i, time: startedAtMs + i });
  return permit;
}

describe('the permit to sign after a start', () => {
  const known = [2, 2, 2, 2];
  const table: [string, StartPermit, string][] = [
    ['nobody has answered', permitAfter(3, []), 'asking'],
    ['one answer is missing', permitAfter(3, [2, 2, 2]), 'asking'],
    ['quorum − 1 peers know the start before this one', permitAfter(3, known), 'permitted'],
    ['peers lost what they knew', permitAfter(3, [0, 0, 0, 0]), 'permitted'],
    ['one peer has seen this number already', permitAfter(3, [2, 3]), 'abstaining'],
    ['one peer has seen a higher number', permitAfter(3, [2, 2, 2, 9]), 'abstaining'],
    ['an old copy has caught up with its peers', permitAfter(3, [9, 2, 2, 2]), 'abstaining'],
    ['an old copy has seen one fresh block', permitAfter(3, [9, 2, 2, 2], { fresh: 1 }), 'abstaining'],
    ['an old copy has seen two fresh blocks', permitAfter(3, [9, 2, 2, 2], { fresh: 2 }), 'permitted'],
    [
      'an old copy with a slow clock is still behind',
      permitAfter(3, [9, 2, 2, 2], { caughtUpTo: 100, fresh: 21 }),
      'abstaining',
    ],
    ['an old copy does not know how far its peers are', permitAfter(3, [9, 2, 2], { fresh: 9 }), 'abstaining'],
    [
      'its peers know less than its guard',
      permitAfter(3, known, {}, { payload: signed('commit', 100, 0) }),
      'permitted',
    ],
    [
      'a peer has its commit of the same round',
      permitAfter(3, known, {}, { payload: signed('commit', 100, 1) }),
      'abstaining',
    ],
    [
      'a peer has a later round change of its',
      permitAfter(3, known, {}, { payload: signed('round-change', 100, 2) }),
      'abstaining',
    ],
    [
      'a peer has a prepare of a later height',
      permitAfter(3, known, {}, { payload: signed('prepare', 130, 0) }),
      'abstaining',
    ],
    ['the operator vouches for the whole network', permitAfter(3, [9, 9, 9, 9], {}, { override: true }), 'permitted'],
  ];
  for (const [when, permit, state] of table) {
    it(`is ${state} when ${when}`, () => expect(permit.state).to.equal(state));
  }

  it('does not count answers of strangers, or to another start', () => {
    const permit = permitAfter(3, [2, 2, 2]);
    const answer: StartAnswer = { before: null, finalHeight: 100, signed: furthest };
    permit.onAnswer(keys[9] as PublicKey, 3, answer);
    expect(permit.onAnswer(peers[3] as PublicKey, 2, answer)).to.equal('late');
    permit.update(members, 5, { height: 121, time: startedAtMs });
    expect(permit.state).to.equal('asking');
    expect(permit.needsAnswer(peers[3] as PublicKey)).to.equal(true);
    expect(permit.needsAnswer(self)).to.equal(true);
  });

  it('knows the highest number that anybody showed, so that the next start is newer', () => {
    expect(permitAfter(3, [2, 9, 2, 2]).highestSeen).to.equal(9);
    expect(permitAfter(3, []).highestSeen).to.equal(0);
  });
});

/** Everything that a liar can say without the validator's key. */
const falseStarts: Readonly<Record<string, SignedStart>> = {
  'signed by another': start(9, 9, other),
  'signed on another chain': start(9, 9, own, otherChain),
  'with another number': { ...start(2), counter: 9 },
  'with another token': { ...start(9), token: token(3) },
  unsigned: { ...start(9), signature: new Uint8Array(64) },
  'with the signature of a payload': { ...start(9), signature: furthest.signature },
};
const falsePayloads: Readonly<Record<string, EvidencePayload>> = {
  'signed by another': signed('commit', 500, 0, other),
  'signed on another chain': signed('commit', 500, 0, own, otherChain),
  'of another height': { ...furthest, height: height(500) },
  'of another round': { ...furthest, round: round(7) },
  'of another kind': { ...signed('prepare', 100, 1), type: 'commit' } as EvidencePayload,
  unsigned: { ...signed('commit', 500, 0), signature: new Uint8Array(64) },
};

describe('a claim about a start', () => {
  const claims: [string, StartAnswer][] = [
    ...Object.entries(falseStarts).map(([name, before]): [string, StartAnswer] => [
      `a start ${name}`,
      { before, finalHeight: 120, signed: furthest },
    ]),
    ...Object.entries(falsePayloads).map(([name, shown]): [string, StartAnswer] => [
      `a payload ${name}`,
      { before: start(2), finalHeight: 120, signed: shown },
    ]),
  ];
  for (const [name, claim] of claims) {
    it(`is no answer: ${name}`, () => {
      const permit = permitAfter(3, [2, 2, 2]);
      expect(permit.onAnswer(peers[3] as PublicKey, 3, claim)).to.equal('unproven');
      permit.update(members, 5, { height: 120, time: startedAtMs });
      expect([permit.state, permit.highestSeen]).to.deep.equal(['asking', 2]);
      expect(permit.needsAnswer(peers[3] as PublicKey)).to.equal(true);
    });
  }

  it('shows nothing when it is the question itself', () => {
    const permit = permitAfter(3, [2, 2, 2]);
    const answer = { before: permit.start, finalHeight: 120, signed: furthest };
    expect(permit.onAnswer(peers[3] as PublicKey, 3, answer)).to.equal('counted');
    permit.update(members, 5, { height: 120, time: startedAtMs });
    expect(permit.state).to.equal('permitted');
  });
});

const quorumOf = (count: number): number => Math.floor((count + faultyCountMax(count)) / 2) + 1;
const sizes = fc.constantFrom(4, 5, 6, 7, 10);
const kinds = fc.constantFrom<Kind>('round-change', 'prepare', 'commit');
const positions = fc.record({
  kind: kinds,
  height: fc.integer({ min: 1, max: 200 }),
  round: fc.integer({ min: 0, max: 3 }),
});

describe('liars among the peers', () => {
  /** What the validator once signed, up to its third start and its guard; and what it did not sign. */
  const anyStart = fc.oneof(
    fc.constantFrom(null, start(1, 5), start(2, 6), start(3, 1)),
    fc.constantFrom(...Object.values(falseStarts)),
  );
  const anyPayload = fc.oneof(
    fc.constant(null),
    positions.map(({ kind, height: h, round: r }) => {
      const isOwn = comparePositions(positionOf(kind, { height: h, round: r }), guarded) <= 0;
      return signed(kind, h, r, isOwn ? own : other);
    }),
    fc.constantFrom(...Object.values(falsePayloads)),
  );
  const anyAnswer = fc.record({ before: anyStart, finalHeight: fc.nat(2 ** 40), signed: anyPayload });
  const plan = sizes.chain((count) =>
    fc.record({
      count: fc.constant(count),
      order: fc.shuffledSubarray(keys.slice(1, count), { minLength: count - 1 }),
      answers: fc.array(anyAnswer, { minLength: count - 1, maxLength: count - 1 }),
    }),
  );

  it('make no validator abstain whose guard is intact, however many they are, nor keep it from signing', () => {
    fc.assert(
      fc.property(plan, ({ count, order, answers }) => {
        const permit = permitOf(3);
        const set = keys.slice(0, count);
        const quorum = quorumOf(count);
        let tip = 120;
        order.forEach((peer, i) => {
          permit.onAnswer(peer, 3, answers[i] as StartAnswer);
          permit.update(set, quorum, { height: tip++, time: startedAtMs });
          expect(permit.state).to.not.equal('abstaining');
        });
        // Correct peers, who are a quorum with it.
        for (const peer of order.slice(0, quorum - 1)) {
          permit.onAnswer(peer, 3, { before: start(2), finalHeight: 120, signed: furthest });
        }
        permit.update(set, quorum, { height: tip, time: startedAtMs });
        expect(permit.state).to.equal('permitted');
        expect(permit.highestSeen).to.be.at.most(3);
      }),
      { numRuns: 300 },
    );
  });

  it('cannot put off the end of abstaining with heights that are not there', () => {
    const permit = permitOf(3);
    const absurd = { before: start(2), finalHeight: 2 ** 50, signed: furthest };
    const honest = { before: start(5), finalHeight: 120, signed: furthest };
    // f of seven is two.
    [absurd, absurd, honest, honest, honest].forEach((answer, i) => permit.onAnswer(peers[i] as PublicKey, 3, answer));
    permit.update(members, 5, { height: 121, time: startedAtMs + 1 });
    expect(permit.state).to.equal('abstaining');
    permit.update(members, 5, { height: 122, time: startedAtMs + 2 });
    expect(permit.state).to.equal('permitted');
    expect(permit.highestSeen).to.equal(5);
  });
});

describe('an old copy', () => {
  /** Peers in three random orders: who was in a quorum with the original, who answers, who keeps silent. */
  const plan = sizes.chain((count) => {
    const orders = fc.shuffledSubarray(keys.slice(1, count), { minLength: count - 1 });
    return fc.record({
      count: fc.constant(count),
      voted: orders,
      answering: orders,
      silent: orders,
      isStart: fc.boolean(),
    });
  });

  it('is told of whatever a quorum rests on, though as many keep silent as may', () => {
    fc.assert(
      fc.property(plan, ({ count, voted, answering, silent, isStart }) => {
        const quorum = quorumOf(count);
        const witnesses = new Set(voted.slice(0, quorum - 1));
        // It is faulty itself: f − 1 others are.
        const liars = new Set(silent.slice(0, faultyCountMax(count) - 1));
        const permit = permitOf(3);
        for (const peer of answering.slice(0, quorum - 1)) {
          const tells = witnesses.has(peer) && !liars.has(peer);
          permit.onAnswer(peer, 3, {
            before: tells && isStart ? start(3, 8) : null,
            signed: tells && !isStart ? signed('commit', 101, 0) : null,
            finalHeight: 120,
          });
          permit.update(keys.slice(0, count), quorum, { height: 120, time: startedAtMs - 1 });
        }
        expect(permit.state).to.equal('abstaining');
      }),
      { numRuns: 300 },
    );
  });
});

describe('what peers keep of starts', () => {
  const schema = { kind: 'guard', version: 1 };

  it('is the start with the highest number before, the same for the same start, and survives a crash', async () => {
    const disk = new MemoryDisk();
    const store = disk.open(schema);
    const starts = new PeerStarts(store, chain);
    const first = starts.answer(self, start(1, 1));
    expect(first.before).to.equal(null);
    store.commit(first.writes);
    const second = starts.answer(self, start(2, 2));
    expect(second.before).to.deep.equal(start(1, 1));
    store.commit(second.writes);
    await store.durable();
    disk.crash();
    const { before, writes } = new PeerStarts(disk.open(schema), chain).answer(self, start(2, 2));
    expect([before, writes]).to.deep.equal([start(1, 1), []]);
    expect(isStartSigned(chain, self, before as SignedStart, authority.verifier)).to.equal(true);
  });

  it('tells a copy restored from a backup apart, at the same number and at a lower one', () => {
    const store = new MemoryDisk().open(schema);
    const starts = new PeerStarts(store, chain);
    store.commit(starts.answer(self, start(7, 1)).writes);
    expect(starts.answer(self, start(7, 2))).to.deep.equal({ before: start(7, 1), writes: [] });
    expect(starts.answer(self, start(4, 3))).to.deep.equal({ before: start(7, 1), writes: [] });
  });

  it('includes the furthest payload of every member that came by, also inside certificates, and survives a crash', async () => {
    const disk = new MemoryDisk();
    const store = disk.open(schema);
    const starts = new PeerStarts(store, chain);
    const vote = (kind: 'prepare' | 'commit', h: number, r: number, signer = own): CommitPayload =>
      payload(kind, h, r, signer) as CommitPayload;
    const known = new Set(members);
    const stranger = signers[9] as Signer;
    store.commit(starts.observe({ type: 'commit', payload: vote('commit', 7, 1) }, known));
    store.commit(starts.observe({ type: 'prepare', payload: vote('prepare', 7, 1) }, known));
    expect(starts.furthestOf(self)).to.deep.equal(signed('commit', 7, 1));
    store.commit(starts.observe({ type: 'prepare', payload: vote('prepare', 9, 1, stranger) }, known));
    const change = payload('round-change', 8, 2, other) as RoundChangePayload;
    const prepares = [vote('prepare', 8, 1)];
    store.commit(starts.observe({ type: 'round-change', payload: change, block: null, prepares }, known));
    await store.durable();
    disk.crash();
    const after = new PeerStarts(disk.open(schema), chain);
    const before = null;
    for (const [signer, kind, r] of [[own, 'prepare', 1] as const, [other, 'round-change', 2] as const]) {
      const kept = after.furthestOf(signer.publicKey);
      expect(kept).to.deep.equal(signed(kind, 8, r, signer));
      expect(areProven(chain, signer.publicKey, { before, signed: kept }, authority.verifier)).to.equal(true);
    }
    expect(after.furthestOf(stranger.publicKey)).to.equal(null);
  });

  it('is nothing where a record has another layout', () => {
    const store = new MemoryDisk().open(schema);
    const written = new PeerStarts(store, chain);
    const message = { type: 'commit', payload: payload('commit', 7, 1) as CommitPayload } as const;
    const records = [...written.answer(self, start(7)).writes, ...written.observe(message, new Set(members))];
    expect(records).to.have.length(2);
    store.commit(records.map((write) => ({ ...write, value: encode(list(uint, 3), [7, 1, 3]) })));
    const starts = new PeerStarts(store, chain);
    expect(starts.furthestOf(self)).to.equal(null);
    expect(starts.answer(self, start(4)).before).to.equal(null);
  });
});
