/**
 * Goal: the interface of a node answers what its chain holds. Method: the production API over a chain in memory with
 * real keys and time that the test moves.
 */
import { expect } from 'chai';
import { ChainReader } from '../../../src/actors/chain/chain-reader.ts';
import type { TransactionPlace } from '../../../src/actors/chain/tables.ts';
import { Finality } from '../../../src/actors/node/finality.ts';
import type { Digest } from '../../../src/protocols/shared/brands.ts';
import { createChainApi } from '../../../src/runtime/node/chain-api.ts';
import type { ChainApi, ConsensusView } from '../../../src/runtime/ports/chain-api.ts';
import { VirtualClock } from '../../../src/runtime/simulated/virtual-clock.ts';
import { MemoryChain, signerOf } from '../../support/memory-chain.ts';
import type { SignedBytes } from '../../support/transactions.ts';

const alice = signerOf(1);

class CountingReader extends ChainReader {
  placesRead = 0;

  override place(hash: Digest): TransactionPlace | undefined {
    this.placesRead += 1;
    return super.place(hash);
  }
}

interface World {
  readonly chain: MemoryChain;
  readonly finality: Finality;
  readonly clock: VirtualClock;
  /** Counts what is asked of it. */
  readonly reader: CountingReader;
  readonly api: ChainApi;
}

function startWorld(): World {
  const chain = new MemoryChain({ validators: 5, accounts: [alice.publicKey] });
  const finality = new Finality();
  const clock = new VirtualClock();
  const reader = new CountingReader(chain.chain.store);
  const api = createChainApi({
    chain: chain.chain,
    reader,
    finality,
    clock,
    pool: {
      submit: () => Promise.resolve([]),
      pending: () => undefined,
      nextNonce: () => 0,
      size: () => ({ count: 0, bytes: 0 }),
    },
    consensus: (): ConsensusView => {
      throw new Error('nobody asks for it here');
    },
    checkpoint: () => null,
    transactionProof: () => null,
    stateProof: () => null,
    health: () => ({ ok: true, checks: [] }),
    readiness: () => ({ ok: true, checks: [] }),
    validatorAddresses: new Map(),
  });
  return { chain, finality, clock, reader, api };
}

describe('the validators of a height', () => {
  const { chain, api } = startWorld();
  const { validators } = chain;
  const keysAt = (height?: number): readonly string[] | undefined =>
    api.validators(height)?.map(({ publicKey }) => publicKey);
  const all = validators.map(({ publicKey }) => publicKey);
  chain.growTo(2);
  const changedAt = chain.removeValidator(all[1]!);
  chain.growTo(changedAt + 2);
  const tip = chain.chain.tip.height;

  it('are those that decided it, through a change of the set, up to the next one', () => {
    const after = all.filter((key) => key !== all[1]);
    for (let height = 1; height <= tip + 1; height++) {
      expect(keysAt(height), `height ${height}`).to.deep.equal(height <= changedAt ? all : after);
    }
    expect(keysAt()).to.deep.equal(after);
  });

  it('have names, bonds and standing in the set of now only', () => {
    const [next] = api.validators() ?? [];
    expect(next).to.deep.include({ name: 'validator-1', bond: '1000000', jailed: false });
    expect(api.validators(tip + 1)).to.deep.equal(api.validators());
    for (const height of [1, changedAt, tip]) {
      const [first] = api.validators(height) ?? [];
      expect(first).to.deep.equal({
        publicKey: all[0],
        vrfPublicKey: chain.genesis.validators[0]?.vrfPublicKey,
        name: null,
        bond: null,
        jailed: null,
      });
    }
  });

  it('are not known of genesis and of heights that are to come', () => {
    expect([0, tip + 2].map((height) => api.validators(height))).to.deep.equal([null, null]);
  });
});

describe('waiting for finality', () => {
  const bob = signerOf(3);
  let world: World;
  let sent: SignedBytes;
  beforeEach(() => {
    world = startWorld();
    sent = world.chain.transaction(alice, 0, 'accounts.transfer', { to: bob.publicKey, amount: 5n });
  });

  /** Appends a block and announces it, as when it is durable. */
  const seal = (...transactions: readonly SignedBytes[]): void =>
    world.finality.announce(world.chain.block(...transactions));

  it('ends for everybody who waits with the block that holds the transaction', async () => {
    const waits = [1000, 2000].map((timeoutMs) => world.api.whenFinal(sent.hash, timeoutMs));
    seal();
    seal(sent);
    for (const view of await Promise.all(waits)) {
      expect(view).to.deep.equal(world.api.transaction(sent.hash));
      expect(view).to.deep.include({ status: 'final', height: 2 });
    }
    expect(await world.api.whenFinal(sent.hash, 0)).to.deep.include({ status: 'final', height: 2 });
  });

  it('ends with null when its time is over on the clock of the node, when it is called off, and for what is no hash', async () => {
    const late = world.api.whenFinal(sent.hash, 1000);
    const off = new AbortController();
    const calledOff = world.api.whenFinal(sent.hash, 1000, off.signal);
    off.abort();
    expect(await calledOff).to.equal(null);
    expect(await world.api.whenFinal(sent.hash, 1000, off.signal)).to.equal(null);
    expect(await world.api.whenFinal('no hash', 1000)).to.equal(null);
    let ended = false;
    void late.then(() => (ended = true));
    world.clock.advanceBy(999);
    await Promise.resolve();
    expect(ended).to.equal(false);
    world.clock.advanceBy(1);
    expect(await late).to.equal(null);
    seal(sent);
    expect(world.clock.runNext(), 'a timer is left').to.equal(false);
  });

  it('costs nothing for the blocks that pass', async () => {
    const waits = Array.from({ length: 500 }, (_, i) => world.api.whenFinal(i.toString(16).padStart(64, '0'), 1000));
    const waited = world.api.whenFinal(sent.hash, 1000);
    const before = world.reader.placesRead;
    for (let blocks = 0; blocks < 10; blocks++) seal();
    expect(world.reader.placesRead - before).to.equal(0);
    seal(sent);
    expect(world.reader.placesRead - before).to.equal(1);
    expect(await waited).to.deep.include({ height: 11 });
    world.clock.advanceBy(1000);
    expect(new Set(await Promise.all(waits))).to.deep.equal(new Set([null]));
  });

  it('ends also where the block was not announced, because a snapshot jumped over it', async () => {
    const waited = world.api.whenFinal(sent.hash, 1000);
    world.chain.block(sent);
    world.chain.growTo(5);
    world.finality.announce(5);
    expect(await waited).to.deep.include({ height: 1 });
  });

  it('ends also where the block came with the history before a snapshot', async () => {
    world.chain.growTo(1);
    world.finality.announce(1);
    const waits = [sent.hash, sent.hash, 'ff'.repeat(32)].map((hash) => world.api.whenFinal(hash, 1000));
    world.chain.block(sent);
    world.finality.historyFilled();
    world.clock.advanceBy(1000);
    const found = await Promise.all(waits);
    expect(found.map((view) => view?.height ?? null)).to.deep.equal([2, 2, null]);
  });
});
