/**
 * Goal: the two oracles of the ledger let a sound chain pass and see what no ledger may do. Method: a small real chain,
 * and the same with one thing wrong.
 */
import { expect } from 'chai';
import type { Block, Commit } from '../../src/protocols/ledger/block.ts';
import { accountAt } from '../../src/protocols/ledger/queries.ts';
import type { Account } from '../../src/protocols/ledger/modules/accounts.ts';
import { type PublicKey, round } from '../../src/protocols/shared/brands.ts';
import { createVerifier } from '../../src/runtime/adapters/ed25519.ts';
import { setDeciding } from '../../src/actors/chain/validator-sets.ts';
import { AccountBook } from '../../src/simulation/system/checkers/account-book.ts';
import { SealedChain } from '../../src/simulation/system/checkers/sealed-chain.ts';
import { MemoryChain, signerOf } from '../support/memory-chain.ts';
import type { SignedBytes } from '../support/transactions.ts';

const verifier = createVerifier();
const [rich, poor, newcomer] = [signerOf(1), signerOf(2), signerOf(3)];
const newChain = (): MemoryChain => new MemoryChain({ validators: 5, accounts: [rich.publicKey, poor.publicKey] });

const transfer = (chain: MemoryChain, nonce: number, amount: bigint, to = poor.publicKey): SignedBytes =>
  chain.transaction(rich, nonce, 'accounts.transfer', { to, amount });

function bookOf({ chain, genesis }: MemoryChain, blocks: readonly (readonly SignedBytes[])[]) {
  const book = new AccountBook(chain.chainId, genesis, verifier);
  const problems = blocks.map((transactions) => book.write(transactions.map(({ bytes }) => bytes)));
  return { book, problem: problems.find((found) => found !== null) ?? null };
}

describe('the book of accounts', () => {
  it('says what the ledger says, of transfers that go through and of those that do not', () => {
    const world = newChain();
    const { publicKey } = newcomer;
    const blocks = [
      [transfer(world, 0, 5n), transfer(world, 2, 7n, publicKey), transfer(world, 1, 10n ** 15n)],
      [world.transaction(rich, 3, 'accounts.bond', { amount: 100n }), transfer(world, 9, 1n, rich.publicKey)],
      [world.transaction(rich, 4, 'accounts.unbond', { amount: 40n }), transfer(world, 5, 1n)],
      [world.rotation(poor, 0, signerOf(4))],
    ];
    for (const transactions of blocks) world.block(...transactions);
    const { book, problem } = bookOf(world, blocks);
    expect(problem).to.equal(null);
    expect(book.compare((key) => accountAt(world.chain.state, key))).to.equal(null);
  });

  it('misses value that the ledger made, lost or moved twice', () => {
    const world = newChain();
    world.block(transfer(world, 0, 5n));
    const { book } = bookOf(world, [[transfer(world, 0, 5n)]]);
    for (const change of [{ balance: 1n }, { bonded: 1n }, { nonceBase: 7 }, { nonceUsed: 2n }]) {
      const problem = book.compare((key) => {
        const account = accountAt(world.chain.state, key);
        return account === undefined || key !== poor.publicKey ? account : { ...account, ...change };
      });
      expect(problem, Object.keys(change).join()).to.include(poor.publicKey);
    }
    expect(book.compare(() => undefined)).to.include('is not in the state');
  });

  it('follows a bond on its way back, until it is there', () => {
    const world = newChain();
    const { chain, genesis } = world;
    const { parameters } = genesis;
    const short = { ...genesis, parameters: { ...parameters, unbondingBlocks: 2 } };
    const book = new AccountBook(chain.chainId, short, verifier);
    const own = (nonce: number, kind: string, amount: bigint): Uint8Array =>
      world.transaction(rich, nonce, kind, { amount }).bytes;
    const start = accountAt(chain.state, rich.publicKey)!;
    const says = (change: Partial<typeof start>): string | null =>
      book.compare((key) => {
        const account = accountAt(chain.state, key);
        return account === undefined || key !== rich.publicKey ? account : { ...account, nonceBase: 3, ...change };
      });
    const all = start.balance;
    const sent = [own(0, 'accounts.bond', 100n), own(1, 'accounts.unbond', 101n), own(2, 'accounts.unbond', 40n)];
    expect(book.write(sent)).to.equal(null);
    expect(says({ balance: all - 100n, bonded: 60n })).to.equal(null);
    expect(says({ balance: all - 60n, bonded: 60n })).to.include('balance');
    expect(book.write([])).to.equal(null);
    expect(says({ balance: all - 100n, bonded: 60n })).to.equal(null);
    expect(book.write([])).to.equal(null);
    expect(says({ balance: all - 60n, bonded: 60n })).to.equal(null);
  });

  it('does not claim an account that somebody may have sent something to', () => {
    const world = newChain();
    const blocks = [
      [world.rotation(rich, 0, signerOf(4))],
      [world.transaction(rich, 1, 'accounts.transfer', { to: newcomer.publicKey, amount: 1n }, signerOf(4))],
    ];
    const { book, problem } = bookOf(world, blocks);
    expect(problem).to.equal(null);
    const known = (key: PublicKey): Account | undefined => accountAt(world.chain.state, key);
    for (const transactions of blocks) world.block(...transactions);
    expect(book.compare(known)).to.equal(null);
    expect(book.compare((key) => (key === newcomer.publicKey ? undefined : known(key)))).to.equal(null);
  });

  const forbidden: readonly [what: string, says: string, make: (world: MemoryChain) => readonly SignedBytes[]][] = [
    ['the same transaction twice', 'was used before', (world) => [transfer(world, 0, 1n), transfer(world, 0, 1n)]],
    ['another one with a used nonce', 'was used before', (world) => [transfer(world, 0, 1n), transfer(world, 0, 2n)]],
    ['a nonce beyond the window', 'beyond its window', (world) => [transfer(world, 64, 1n)]],
    [
      'a transaction of a stranger',
      'no account',
      (world) => [world.transaction(newcomer, 0, 'accounts.transfer', { to: poor.publicKey, amount: 1n })],
    ],
    [
      'a transaction that somebody else signed',
      'did not sign it',
      (world) => [world.transaction(rich, 0, 'accounts.transfer', { to: poor.publicKey, amount: 1n }, poor)],
    ],
  ];
  for (const [what, says, make] of forbidden) {
    it(`refuses ${what}`, () => {
      const world = newChain();
      expect(bookOf(world, [make(world)]).problem)
        .to.include(says)
        .and.include('block 1');
    });
  }
});

