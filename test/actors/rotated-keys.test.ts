/**
 * Goal: transactions of an account that has changed its signing key are proved like all others, also by a node that has
 * its history from a peer. Method: a chain in memory with real keys; history is served and filled in by the production
 * code, honest and changed.
 */
import { expect } from 'chai';
import { ChainReader } from '../../src/actors/chain/chain-reader.ts';
import { proveTransaction } from '../../src/actors/chain/proofs.ts';
import { backfillKey, tables } from '../../src/actors/chain/tables.ts';
import { backfillCodec, HistoryBackfill } from '../../src/actors/snapshot/history-backfill.ts';
import { answer } from '../../src/actors/snapshot/snapshot-server.ts';
import type { ProofBundle } from '../../src/protocols/ledger/proof-bundle.ts';
import { type BundleVerification, verifyBundle } from '../../src/protocols/ledger/verify-bundle.ts';
import { height } from '../../src/protocols/shared/brands.ts';
import { decode, encode } from '../../src/protocols/shared/codec.ts';
import { type HistoricBlock, snapshotReplyCodec } from '../../src/protocols/sync/snapshot-messages.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const verifier = createVerifier();
const alice = signerOf(1);
const renewed = signerOf(2);
const bob = signerOf(3);

const world = new MemoryChain({ validators: 4, accounts: [alice.publicKey, bob.publicKey] });
const payment = { to: bob.publicKey, amount: 5n };
/** Of one block: the key that the rotation names signs from the next block on. */
const rotation = world.rotation(alice, 0, renewed);
const beside = world.transaction(alice, 1, 'accounts.transfer', payment);
world.block(rotation, beside);
const after = world.transaction(alice, 2, 'accounts.transfer', payment, renewed);
const other = world.transaction(bob, 0, 'accounts.transfer', { to: alice.publicKey, amount: 1n });
world.block(other, after);
world.growTo(4);

const verified = (bundle: ProofBundle | null): BundleVerification =>
  verifyBundle(bundle!, world.genesis, { verifySignature: verifier.verify });

const signers = [
  [rotation, alice],
  [beside, alice],
  [other, bob],
  [after, renewed],
] as const;

describe('a rotated key', () => {
  it('is named in the proofs of what it signed, and of nothing before', () => {
    for (const [{ hash }, { publicKey: signer }] of signers) {
      const bundle = proveTransaction(world.chain, world.reader, null, hash);
      expect(bundle?.subject).to.deep.include({ signer });
      expect(verified(bundle).verdict).to.equal('valid');
    }
    const bundle = proveTransaction(world.chain, world.reader, null, after.hash);
    const [check] = verified(bundle).checks.filter((found) => found.check === 'transaction');
    expect(check?.detail).to.include(`signed under ${renewed.publicKey}`);
  });

  /** Blocks as a peer sends them, over the wire and back. */
  function history(): readonly HistoricBlock[] {
    const request = { type: 'get-history', from: height(1), count: 4 } as const;
    const reply = decode(snapshotReplyCodec, encode(snapshotReplyCodec, answer(world.chain, world.reader, request)));
    if (reply.type !== 'history') throw new Error('another answer');
    return reply.blocks;
  }

  /** A node that has a snapshot of the chain and nothing from before it. */
  function newcomer(): {
    readonly backfill: HistoryBackfill;
    readonly reader: ChainReader;
    readonly prove: (hash: typeof after.hash) => ProofBundle | null;
  } {
    const chain = world.emptyCopy();
    const value = encode(backfillCodec, { next: 1, until: 4 });
    chain.store.commit([{ table: tables.meta, key: backfillKey, value }]);
    const reader = new ChainReader(chain.store);
    const prove = (hash: typeof after.hash): ProofBundle | null => proveTransaction(chain, reader, null, hash);
    return { backfill: HistoryBackfill.resume(chain, verifier)!, reader, prove };
  }

  it('reaches nodes that fill in the history before their snapshot, and their proofs hold', async () => {
    const { backfill, prove } = newcomer();
    expect(await backfill.apply(history(), 0)).to.equal(null);
    expect(backfill.isDone).to.equal(true);
    for (const [{ hash }, { publicKey: signer }] of signers) {
      expect(prove(hash)?.subject).to.deep.include({ signer });
      expect(verified(prove(hash)).verdict).to.equal('valid');
    }
  });

  it('is refused from a peer that names another: the account, the new key too early, a missing or a spare one', async () => {
    const [first, second] = history();
    const withSigners = (block: HistoricBlock, keys: readonly (typeof alice)[]): HistoricBlock => ({
      ...block,
      signers: keys.map(({ publicKey }) => publicKey),
    });
    const wrong: readonly (readonly [HistoricBlock, string, number])[] = [
      [withSigners(first!, [alice, renewed]), 'bad-signature', 1],
      [withSigners(second!, [bob, alice]), 'bad-signature', 2],
      [withSigners(second!, [renewed, bob]), 'bad-signature', 2],
      [withSigners(second!, [bob]), 'wrong-signers', 2],
      [withSigners(second!, [bob, renewed, renewed]), 'wrong-signers', 2],
    ];
    for (const [block, reason, next] of wrong) {
      const { backfill, reader } = newcomer();
      expect(await backfill.apply(next === 1 ? [block] : [first!, block], 0)).to.equal(reason);
      expect(backfill.next).to.equal(next);
      expect(reader.blockBytes(next)).to.equal(undefined);
      expect(await backfill.apply(history().slice(next - 1), 0)).to.equal(null);
    }
  });

  it('is refused with a seal that does not hold', async () => {
    const { backfill } = newcomer();
    const [first] = history();
    const [seal, ...seals] = first!.commit.seals;
    const signature = seal!.signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    const changed = { ...first!, commit: { ...first!.commit, seals: [{ ...seal!, signature }, ...seals] } };
    expect(await backfill.apply([changed], 0)).to.equal('bad-signature');
  });
});
