/**
 * Goal: a block that was built is valid everywhere, and nothing else is. Method: blocks of a world in memory; one
 * altered field at a time.
 */
import { expect } from 'chai';
import { blockDigest, lastCommitHash } from '../../../src/protocols/ledger/block.ts';
import { type BlockVerdict, buildBlock, checkBlock, LedgerError } from '../../../src/protocols/ledger/executor.ts';
import { application } from '../../../src/protocols/ledger/application.ts';
import type { Block } from '../../../src/protocols/ledger/block.ts';
import type { SignedTransaction } from '../../../src/protocols/ledger/admission.ts';
import { accountAt } from '../../../src/protocols/ledger/queries.ts';
import { writeProtocolVersion } from '../../../src/protocols/ledger/modules/parameters.ts';
import { updateTree } from '../../../src/protocols/ledger/state-tree.ts';
import { blockBytesMax, transactionBytesMax } from '../../../src/protocols/ledger/transaction.ts';
import { View } from '../../../src/protocols/ledger/view.ts';
import { chainId, digest, height, publicKey } from '../../../src/protocols/shared/brands.ts';
import { altered, genesisOf, keyOf, sealsOf, World } from './ledger-world.ts';

const alice = keyOf('alice');
const bob = keyOf('bob');
const pay = (world: World, amount = 5n): SignedTransaction =>
  world.transaction({ from: alice, kind: 'accounts.transfer', body: { to: bob, amount } });

const reasonOf = (verdict: BlockVerdict): string => (verdict.kind === 'valid' ? 'valid' : verdict.reason);

