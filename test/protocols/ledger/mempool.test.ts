/**
 * Goal: the pool is bounded, fair and exact: it holds what can be executed now, and gives up what cannot, with a reason.
 * Method: tables for each rule; random histories against a plain list.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import type { SignedTransaction } from '../../../src/protocols/ledger/admission.ts';
import {
  defaultMempoolLimits,
  Mempool,
  type MempoolLimits,
  type PoolMoment,
} from '../../../src/protocols/ledger/mempool.ts';
import { accountAt } from '../../../src/protocols/ledger/queries.ts';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { genesisOf, keyOf, World } from './ledger-world.ts';

const people = Array.from({ length: 6 }, (_, i) => `person ${i}`);
const who = (index: number): PublicKey => keyOf(`person ${index}`);
const worldOf = (): World => new World(genesisOf({ accounts: people }));
const moment = (world: World): PoolMoment => ({
  height: world.height + 1,
  account: (key) => accountAt(world.state, key),
});
const pay = (
  world: World,
  from: number,
  options: { nonce?: number; expiry?: number; amount?: bigint } = {},
): SignedTransaction =>
  world.transaction({
    from: who(from),
    kind: 'accounts.transfer',
    body: { to: keyOf('sink'), amount: options.amount ?? 1n },
    ...(options.nonce === undefined ? {} : { nonce: options.nonce }),
    ...(options.expiry === undefined ? {} : { expiry: options.expiry }),
  });
const poolOf = (limits: Partial<MempoolLimits> = {}): Mempool => new Mempool({ ...defaultMempoolLimits, ...limits });
const all = { count: 10_000, bytes: 2 ** 30 };

function verdictOf(pool: Mempool, transaction: SignedTransaction, world: World, own = false): string {
  const { verdict } = pool.add(transaction, own, moment(world));
  return verdict.kind === 'accepted' ? 'accepted' : verdict.reason;
}

describe('mempool', () => {
  describe('says of a transaction', () => {
    const cases: readonly (readonly [string, make: (world: World, pool: Mempool) => SignedTransaction])[] = [
      ['accepted', (world) => pay(world, 0)],
      ['accepted', (world) => pay(world, 0, { nonce: 63 })],
      ['nonce-too-far', (world) => pay(world, 0, { nonce: 64 })],
      ['expired', (world) => pay(world, 0, { expiry: 0 })],
      [
        'unknown-account',
        (world) => world.transaction({ from: keyOf('nobody'), kind: 'accounts.bond', body: { amount: 1n } }),
      ],
      ['wrong-signer', (world) => ({ ...pay(world, 0), signer: who(1) })],
      [
        'known',
        (world, pool) => {
          const transaction = pay(world, 0);
          pool.add(transaction, false, moment(world));
          return transaction;
        },
      ],
      [
        'nonce-taken',
        (world, pool) => {
          pool.add(pay(world, 0, { nonce: 3 }), false, moment(world));
          return pay(world, 0, { nonce: 3, amount: 2n });
        },
      ],
      [
        'nonce-used',
        (world) => {
          world.commit([pay(world, 0, { nonce: 0 })]);
          return pay(world, 0, { nonce: 0, amount: 2n });
        },
      ],
    ];
    for (const [reason, make] of cases) {
      it(reason, () => {
        const world = worldOf();
        const pool = poolOf();
        const transaction = make(world, pool);
        expect(verdictOf(pool, transaction, world)).to.equal(reason);
      });
    }

    it('account-full, in count and in bytes', () => {
      const world = worldOf();
      const byCount = poolOf({ accountCountMax: 2 });
      const verdicts = [0, 1, 2].map((nonce) => verdictOf(byCount, pay(world, 0, { nonce }), world));
      expect(verdicts).to.deep.equal(['accepted', 'accepted', 'account-full']);
      expect(verdictOf(byCount, pay(world, 1), world)).to.equal('accepted');
      const size = pay(world, 2, { nonce: 0 }).bytes.length;
      const byBytes = poolOf({ accountBytesMax: 2 * size });
      expect([0, 1, 2].map((nonce) => verdictOf(byBytes, pay(world, 0, { nonce }), world))).to.deep.equal(verdicts);
    });
  });

  describe('when it is full', () => {
    it('the newest foreign transaction of the largest account gives way to an account with fewer', () => {
      const world = worldOf();
      const pool = poolOf({ countMax: 4 });
      const flood = [0, 1, 2].map((nonce) => pay(world, 0, { nonce }));
      for (const transaction of [...flood, pay(world, 1)]) pool.add(transaction, false, moment(world));
      const { verdict, departed } = pool.add(pay(world, 2), false, moment(world));
      expect(verdict.kind).to.equal('accepted');
      expect(departed).to.deep.equal([{ hash: flood[2]!.hash, own: false, reason: 'evicted' }]);
      expect(pool.count).to.equal(4);
      expect(verdictOf(pool, pay(world, 0, { nonce: 9 }), world), 'the largest itself gets no more').to.equal(
        'mempool-full',
      );
    });

    it('what this node acknowledged never gives way', () => {
      const world = worldOf();
      const pool = poolOf({ countMax: 3 });
      for (const nonce of [0, 1, 2]) pool.add(pay(world, 0, { nonce }), true, moment(world));
      expect(verdictOf(pool, pay(world, 1), world)).to.equal('mempool-full');
      expect(pool.count).to.equal(3);
    });

    it('bytes are bounded as the count is', () => {
      const world = worldOf();
      const size = pay(world, 0, { nonce: 0 }).bytes.length;
      const pool = poolOf({ bytesMax: 2 * size });
      expect([0, 1, 2].map((person) => verdictOf(pool, pay(world, person, { nonce: 0 }), world))).to.deep.equal([
        'accepted',
        'accepted',
        'mempool-full',
      ]);
      expect(pool.bytes).to.equal(2 * size);
    });
  });

  describe('offers for a block', () => {
    it('one transaction of each account in turn, oldest accounts first, each account’s by nonce', () => {
      const world = worldOf();
      const pool = poolOf();
      const order: readonly (readonly [person: number, nonce: number])[] = [
        [2, 1],
        [0, 0],
        [2, 0],
        [0, 1],
        [1, 5],
        [2, 2],
      ];
      for (const [person, nonce] of order) pool.add(pay(world, person, { nonce }), false, moment(world));
      const chosen = pool
        .candidates({ ...all, height: 1 })
        .map(({ value }) => `${people.findIndex((name) => keyOf(name) === value.sender)}:${value.nonce}`);
      expect(chosen).to.deep.equal(['2:0', '0:0', '1:5', '2:1', '0:1', '2:2']);
    });

    it('no more than the quota of an account, the count and the bytes', () => {
      const world = worldOf();
      const pool = poolOf({ accountBlockQuota: 2 });
      for (const nonce of [0, 1, 2, 3]) pool.add(pay(world, 0, { nonce }), false, moment(world));
      pool.add(pay(world, 1, { nonce: 0 }), false, moment(world));
      expect(pool.candidates({ ...all, height: 1 })).to.have.length(3);
      expect(pool.candidates({ count: 2, bytes: 2 ** 30, height: 1 })).to.have.length(2);
      const room = 3 * pay(world, 0, { nonce: 0 }).bytes.length;
      expect(pool.candidates({ count: 10, bytes: room, height: 1 })).to.have.length(2);
      expect(pool.candidates({ ...all, height: 1000 }), 'none that is expired').to.be.empty;
    });

    it('only what a block on the same state includes', () => {
      const world = worldOf();
      const pool = poolOf();
      for (let i = 0; i < 200; i++) pool.add(pay(world, i % 6), false, moment(world));
      const { executed, refused } = world.build(pool.candidates({ ...all, height: 1 }));
      expect(refused).to.be.empty;
      expect(executed.transactions).to.have.length(200);
    });
  });

  it('forgets what became final, what its accounts rule out, and what expired, each with its reason', () => {
    const world = worldOf();
    const pool = poolOf();
    const included = pay(world, 0, { nonce: 0 });
    const rival = pay(world, 0, { nonce: 1, amount: 2n });
    const expiring = pay(world, 1, { nonce: 0, expiry: 1 });
    const staying = pay(world, 2, { nonce: 0 });
    for (const each of [included, rival, expiring, staying]) pool.add(each, true, moment(world));
    const others = pay(world, 0, { nonce: 1 });
    world.commit([included, others]);
    const departed = pool.onBlock([included.hash, others.hash], [who(0)], moment(world));
    expect(departed).to.deep.equal([
      { hash: included.hash, own: true, reason: 'final' },
      { hash: rival.hash, own: true, reason: 'nonce-used' },
      { hash: expiring.hash, own: true, reason: 'expired' },
    ]);
    expect([...pool.own()].map(({ transaction }) => transaction.hash)).to.deep.equal([staying.hash]);
    expect(pool.bytes).to.equal(staying.bytes.length);
  });

  it('gives the lowest nonce that is neither used nor waiting', () => {
    const world = worldOf();
    const pool = poolOf();
    world.commit([pay(world, 0, { nonce: 0 }), pay(world, 0, { nonce: 2 })]);
    const next = (): number => pool.nextNonce(who(0), accountAt(world.state, who(0))!);
    expect(next()).to.equal(1);
    pool.add(pay(world, 0, { nonce: 1 }), false, moment(world));
    expect(next()).to.equal(3);
  });

  it('keeps its bounds and its counts through any history, and never loses what it acknowledged', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          type: fc.constant('add' as const),
          person: fc.nat(5),
          nonce: fc.nat(70),
          own: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('block' as const), count: fc.nat(10) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const world = worldOf();
        const limits = { ...defaultMempoolLimits, countMax: 12, accountCountMax: 5, bytesMax: 3000 };
        const pool = new Mempool(limits);
        const owned = new Set<string>();
        for (const each of steps) {
          if (each.type === 'add') {
            const transaction = pay(world, each.person, { nonce: each.nonce, expiry: 8 });
            const { verdict, departed } = pool.add(transaction, each.own, moment(world));
            if (each.own && verdict.kind !== 'rejected') owned.add(transaction.hash);
            for (const { hash, own } of departed) expect(own || owned.has(hash)).to.equal(false);
          } else {
            const executed = world.commit(
              pool.candidates({ count: each.count, bytes: 2 ** 20, height: world.height + 1 }),
            );
            const hashes = executed.transactions.map(({ hash }) => hash);
            const senders = executed.transactions.map(({ value }) => value.sender);
            for (const { hash } of pool.onBlock(hashes, senders, moment(world))) owned.delete(hash);
          }
          for (const hash of owned) expect(pool.get(hash as never)?.own).to.equal(true);
          const held = pool.candidates({ ...all, height: 0 });
          expect(pool.count).to.equal(held.length);
          expect(pool.bytes).to.equal(held.reduce((sum, { bytes }) => sum + bytes.length, 0));
          expect(pool.count <= limits.countMax && pool.bytes <= limits.bytesMax).to.equal(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});
