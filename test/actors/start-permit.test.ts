/** When a validator may sign after a start: tables over what its peers remember. */
import { expect } from 'chai';
import { PeerStarts } from '../../src/actors/validator/peer-starts.ts';
import { positionOf, type SignedPosition } from '../../src/actors/validator/signed-position.ts';
import { StartPermit } from '../../src/actors/validator/start-permit.ts';
import type { PreparePayload } from '../../src/protocols/ibft/messages.ts';
import { chainId, digest, height, type PublicKey, publicKey, round } from '../../src/protocols/shared/brands.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';

const chain = chainId('11'.repeat(32));
const members = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'].map((byte) => publicKey(byte.repeat(32)));
const [self, ...peers] = members as [PublicKey, ...PublicKey[]];
/** Up to where the guard of this start knows to have signed. */
const guarded: SignedPosition = positionOf('prepare', { height: 100, round: 1 });
const at = (kind: 'round-change' | 'prepare' | 'commit', height: number, round: number): SignedPosition =>
  positionOf(kind, { height, round });
const token = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

const startedAtMs = 1_000_000;
interface Blocks {
  /** Own final height when it starts. */
  readonly from?: number;
  /** Height that it catches up to: blocks of before the start. */
  readonly caughtUpTo?: number;
  /** Blocks decided after the start. */
  readonly fresh?: number;
}

/** The permit after these answers (all from peers at height 120) and these blocks. */
function permitAfter(
  counter: number,
  answers: readonly number[],
  { from = 100, caughtUpTo = 120, fresh = 0 }: Blocks = {},
  { override = false, signed = guarded }: { override?: boolean; signed?: SignedPosition } = {},
): StartPermit {
  const permit = new StartPermit({ start: { counter, token: token(1) }, startedAtMs, guarded, override });
  answers.forEach((before, i) => permit.onAnswer(peers[i] as PublicKey, counter, { before, finalHeight: 120, signed }));
  for (let height = from; height <= caughtUpTo; height++) permit.update(members, 5, { height, time: startedAtMs - 1 });
  for (let i = 1; i <= fresh; i++) permit.update(members, 5, { height: caughtUpTo + i, time: startedAtMs + i });
  return permit;
}

describe('the permit to sign after a start', () => {
  const table: [string, StartPermit, string][] = [
    ['nobody has answered', permitAfter(3, []), 'asking'],
    ['one answer is missing', permitAfter(3, [2, 2, 2]), 'asking'],
    ['quorum − 1 peers know the start before this one', permitAfter(3, [2, 2, 2, 2]), 'permitted'],
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
      permitAfter(3, [2, 2, 2, 2], {}, { signed: at('commit', 100, 0) }),
      'permitted',
    ],
    [
      'a peer has its commit of the same round',
      permitAfter(3, [2, 2, 2, 2], {}, { signed: at('commit', 100, 1) }),
      'abstaining',
    ],
    [
      'a peer has a later round change of its',
      permitAfter(3, [2, 2, 2, 2], {}, { signed: at('round-change', 100, 2) }),
      'abstaining',
    ],
    [
      'a peer has a prepare of a later height',
      permitAfter(3, [2, 2, 2, 2], {}, { signed: at('prepare', 130, 0) }),
      'abstaining',
    ],
    ['the operator vouches for the whole network', permitAfter(3, [9, 9, 9, 9], {}, { override: true }), 'permitted'],
  ];
  for (const [when, permit, state] of table) {
    it(`is ${state} when ${when}`, () => expect(permit.state).to.equal(state));
  }

  it('does not count answers of strangers, or to another start', () => {
    const permit = permitAfter(3, [2, 2, 2]);
    permit.onAnswer(publicKey('ff'.repeat(32)), 3, { before: 0, finalHeight: 100, signed: guarded });
    permit.onAnswer(peers[3] as PublicKey, 2, { before: 1, finalHeight: 100, signed: guarded });
    permit.update(members, 5, { height: 121, time: startedAtMs });
    expect(permit.state).to.equal('asking');
    expect(permit.needsAnswer(peers[3] as PublicKey)).to.equal(true);
    expect(permit.needsAnswer(self)).to.equal(true);
  });
});