describe('ledger executor', () => {
  it('builds a block that everybody finds valid, with the same bytes and writes', () => {
    const world = new World();
    world.commit([pay(world)]);
    const transactions = [pay(world), pay(world, 7n)];
    const { executed } = world.build(transactions);
    const verdict = checkBlock(world.ledger(), executed.block, transactions);
    expect(verdict).to.deep.equal({ kind: 'valid', executed });
    expect(executed.results.map(({ code }) => code)).to.deep.equal(['ok', 'ok']);
    expect(executed.digest).to.equal(blockDigest(executed.block.header));
    world.adopt(executed);
    expect(accountAt(world.state, bob)?.balance).to.equal(10_017n);
  });

  describe('refuses a block with', () => {
    const other = digest('ab'.repeat(32));
    const cases: readonly (readonly [reason: string, alter: (block: Block, world: World) => Block])[] = [
      ['wrong-chain', (block) => altered(block, { chainId: chainId('ab'.repeat(32)) })],
      ['wrong-protocol-version', (block) => altered(block, { protocolVersion: 2 })],
      ['wrong-height', (block) => altered(block, { height: height(7) })],
      ['wrong-parent', (block) => altered(block, { parent: other })],
      ['time-too-early', (block) => altered(block, { time: block.header.time - 1 })],
      ['proposer-not-validator', (block) => altered(block, { proposer: alice })],
      ['wrong-transactions-root', (block) => altered(block, { transactionsRoot: other })],
      ['wrong-state-root', (block) => altered(block, { stateRoot: other })],
      ['wrong-events-root', (block) => altered(block, { eventsRoot: other })],
      ['wrong-log-size', (block) => altered(block, { logSize: block.header.logSize + 1 })],
      ['wrong-log-root', (block) => altered(block, { logRoot: other })],
      ['wrong-validators-hash', (block) => altered(block, { validatorsHash: other })],
      ['wrong-next-validators-hash', (block) => altered(block, { nextValidatorsHash: other })],
      ['wrong-last-commit-hash', (block) => altered(block, { lastCommitHash: other })],
      ['commit-missing', (block) => altered(block, { lastCommitHash: lastCommitHash(null) }, { lastCommit: null })],
      ['commit-below-quorum', (block, { deciding }) => altered(block, {}, { lastCommit: sealsOf(deciding, 2) })],
      [
        'commit-order',
        (block, { deciding }) => {
          const { round, seals } = sealsOf(deciding);
          return altered(block, {}, { lastCommit: { round, seals: [...seals].reverse() } });
        },
      ],
      [
        'commit-order',
        (block, { deciding }) => {
          const { round, seals } = sealsOf(deciding);
          return altered(block, {}, { lastCommit: { round, seals: [seals[0]!, seals[0]!, seals[1]!] } });
        },
      ],
      [
        'commit-not-member',
        (block) => {
          const seal = { validator: publicKey('00'.repeat(32)), signature: new Uint8Array(64) };
          const { round, seals } = block.lastCommit!;
          return altered(block, {}, { lastCommit: { round, seals: [seal, ...seals] } });
        },
      ],
    ];
    for (const [reason, alter] of cases) {
      it(reason, () => {
        const world = new World();
        world.commit();
        const transactions = [pay(world)];
        const { block } = world.build(transactions).executed;
        expect(reasonOf(checkBlock(world.ledger(), alter(block, world), transactions))).to.equal(reason);
      });
    }

    it('a commit of genesis', () => {
      const world = new World();
      const block = altered(world.build([]).executed.block, {}, { lastCommit: sealsOf(world.deciding) });
      expect(reasonOf(checkBlock(world.ledger(), block, []))).to.equal('commit-unexpected');
    });

    it('transactions other than those of its body', () => {
      const world = new World();
      const { block } = world.build([pay(world)]).executed;
      expect(reasonOf(checkBlock(world.ledger(), block, []))).to.equal('transactions-mismatch');
      expect(reasonOf(checkBlock(world.ledger(), block, [pay(world)]))).to.equal('transactions-mismatch');
    });

    it('the transactions in another order', () => {
      const world = new World();
      const transactions = [pay(world), pay(world, 6n)];
      const { block } = world.build(transactions).executed;
      const swapped = altered(block, {}, { transactions: [...block.transactions].reverse() });
      expect(reasonOf(checkBlock(world.ledger(), swapped, [...transactions].reverse()))).to.equal(
        'wrong-transactions-root',
      );
    });
  });

  describe('a transaction that could not be admitted makes a block invalid and is left out by a builder', () => {
    const cases: readonly (readonly [reason: string, make: (world: World) => SignedTransaction[]])[] = [
      [
        'nonce-used',
        (world) => [world.transaction({ ...transfer, nonce: 0 }), world.transaction({ ...transfer, nonce: 0 })],
      ],
      ['nonce-too-far', (world) => [world.transaction({ ...transfer, nonce: 64 })]],
      ['expired', (world) => [world.transaction({ ...transfer, expiry: 0 })]],
      ['unknown-account', (world) => [world.transaction({ ...transfer, from: keyOf('nobody') })]],
      ['wrong-signer', (world) => [world.transaction({ ...transfer, signer: bob })]],
      ['wrong-chain', (world) => [world.transaction({ ...transfer, chainId: chainId('12'.repeat(32)) })]],
      [
        'unknown-kind',
        (world) => [world.transaction({ from: alice, kind: 'accounts.mint', body: null, rawBody: new Uint8Array(1) })],
      ],
      ['malformed-body', (world) => [world.transaction({ ...transfer, rawBody: Uint8Array.of(0x93, 1, 2, 3) })]],
      ['too-large', (world) => [world.transaction({ ...transfer, rawBody: new Uint8Array(transactionBytesMax) })]],
    ];
    const transfer = { from: alice, kind: 'accounts.transfer', body: { to: bob, amount: 1n } };
    for (const [reason, make] of cases) {
      it(reason, () => {
        const world = new World();
        const transactions = make(world);
        const { executed, refused } = world.build(transactions);
        expect(refused.map((each) => each.reason)).to.deep.equal([reason]);
        expect(executed.transactions).to.have.length(transactions.length - 1);
        const block = altered(executed.block, {}, { transactions: transactions.map(({ bytes }) => bytes) });
        expect(reasonOf(checkBlock(world.ledger(), block, transactions))).to.equal(`transaction-${reason}`);
      });
    }

    it('an account made in the same block cannot send yet', () => {
      const world = new World();
      const dora = keyOf('dora');
      const make = world.transaction({ from: alice, kind: 'accounts.transfer', body: { to: dora, amount: 5n } });
      const spend = world.transaction({ from: dora, kind: 'accounts.transfer', body: { to: alice, amount: 1n } });
      expect(world.build([make, spend]).refused.map(({ reason }) => reason)).to.deep.equal(['unknown-account']);
      world.commit([make]);
      expect(world.commit([spend]).results[0]?.code).to.equal('ok');
    });
  });

  it('includes a failed transaction with its code; nothing but its nonce changes', () => {
    const world = new World();
    const before = new Map(world.state.entries);
    const failed = world.commit([pay(world, 1_000_000n)]);
    expect(failed.results).to.deep.equal([{ code: 'insufficient-balance', events: 0 }]);
    expect(failed.events).to.be.empty;
    expect(failed.log.size).to.equal(1);
    const account = accountAt(world.state, alice)!;
    expect([account.balance, account.nonceBase]).to.deep.equal([10_000n, 1]);
    const changed = [...world.state.entries].filter(([key, value]) => before.get(key) !== value).map(([key]) => key);
    expect(changed).to.have.length(1);
  });

  it('builds within the limits of a block and leaves what does not fit', () => {
    const world = new World(genesisOf({ accounts: Array.from({ length: 40 }, (_, i) => `account ${i}`) }));
    const endpoints = Array.from({ length: 8 }, () => 'e'.repeat(256));
    const transactions = Array.from({ length: 1100 }, (_, i) =>
      world.transaction({
        from: keyOf(`account ${i % 40}`),
        kind: 'registry.register',
        body: { id: `service-${i}`, kind: 'court', node: alice, endpoints, region: 'EU', leaseMs: 10_000 },
      }),
    );
    const { executed, refused } = world.build(transactions);
    expect(refused).to.be.empty;
    expect(executed.transactions.length).to.be.within(900, 1050);
    expect(executed.bytes.length).to.be.within(blockBytesMax - 5000, blockBytesMax + 1024);
    expect(reasonOf(checkBlock(world.ledger(), executed.block, executed.transactions))).to.equal('valid');
    const over = altered(executed.block, {}, { transactions: transactions.map(({ bytes }) => bytes) });
    expect(reasonOf(checkBlock(world.ledger(), over, transactions))).to.equal('too-many-bytes');
  });

  it('halts where the chain has moved to a protocol version that this program lacks', () => {
    const world = new World();
    const view = new View(world.state);
    writeProtocolVersion(view, 2);
    world.state.apply(view.writes(), updateTree(world.state, world.state.rootRef, 1, []));
    expect(() => buildBlock(world.ledger(), world.choice(), [])).to.throw(LedgerError, 'protocol version 2');
  });

  it('gives the same block whatever was read before, and in whatever order candidates of others came', () => {
    const world = new World();
    const transactions = [pay(world), pay(world, 2n)];
    const first = world.build(transactions).executed;
    for (const key of [...world.state.entries.keys()].reverse()) {
      const value = world.state.entries.get(key)!;
      world.state.entries.delete(key);
      world.state.entries.set(key, value);
    }
    expect(world.build(transactions).executed.digest).to.equal(first.digest);
    expect(application.modules.map(({ name }) => name)).to.deep.equal([
      'accounts',
      'governance',
      'validators',
      'registry',
      'agreements',
      'court',
      'policies',
      'traffic',
      'audit',
      'enc',
    ]);
  });
});
