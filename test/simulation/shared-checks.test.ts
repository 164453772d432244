/**
 * Goal: a block is executed once for all nodes that come to it alike, and by itself on a node whose store holds anything
 * else. Method: chains in memory that share their checks, and one of them spoiled.
 */
import { expect } from 'chai';
import { Chain, type BlockVerdict } from '../../src/actors/chain/chain.ts';
import { tables } from '../../src/actors/chain/tables.ts';
import { decodeTransaction, type SignedTransaction } from '../../src/protocols/ledger/admission.ts';
import { type Block, blockCodec } from '../../src/protocols/ledger/block.ts';
import { checkBlock } from '../../src/protocols/ledger/executor.ts';
import { round } from '../../src/protocols/shared/brands.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import type { StoreReader } from '../../src/runtime/ports/store.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { SharedChecks } from '../../src/simulation/system/shared-checks.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const verifier = createVerifier();
const [rich, poor] = [signerOf(1), signerOf(2)];

/** A chain with one transfer, and the checks of its only block, counted. */
function world() {
  const origin = new MemoryChain({ validators: 4, accounts: [rich.publicKey, poor.publicKey] });
  origin.block(origin.transaction(rich, 0, 'accounts.transfer', { to: poor.publicKey, amount: 5n }));
  const bytes = origin.reader.sealedBlock(1)!.bytes;
  let executions = 0;
  const shared = new SharedChecks((...inputs) => {
    executions += 1;
    return checkBlock(...inputs);
  });
  const { genesis } = origin;
  const { chainId } = origin.chain;
  const node = (): Chain => {
    const store = new MemoryDisk().open({ kind: 'chain', version: 1, chainId });
    return new Chain({ store, genesis, signatures: verifier, historyBlocks: 100, checkBlock: shared.check });
  };
  return { node, bytes, executions: () => executions };
}

/** As every node reads it for itself from what it received. */
const received = (bytes: Uint8Array): Block => decode(blockCodec, bytes.slice());

function check(chain: Chain, block: Block, signer = rich.publicKey): BlockVerdict {
  const transactions = block.transactions.map(
    (transaction): SignedTransaction => ({ ...decodeTransaction(transaction)!, signer }),
  );
  return chain.check(block, transactions);
}

/** A verdict, or what the check threw. */
function outcomeOf(chain: Chain, bytes: Uint8Array): unknown {
  try {
    return check(chain, received(bytes));
  } catch (error) {
    return String(error);
  }
}

const contentOf = (store: StoreReader, table: string) => [...store.range(table)];

describe('shared checks of blocks', () => {
  it('execute once for nodes that come to a block alike', () => {
    const { node, bytes, executions } = world();
    const verdicts = [node(), node(), node()].map((chain) => check(chain, received(bytes)));
    expect(verdicts.map(({ kind }) => kind)).to.deep.equal(['valid', 'valid', 'valid']);
    expect(executions()).to.equal(1);
  });

  it('leave a node with the state that its own execution would have left', () => {
    const { node, bytes } = world();
    const chains = [node(), node()];
    for (const chain of chains) {
      const verdict = check(chain, received(bytes));
      if (verdict.kind !== 'valid') throw new Error(verdict.detail);
      chain.append(verdict.executed, { round: round(0), seals: [] }, 0);
    }
    const [first, second] = chains.map(({ store }) => store);
    for (const table of [tables.state, tables.tree, tables.entries, tables.tiles, tables.blocks]) {
      expect(contentOf(second!, table), table).to.deep.equal(contentOf(first!, table)).and.not.to.be.empty;
    }
  });

  for (const table of [tables.state, tables.tree]) {
    it(`leave a node to itself where its ${table} is another`, () => {
      const { node, bytes, executions } = world();
      const ill = node();
      const writes = contentOf(ill.store, table).map(([key, value]) => {
        const changed = value.slice();
        changed[changed.length - 1]! ^= 1;
        return { table, key, value: changed };
      });
      expect(check(node(), received(bytes)).kind).to.equal('valid');
      ill.store.commit(writes);
      const alone = new Chain({ store: ill.store, genesis: ill.genesis, signatures: verifier, historyBlocks: 100 });
      expect(outcomeOf(ill, bytes)).to.deep.equal(outcomeOf(alone, bytes));
      expect(executions()).to.equal(2);
    });
  }

  it('do not hide from a node that its balances are others', () => {
    const { node, bytes } = world();
    const ill = node();
    expect(check(node(), received(bytes)).kind).to.equal('valid');
    const accounts = contentOf(ill.store, tables.state).filter(([key]) =>
      new TextDecoder().decode(key).startsWith('accounts/'),
    );
    ill.store.commit(accounts.map(([key]) => ({ table: tables.state, key, value: null })));
    expect(check(ill, received(bytes))).to.include({ kind: 'invalid', reason: 'transaction-unknown-account' });
  });

  it('leave a node to itself where the block or what its signatures were checked under is another', () => {
    const { node, bytes, executions } = world();
    const block = received(bytes);
    expect(check(node(), block).kind).to.equal('valid');
    expect(check(node(), { ...block, transactions: [] }).kind).to.equal('invalid');
    expect(check(node(), block, poor.publicKey).kind).to.equal('invalid');
    const header = { ...block.header, logSize: block.header.logSize + 1 };
    expect(check(node(), { ...block, header }).kind).to.equal('invalid');
    expect(executions()).to.equal(4);
  });
});
