/** Goal: lies about the chain are what they are said to be, and no more. Method: one liar, and what it says in place of the truth. */
import { expect } from 'chai';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';
import { decodeTransaction } from '../../src/protocols/ledger/admission.ts';
import { height } from '../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { decode, encode } from '../../src/protocols/shared/codec.ts';
import { syncReplyCodec } from '../../src/protocols/sync/messages.ts';
import { type SnapshotReply, snapshotReplyCodec } from '../../src/protocols/sync/snapshot-messages.ts';
import { SeededRandom } from '../../src/runtime/simulated/seeded-random.ts';
import { Conspiracy } from '../../src/simulation/system/byzantine/conspiracy.ts';
import { emptyPromises } from '../../src/simulation/system/byzantine/empty-promises.ts';
import { falseReports } from '../../src/simulation/system/byzantine/false-reports.ts';
import { expiredWithin } from '../../src/simulation/system/byzantine/forging.ts';
import { Liar, type MakeLie } from '../../src/simulation/system/byzantine/liar.ts';
import { Draw } from '../../src/simulation/draw.ts';

const draw = new Draw(new SeededRandom('lies'));
const conspiracy = new Conspiracy(draw);
const peer = signerOf(2).publicKey;

const liarOn = (chain: MemoryChain | null, signer = signerOf(1)): Liar =>
  new Liar({ signer, draw: draw.fork('liar'), conspiracy, chain: () => chain?.chain ?? null });

const saidOf = (make: MakeLie, target: string, payload: Uint8Array): Uint8Array =>
  make(liarOn(null)).envelope!({ target, kind: 'reply', payload } as never, peer)!.payload;

const truth: SnapshotReply = {
  type: 'part',
  part: {
    type: 'leaves',
    leaves: ['a', 'b', 'c'].map((key) => ({ key: toUtf8(key), value: toUtf8(`value of ${key}`) })),
  },
};

describe('lies about the chain', () => {
  it('a false part of a snapshot differs from the true one in one bit of one value', () => {
    const said = decode(snapshotReplyCodec, saidOf(falseReports, 'snapshots', encode(snapshotReplyCodec, truth)));
    const leavesOf = (reply: SnapshotReply) =>
      reply.type === 'part' && reply.part?.type === 'leaves' ? reply.part.leaves : [];
    const [before, after] = [leavesOf(truth), leavesOf(said)];
    expect(after.map(({ key }) => key)).to.deep.equal(before.map(({ key }) => key));
    const bits = after.flatMap(({ value }, at) =>
      [...value].map((byte, place) => (byte ^ before[at]!.value[place]!).toString(2).replaceAll('0', '').length),
    );
    expect(bits.reduce((sum, count) => sum + count, 0)).to.equal(1);
  });

  it('empty promises: whatever is asked for is not there', () => {
    const blocks = [{ bytes: toUtf8('a block'), commit: { round: 0, seals: [] } as never }];
    const synced = saidOf(emptyPromises, 'sync', encode(syncReplyCodec, { blocks }));
    expect(decode(syncReplyCodec, synced)).to.deep.equal({ blocks: [] });
    const part = saidOf(emptyPromises, 'snapshots', encode(snapshotReplyCodec, truth));
    expect(decode(snapshotReplyCodec, part)).to.deep.equal({ type: 'part', part: null });
    const status = { finalHeight: height(5), height: 6, round: 0, step: '', trouble: null };
    const { finalHeight } = emptyPromises(liarOn(null)).status!(status);
    expect(finalHeight).to.be.at.least(5);
  });

  it('a block with an expired transaction is refused for that and for nothing else', () => {
    const world = new MemoryChain({ validators: 4, accounts: [] });
    world.growTo(3);
    const [proposer] = world.validators;
    const { tip } = world.chain;
    const beacon = { output: new Uint8Array(64), proof: new Uint8Array(80) };
    const choice = { time: tip.time + 1_000, proposer: proposer!.publicKey, beacon, lastCommit: tip.commit };
    const { executed } = world.chain.build(choice, []);
    const spoiled = expiredWithin(liarOn(world, proposer), { value: executed.block, bytes: executed.bytes })!;
    const [bytes] = spoiled.value.transactions;
    const transaction = decodeTransaction(bytes!)!;
    expect(transaction.value.expiryHeight).to.equal(3);
    const signed = { ...transaction, signer: proposer!.publicKey };
    expect(world.chain.check(spoiled.value, [signed])).to.include({ kind: 'invalid', reason: 'transaction-expired' });
    const lasting = { ...signed, value: { ...signed.value, expiryHeight: height(4) } };
    expect(world.chain.check(spoiled.value, [lasting]).kind).to.equal('valid');
  });
});
