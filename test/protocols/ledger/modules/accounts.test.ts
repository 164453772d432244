/** Goal: value only moves, and only as its owner says. Method: a table of transactions with their codes, then the cases with a history. */
import { expect } from 'chai';
import {
  readAccount,
  rotationSigningBytes,
  totalSupply,
  unbondingsPerAccountMax,
} from '../../../../src/protocols/ledger/modules/accounts.ts';
import { genesisOf, inadmissibleKey, keyOf, signWith, testParameters, validatorKey, World } from '../ledger-world.ts';

const alice = keyOf('alice');
const bob = keyOf('bob');

describe('accounts module', () => {
  const cases: readonly (readonly [string, kind: string, body: unknown, code: string])[] = [
    ['pays another account', 'transfer', { to: bob, amount: 10_000n }, 'ok'],
    ['pays itself', 'transfer', { to: alice, amount: 10_000n }, 'ok'],
    ['pays a key without account, which makes one', 'transfer', { to: keyOf('dora'), amount: 1n }, 'ok'],
    ['pays nothing', 'transfer', { to: bob, amount: 0n }, 'amount-zero'],
    ['pays more than it has', 'transfer', { to: bob, amount: 10_001n }, 'insufficient-balance'],
    ['pays the largest amount there is', 'transfer', { to: bob, amount: 2n ** 64n - 1n }, 'insufficient-balance'],
    ['pays a key that can never sign', 'transfer', { to: inadmissibleKey, amount: 1n }, 'inadmissible-key'],
    ['bonds all it has', 'bond', { amount: 10_000n }, 'ok'],
    ['bonds nothing', 'bond', { amount: 0n }, 'amount-zero'],
    ['bonds more than it has', 'bond', { amount: 10_001n }, 'insufficient-balance'],
    ['unbonds without a bond', 'unbond', { amount: 1n }, 'insufficient-bond'],
    ['unbonds nothing', 'unbond', { amount: 0n }, 'amount-zero'],
  ];
  for (const [name, kind, body, code] of cases) {
    it(`${name}: ${code}`, () => {
      const world = new World();
      const supply = totalSupply(world.view);
      expect(world.run({ from: alice, kind: `accounts.${kind}`, body })).to.equal(code);
      expect(totalSupply(world.view)).to.equal(supply);
    });
  }

  it('returns a bond when the unbonding time is over, not before', () => {
    const world = new World();
    world.run({ from: alice, kind: 'accounts.bond', body: { amount: 600n } });
    world.run({ from: alice, kind: 'accounts.unbond', body: { amount: 500n } });
    const released = world.height + testParameters.unbondingBlocks;
    world.advanceTo(released - 1);
    expect(readAccount(world.view, alice)).to.include({ balance: 9_400n, bonded: 100n });
    world.advanceTo(released);
    expect(readAccount(world.view, alice)).to.include({ balance: 9_900n, bonded: 100n });
    expect(world.blocks.at(-1)?.events.map(({ kind }) => kind)).to.deep.equal(['unbonded']);
  });

  it('keeps the bond of a validator locked, and lets what is above it go', () => {
    const world = new World(genesisOf({ accounts: ['validator 0'], balance: 50n }));
    const validator = validatorKey(0);
    expect(world.run({ from: validator, kind: 'accounts.unbond', body: { amount: 1n } })).to.equal('bond-locked');
    expect(world.run({ from: validator, kind: 'accounts.bond', body: { amount: 50n } })).to.equal('ok');
    expect(world.run({ from: validator, kind: 'accounts.unbond', body: { amount: 51n } })).to.equal('bond-locked');
    expect(world.run({ from: validator, kind: 'accounts.unbond', body: { amount: 50n } })).to.equal('ok');
  });

  it('bounds the bonds of one account that are on their way back', () => {
    const world = new World();
    world.run({ from: alice, kind: 'accounts.bond', body: { amount: 100n } });
    const unbonds = Array.from({ length: unbondingsPerAccountMax + 1 }, () =>
      world.transaction({ from: alice, kind: 'accounts.unbond', body: { amount: 1n } }),
    );
    const codes = world.commit(unbonds).results.map(({ code }) => code);
    expect(codes.slice(0, -1).every((code) => code === 'ok')).to.equal(true);
    expect(codes.at(-1)).to.equal('too-many-unbondings');
  });

  it('rotates a key only with proof of possession; the new key signs from the next block on', () => {
    const world = new World();
    const newKey = keyOf('alice 2');
    const possession = signWith(newKey, rotationSigningBytes(world.chainId, alice, newKey));
    const rotate = (body: unknown): string => world.run({ from: alice, kind: 'accounts.rotate-key', body });
    expect(rotate({ newKey, possession: new Uint8Array(64) })).to.equal('bad-possession');
    expect(rotate({ newKey: bob, possession })).to.equal('bad-possession');
    expect(rotate({ newKey: alice, possession })).to.equal('same-key');
    const pay = { from: alice, kind: 'accounts.transfer', body: { to: bob, amount: 1n } };
    // Both are signed for the state before the block.
    const rotation = world.transaction({ from: alice, kind: 'accounts.rotate-key', body: { newKey, possession } });
    world.commit([rotation, world.transaction(pay)]);
    expect(world.build([world.transaction(pay)]).refused.map(({ reason }) => reason)).to.deep.equal(['wrong-signer']);
    const signed = world.transaction({ ...pay, nonce: 5, signer: newKey });
    expect(world.commit([signed]).results[0]?.code).to.equal('ok');
  });
});
