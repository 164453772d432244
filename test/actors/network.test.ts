/**
 * Production actors, links and stores in one process: what a network of validators and followers must do. Every wait is
 * for an event (a height that became final), never for time.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { verifyBundle } from '../../src/protocols/ledger/verify-bundle.ts';
import { proveState, proveTransaction } from '../../src/actors/chain/proofs.ts';
import { readCheckpoint } from '../../src/actors/checkpoint-cosigner.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import { stateKey } from '../../src/protocols/ledger/view.ts';
import { createSigner, createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { LocalNetwork, type LocalNode } from '../support/local-network.ts';
import { transfer } from '../support/transactions.ts';

const alice = createSigner(randomBytes(32));
const bob = createSigner(randomBytes(32));
const verifier = createVerifier();

const digestAt = (node: LocalNode, height: number): string | undefined =>
  node.wiring.reader.block(height + 1)?.header.parent;

describe('a network of validators', function () {
  this.timeout(60_000);
  let network: LocalNetwork;

  beforeEach(async () => {
    network = new LocalNetwork({ validators: 4, blockTimeMs: 50, accounts: [alice.publicKey] });
    await network.start();
  });
  afterEach(() => network.close());

  it('finalises a transfer that one validator was given, with the same blocks and state on all', async () => {
    const { chainId } = network.node(0).chain;
    const { bytes, hash } = transfer(chainId, alice, 0, bob.publicKey, 5n);
    const [outcome] = await network.node(2).submit([bytes]);
    expect(outcome).to.deep.equal({ outcome: 'accepted', hash });
    const place = await placed(network.node(2), hash);
    await Promise.all(network.nodes.map((node) => node.reached(place + 1)));
    for (const node of network.nodes) {
      expect(accountAt(node.chain.state, bob.publicKey)?.balance).to.equal(5n);
      expect(digestAt(node, place)).to.equal(digestAt(network.node(0), place));
    }
  });

  it('goes on without one of four, and the one that comes back catches up and signs again', async () => {
    await network.node(0).reached(3);
    await network.stop(3);
    const height = network.node(0).chain.tip.height;
    await network.node(0).reached(height + 12);
    await network.start([3]);
    const returned = network.node(3);
    await returned.reached(network.node(0).chain.tip.height);
    const key = returned.key;
    await sealedBy(network.node(0), key);
    expect(returned.wiring.trouble()).to.equal(null);
  });

  it('is followed by a node that checks seals and executes every block', async () => {
    await network.node(0).reached(8);
    const follower = await network.follow('follower');
    const { bytes, hash } = transfer(follower.chain.chainId, alice, 0, bob.publicKey, 7n);
    await follower.reached(5);
    const [outcome] = await follower.submit([bytes]);
    expect(outcome?.outcome).to.equal('accepted');
    const place = await placed(follower, hash);
    await network.node(0).reached(place + 1);
    await follower.reached(place + 1);
    expect(accountAt(follower.chain.state, bob.publicKey)?.balance).to.equal(7n);
    expect(digestAt(follower, place)).to.equal(digestAt(network.node(0), place));
  });

  it('lets a wiped validator rejoin by snapshot, sign again, and find what happened before it', async () => {
    const first = transfer(network.node(0).chain.chainId, alice, 0, bob.publicKey, 5n);
    await network.node(0).submit([first.bytes]);
    const place = await placed(network.node(0), first.hash);
    await network.node(0).reached(80);
    await network.stop(3);
    network.wipe(3, 'everything');
    await network.start([3]);
    const returned = network.node(3);
    const filled = foundAgain(returned, first.hash);
    await returned.reached(64);
    expect(returned.wiring.reader.facts(1)?.hasState, 'block 1 was executed: no snapshot was used').to.not.equal(true);
    expect(accountAt(returned.chain.state, bob.publicKey)?.balance).to.equal(5n);
    await sealedBy(network.node(0), returned.key);
    await filled;
    expect(returned.wiring.reader.place(first.hash)?.height).to.equal(place);
    const proof = proveTransaction(returned.chain, returned.wiring.reader, null, first.hash);
    const { verdict } = verifyBundle(proof as NonNullable<typeof proof>, network.genesis, {
      verifySignature: verifier.verify,
    });
    expect(verdict).to.equal('valid');
  });

  it('gives proofs of transactions and of state that hold against the genesis alone', async () => {
    const node = network.node(1);
    const { bytes, hash } = transfer(node.chain.chainId, alice, 0, bob.publicKey, 5n);
    await node.submit([bytes]);
    const place = await placed(node, hash);
    await cosigned(node, place);
    const { chain, wiring } = node;
    const options = { verifySignature: verifier.verify };
    const bundle = proveTransaction(chain, wiring.reader, readCheckpoint(chain.store), hash);
    expect(bundle?.tlogProof).to.be.a('string');
    const outcome = verifyBundle(bundle as NonNullable<typeof bundle>, network.genesis, options);
    expect(outcome.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(outcome.verdict).to.equal('valid');
    const key = stateKey(`accounts/account/${bob.publicKey}`);
    const state = proveState(chain, wiring.reader, place, key);
    const checked = verifyBundle(state as NonNullable<typeof state>, network.genesis, options);
    expect(checked.verdict).to.equal('valid');
  });
});

/** Height of the transaction, once it is final. */
async function placed(node: LocalNode, hash: Parameters<LocalNode['wiring']['reader']['place']>[0]): Promise<number> {
  for (;;) {
    const place = node.wiring.reader.place(hash);
    if (place !== undefined) return place.height;
    await node.reached(node.chain.tip.height + 1);
  }
}

