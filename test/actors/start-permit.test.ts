/** When a validator may sign after a start: tables over what its peers remember. */
import { expect } from 'chai';
import { PeerStarts, StartPermit } from '../../src/actors/validator/start-permit.ts';
import { chainId, type PublicKey, publicKey } from '../../src/protocols/shared/brands.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';

const chain = chainId('11'.repeat(32));
const members = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'].map((byte) => publicKey(byte.repeat(32)));
const [self, ...peers] = members as [PublicKey, ...PublicKey[]];
const token = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

function permitAfter(counter: number, answers: readonly number[], finalHeight = 100, override = false): StartPermit {
  const permit = new StartPermit({ start: { counter, token: token(1) }, finalHeight: 100, override });
  answers.forEach((before, i) => permit.onAnswer(peers[i] as PublicKey, counter, { before, finalHeight: 120 }));
  permit.update(members, 5, finalHeight);
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
    ['an old copy has caught up with its peers', permitAfter(3, [9, 2, 2, 2], 120), 'abstaining'],
    ['an old copy has seen one height more', permitAfter(3, [9, 2, 2, 2], 121), 'abstaining'],
    ['an old copy has seen two heights more', permitAfter(3, [9, 2, 2, 2], 122), 'permitted'],
    ['an old copy does not know how far its peers are', permitAfter(3, [9, 2, 2], 500), 'abstaining'],
    ['the operator vouches for the whole network', permitAfter(3, [9, 9, 9, 9], 100, true), 'permitted'],
  ];
  for (const [when, permit, state] of table) {
    it(`is ${state} when ${when}`, () => expect(permit.state).to.equal(state));
  }

  it('does not count answers of strangers, or to another start', () => {
    const permit = permitAfter(3, [2, 2, 2]);
    permit.onAnswer(publicKey('ff'.repeat(32)), 3, { before: 0, finalHeight: 100 });
    permit.onAnswer(peers[3] as PublicKey, 2, { before: 1, finalHeight: 100 });
    permit.update(members, 5, 100);
    expect(permit.state).to.equal('asking');
    expect(permit.needsAnswer(peers[3] as PublicKey)).to.equal(true);
    expect(permit.needsAnswer(self)).to.equal(true);
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
});
