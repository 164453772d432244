/**
 * Goal: a node that starts from a snapshot knows everything that the snapshot's source knew of the validator sets.
 * Method: a chain in memory whose set changes in the very block of the snapshot, offered, imported and proved by the
 * production code.
 */
import { expect } from 'chai';
import type { Chain } from '../../src/actors/chain/chain.ts';
import { ChainReader } from '../../src/actors/chain/chain-reader.ts';
import { proveState } from '../../src/actors/chain/proofs.ts';
import { setChangesBefore } from '../../src/actors/chain/validator-sets.ts';
import { judgeOffer, SnapshotImport } from '../../src/actors/snapshot/snapshot-import.ts';
import { answer } from '../../src/actors/snapshot/snapshot-server.ts';
import { blockCodec } from '../../src/protocols/ledger/block.ts';
import { verifyBundle } from '../../src/protocols/ledger/verify-bundle.ts';
import { stateKey } from '../../src/protocols/ledger/view.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import type { SealedBlock } from '../../src/protocols/sync/messages.ts';
import { applySynced } from '../../src/actors/chain/apply-synced.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryChain } from '../support/memory-chain.ts';

const verifier = createVerifier();
const offeredAt = 16;

/** How many blocks after the tip a removal changes the set. */
function removalBlocks(): number {
  const scratch = new MemoryChain({ validators: 5, accounts: [] });
  return scratch.removeValidator(scratch.validators[0]!.publicKey);
}

function imported(world: MemoryChain): Chain {
  const { chain: source, reader, genesis } = world;
  const chain = world.emptyCopy();
  const reply = answer(source, reader, { type: 'get-offer' });
  if (reply.type !== 'offer' || reply.offer === null) throw new Error('no offer');
  expect(judgeOffer(reply.offer, genesis, verifier.verify)).to.deep.equal({ kind: 'valid', detail: 'height 16' });
  const importing = new SnapshotImport(reply.offer, chain.store);
  importing.begin();
  for (let wanted = importing.next(); wanted !== undefined; wanted = importing.next()) {
    const part = answer(source, reader, { type: 'get-part', name: wanted.name });
    if (part.type !== 'part' || part.part === null) throw new Error('no part');
    expect(importing.accept(wanted, part.part)).to.equal(null);
  }
  importing.finish(0);
  chain.reload();
  return chain;
}

describe('a snapshot of the block that changes the set', () => {
  const world = new MemoryChain({ validators: 5, accounts: [] });
  world.growTo(offeredAt - removalBlocks());
  const changedAt = world.removeValidator(world.validators[0]!.publicKey);

  it('carries the change: blocks after it are applied, and proofs after it hold against genesis', () => {
    expect(changedAt).to.equal(offeredAt);
    const chain = imported(world);
    expect(setChangesBefore(chain.store, offeredAt + 1)).to.deep.equal(
      setChangesBefore(world.chain.store, offeredAt + 1),
    );
    world.growTo(offeredAt + 2);
    const blocks = [1, 2].map((after) => world.reader.sealedBlock(offeredAt + after) as SealedBlock);
    expect(applySynced(chain, verifier, blocks, 0)).to.equal(null);
    expect(decode(blockCodec, blocks[0]!.bytes).header.validatorsHash).to.not.equal(
      world.reader.block(offeredAt)?.header.validatorsHash,
    );
    const bundle = proveState(chain, new ChainReader(chain.store), offeredAt + 1, stateKey('validators/set/next'));
    const { checks } = verifyBundle(bundle!, world.genesis, { verifySignature: verifier.verify });
    expect(checks.filter(({ ok }) => !ok)).to.deep.equal([]);
  });
});

describe('an offer of a snapshot', () => {
  it('is refused where the tiles of its log are not those of the root that the header names', () => {
    const world = new MemoryChain({ validators: 5, accounts: [] });
    world.removeValidator(world.validators[0]!.publicKey);
    world.growTo(offeredAt);
    const reply = answer(world.chain, world.reader, { type: 'get-offer' });
    if (reply.type !== 'offer' || reply.offer === null) throw new Error('no offer');
    const { logEdge } = reply.offer;
    const judge = (changed: typeof logEdge): string =>
      judgeOffer({ ...reply.offer!, logEdge: changed }, world.genesis, verifier.verify).kind;
    expect(judge(logEdge)).to.equal('valid');
    const partialTiles = logEdge.partialTiles.map((hashes) => hashes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
    expect(judge({ ...logEdge, partialTiles })).to.equal('refused');
    expect(judge({ ...logEdge, partialTiles: [] })).to.equal('refused');
  });
});