/** Resolves when a new block carries the validator's seal of its parent. */
async function sealedBy(node: LocalNode, key: string): Promise<void> {
  for (;;) {
    await node.reached(node.chain.tip.height + 1);
    const commit = node.wiring.reader.block(node.chain.tip.height)?.lastCommit;
    if (commit?.seals.some(({ validator }) => validator === key) === true) return;
  }
}

/** Resolves when a cosigned checkpoint covers the log of this height. */
async function cosigned(node: LocalNode, height: number): Promise<void> {
  for (;;) {
    if ((readCheckpoint(node.chain.store)?.height ?? 0) >= height) return;
    await node.reached(node.chain.tip.height + 1);
  }
}

/** Resolves when the node has said that it filled in the history before a snapshot, up to this transaction. */
function foundAgain(node: LocalNode, hash: Parameters<LocalNode['wiring']['reader']['place']>[0]): Promise<void> {
  return new Promise((resolve) => {
    const leave = node.wiring.finality.subscribeHistory(() => {
      if (node.wiring.reader.place(hash) === undefined) return;
      leave();
      resolve();
    });
  });
}

describe('a network that makes blocks on demand', function () {
  this.timeout(60_000);

  it('makes one block for a transaction, and an empty one only when the period for those is over', async () => {
    const network = new LocalNetwork({ validators: 4, blockTimeMs: 0, accounts: [alice.publicKey] });
    try {
      await network.start();
      const { chainId } = network.node(0).chain;
      for (let nonce = 0; nonce < 12; nonce++) {
        const node = network.node(nonce % 4);
        const { bytes, hash } = transfer(chainId, alice, nonce, bob.publicKey, 5n);
        await node.submit([bytes]);
        await placed(node, hash);
      }
      const { chain, wiring } = network.node(0);
      const { emptyBlockPeriodMs } = chain.tip.parameters;
      for (let height = 2; height <= chain.tip.height; height++) {
        const [block, parent] = [wiring.reader.block(height), wiring.reader.block(height - 1)];
        const waitedMs = (block?.header.time ?? 0) - (parent?.header.time ?? 0);
        if (block?.transactions.length === 0) expect(waitedMs, `block ${height}`).at.least(emptyBlockPeriodMs);
      }
    } finally {
      await network.close();
    }
  });
});