describe('the chain of seals', () => {
  const world = newChain();
  world.block(transfer(world, 0, 5n));
  world.growTo(3);
  const [leaver] = world.validators;
  const changedAt = world.removeValidator(leaver!.publicKey);
  world.growTo(changedAt + 3);

  const read = (height: number): { block: Block; commit: Commit } => ({
    block: world.reader.block(height)!,
    commit: world.reader.commit(height)!,
  });

  /** The first problem of the chain with one of its blocks changed. */
  function problemWith(at: number, change: (of: ReturnType<typeof read>) => Partial<ReturnType<typeof read>>) {
    const { chain, genesis } = world;
    const setOf = (height: number) => setDeciding(chain.store, genesis, height);
    const sealed = new SealedChain({ chainId: chain.chainId, genesis, verifier, setOf });
    for (let height = 1; height <= chain.tip.height; height++) {
      const found = read(height);
      const { block, commit } = height === at ? { ...found, ...change(found) } : found;
      const problem = sealed.add(block, commit);
      if (problem !== null) return problem;
    }
    return null;
  }

  it('lets a sound chain pass, also where its validators change', () => {
    expect(problemWith(0, () => ({}))).to.equal(null);
  });

  it('judges the seals that others store with a block by the same measure', () => {
    const { chain, genesis } = world;
    const setOf = (height: number) => setDeciding(chain.store, genesis, height);
    const sealed = new SealedChain({ chainId: chain.chainId, genesis, verifier, setOf });
    const [first, second] = [read(1), read(2)];
    expect(sealed.add(first.block, first.commit)).to.equal(null);
    expect(sealed.otherSeals(first.commit)).to.equal(null);
    expect(sealed.otherSeals(second.commit)).to.include('did not make');
    expect(sealed.otherSeals({ ...first.commit, seals: first.commit.seals.slice(1) })).to.include('of 4 seals');
  });

  const wrongs: readonly [what: string, says: string, change: Parameters<typeof problemWith>[1]][] = [
    ['too few seals', 'of 4 seals', ({ commit }) => ({ commit: { ...commit, seals: commit.seals.slice(1) } })],
    [
      'one seal in place of four',
      'of 4 seals',
      ({ commit }) => ({ commit: { ...commit, seals: commit.seals.map(() => commit.seals[0]!) } }),
    ],
    ['seals of another round', 'did not make', ({ commit }) => ({ commit: { ...commit, round: round(1) } })],
    [
      'a header that was changed after it was sealed',
      'did not make',
      ({ block }) => ({ block: { ...block, header: { ...block.header, time: block.header.time + 1 } } }),
    ],
    [
      'a block that follows another one',
      'does not follow',
      ({ block }) => ({ block: { ...block, header: { ...block.header, parent: block.header.stateRoot } } }),
    ],
    [
      'a block before its time',
      'too early',
      ({ block }) => ({ block: { ...block, header: { ...block.header, time: block.header.time - 1 } } }),
    ],
    [
      'a block without the seals of its parent',
      'no seals of its parent',
      ({ block }) => ({ block: { ...block, lastCommit: null } }),
    ],
  ];
  for (const [what, says, change] of wrongs) {
    it(`refuses ${what}`, () => {
      expect(problemWith(2, change)).to.include(says).and.include('block 2');
    });
  }
});