describe('liars among the peers', () => {
  it('cannot make a validator abstain for more than two blocks, nor give it an absurd number', () => {
    const permit = new StartPermit({ start: { counter: 3, token: token(1) }, startedAtMs, guarded, override: false });
    const absurd = { before: 2 ** 50, finalHeight: 2 ** 50, signed: at('commit', 2 ** 50, 0) };
    const honest = { before: 2, finalHeight: 120, signed: guarded };
    // f of seven is two.
    [absurd, absurd, honest, honest, honest].forEach((answer, i) => permit.onAnswer(peers[i] as PublicKey, 3, answer));
    permit.update(members, 5, { height: 121, time: startedAtMs + 1 });
    expect(permit.state).to.equal('abstaining');
    permit.update(members, 5, { height: 122, time: startedAtMs + 2 });
    expect(permit.state).to.equal('permitted');
    expect(permit.highestSeen(members.length)).to.equal(2);
  });
});

describe('what peers remember of starts', () => {
  it('is the highest number before, the same answer to the same start, and survives a crash', async () => {
    const disk = new MemoryDisk();
    const store = disk.open({ kind: 'guard', version: 1 });
    const starts = new PeerStarts(store, chain);
    const first = starts.answer(self, { counter: 1, token: token(1) });
    expect(first.before).to.equal(0);
    store.commit(first.writes);
    const second = starts.answer(self, { counter: 2, token: token(2) });
    expect(second.before).to.equal(1);
    store.commit(second.writes);
    await store.durable();
    disk.crash();
    const after = new PeerStarts(disk.open({ kind: 'guard', version: 1 }), chain);
    expect(after.answer(self, { counter: 2, token: token(2) })).to.deep.equal({ before: 1, writes: [] });
  });

  it('tells a copy restored from a backup apart, at the same number and at a lower one', () => {
    const store = new MemoryDisk().open({ kind: 'guard', version: 1 });
    const starts = new PeerStarts(store, chain);
    store.commit(starts.answer(self, { counter: 7, token: token(1) }).writes);
    expect(starts.answer(self, { counter: 7, token: token(2) })).to.deep.equal({ before: 7, writes: [] });
    expect(starts.answer(self, { counter: 4, token: token(3) })).to.deep.equal({ before: 7, writes: [] });
  });

  it('includes the furthest signature of every member that came by, also inside certificates, and survives a crash', async () => {
    const disk = new MemoryDisk();
    const store = disk.open({ kind: 'guard', version: 1 });
    const starts = new PeerStarts(store, chain);
    const vote = (author: PublicKey, h: number, r: number): PreparePayload => ({
      author,
      height: height(h),
      round: round(r),
      digest: digest('aa'.repeat(32)),
      signature: new Uint8Array(64),
    });
    const known = new Set(members);
    const stranger = publicKey('ff'.repeat(32));
    const [second] = peers as [PublicKey];
    store.commit(starts.observe({ type: 'commit', payload: vote(self, 7, 1) }, known));
    store.commit(starts.observe({ type: 'prepare', payload: vote(self, 7, 1) }, known));
    store.commit(starts.observe({ type: 'prepare', payload: vote(stranger, 9, 1) }, known));
    const { digest: _digest, ...base } = vote(second, 8, 2);
    const change = { ...base, preparedRound: round(1), preparedDigest: digest('aa'.repeat(32)) };
    const prepares = [vote(self, 8, 1)];
    store.commit(starts.observe({ type: 'round-change', payload: change, block: null, prepares }, known));
    await store.durable();
    disk.crash();
    const after = new PeerStarts(disk.open({ kind: 'guard', version: 1 }), chain);
    expect(after.positionOf(self)).to.deep.equal(at('prepare', 8, 1));
    expect(after.positionOf(second)).to.deep.equal(at('round-change', 8, 2));
    expect(after.positionOf(stranger)).to.deep.equal({ height: 0, round: 0, rank: 0 });
  });
});
