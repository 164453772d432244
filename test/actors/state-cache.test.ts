/** Goal: the cache says what the store says. Method: random reads and blocks against the store itself, with few places. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Chain } from '../../src/actors/chain/chain.ts';
import { StateCache } from '../../src/actors/chain/state-cache.ts';
import { stateReaderOf, tables } from '../../src/actors/chain/tables.ts';
import { toUtf8 } from '../../src/protocols/shared/bytes.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { MemoryDisk } from '../../src/runtime/simulated/memory-store.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';

const key = fc.nat(9).map((n) => `module/table/${n}`);
const write = fc.record({ name: key, value: fc.option(fc.nat(255), { nil: null }) });
const action = fc.oneof(
  fc.record({ read: key }),
  fc.record({ block: fc.array(write, { maxLength: 5 }) }),
  fc.record({ replace: fc.array(write, { maxLength: 5 }) }),
);

describe('the cache of the state', () => {
  it('gives what the store holds, after blocks and after the store was replaced', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (actions, places) => {
        const store = new MemoryDisk().open({ kind: 'chain', version: 1 });
        const reader = stateReaderOf(store);
        const cache = new StateCache(reader, places);
        for (const act of actions) {
          if ('read' in act) {
            expect(cache.get(toUtf8(act.read))).deep.equal(reader.get(toUtf8(act.read)));
            continue;
          }
          const changes = 'block' in act ? act.block : act.replace;
          const writes = changes.map(({ name, value }) => ({
            key: toUtf8(name),
            value: value === null ? null : Uint8Array.of(value),
          }));
          store.commit(writes.map((change) => ({ table: tables.state, ...change })));
          if ('block' in act) cache.apply(writes);
          else cache.clear();
        }
      }),
    );
  });

  it('is behind what a chain reads: its own blocks, and what another writer has put in their place', () => {
    const [alice, bob] = [signerOf(1), signerOf(2)];
    const writer = new MemoryChain({ validators: 4, accounts: [alice.publicKey, bob.publicKey] });
    const { chain, genesis } = writer;
    const reader = new Chain({ store: chain.store, genesis, signatures: createVerifier(), historyBlocks: 100 });
    const balances = (of: Chain): readonly (bigint | undefined)[] =>
      [alice, bob].map(({ publicKey }) => accountAt(of.state, publicKey)?.balance);
    const [held] = balances(reader);
    const paid = held! - 5n;
    writer.block(writer.transaction(alice, 0, 'accounts.transfer', { to: bob.publicKey, amount: 5n }));
    expect(balances(chain)).deep.equal([paid, held! + 5n]);
    reader.reload();
    expect(balances(reader)).deep.equal([paid, held! + 5n]);
  });
});
