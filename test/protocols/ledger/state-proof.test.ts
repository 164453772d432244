/**
 * Goal: at every kept root every key can be proved present or absent, and nothing false can be proved with an honest
 * proof. Method: random histories; for every key of a small universe the proof must say what the model says, hold under
 * its root and under no other claim.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type CommitmentProof,
  decodeCommitmentProof,
  encodeCommitmentProof,
  type ExistenceProof,
  Ics23Error,
  verifyMembership,
  verifyNonMembership,
} from '../../../src/protocols/ledger/ics23.ts';
import { leavesFrom, proveKey } from '../../../src/protocols/ledger/state-proof.ts';
import { type RootRef, stateRootOf } from '../../../src/protocols/ledger/state-tree.ts';
import { statePath } from '../../../src/protocols/ledger/state-tree-build.ts';
import { compareBytes, fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { TreeStore } from './tree-store.ts';

const universe = Array.from({ length: 40 }, (_, n) => toUtf8(`k${n}`));

interface Snapshot {
  readonly rootRef: RootRef;
  readonly model: ReadonlyMap<string, Uint8Array>;
}

/** A history of random changes: each number says which key of the universe changes, and whether to a value or to none. */
function historyOf(store: TreeStore, steps: readonly (readonly number[])[]): Snapshot[] {
  const model = new Map<string, Uint8Array>();
  let rootRef: RootRef = null;
  return steps.map((step, height) => {
    const changes = [...new Set(step.map((n) => n % universe.length))].map((n) => {
      const key = universe[n]!;
      const value = model.has(toHex(key)) && n % 2 === 0 ? null : toUtf8(`v${height}`);
      if (value === null) model.delete(toHex(key));
      else model.set(toHex(key), value);
      return { key, value };
    });
    rootRef = store.apply(rootRef, height, changes).rootRef;
    return { rootRef, model: new Map(model) };
  });
}

const histories = fc.array(fc.array(fc.nat({ max: 1000 }), { maxLength: 12, size: 'max' }), {
  minLength: 1,
  maxLength: 6,
});

const isAccepted = (verdict: { readonly kind: string }): boolean => verdict.kind === 'accepted';

function expectProof(store: TreeStore, { rootRef, model }: Snapshot, key: Uint8Array): CommitmentProof | null {
  const root = fromHex(stateRootOf(store, rootRef));
  const proof = proveKey(store, rootRef, key);
  const value = model.get(toHex(key));
  if (proof === null) {
    expect(model.size).to.equal(0);
    return null;
  }
  expect(decodeCommitmentProof(encodeCommitmentProof(proof))).to.deep.equal(proof);
  expect(isAccepted(verifyNonMembership(root, proof, key))).to.equal(value === undefined);
  expect(isAccepted(verifyMembership(root, proof, key, value ?? toUtf8('v')))).to.equal(value !== undefined);
  expect(isAccepted(verifyMembership(root, proof, key, toUtf8('never')))).to.equal(false);
  return proof;
}

/** A proof of absence with other neighbours. */
const between = (left: ExistenceProof | null, right: ExistenceProof | null): CommitmentProof => ({
  type: 'nonexist',
  proof: { key: toUtf8('x'), left, right },
});

describe('state proofs', () => {
  it('say of every key at every height what was true there, and hold', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const store = new TreeStore();
        for (const snapshot of historyOf(store, steps)) {
          for (const key of universe) expectProof(store, snapshot, key);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('cannot be put together to prove that a present key is absent', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const store = new TreeStore();
        const { rootRef, model } = historyOf(store, steps).at(-1) as Snapshot;
        if (model.size < 3 || model.size > 16) return;
        const root = fromHex(stateRootOf(store, rootRef));
        const proofs = [...model.keys()].map((key) => {
          const proof = proveKey(store, rootRef, fromHex(key));
          if (proof?.type !== 'exist') throw new Error('a present key is proved present');
          return proof.proof;
        });
        const sides = [null, ...proofs];
        const absent = [...model.keys()].map(fromHex);
        for (const left of sides) {
          for (const right of sides) {
            for (const key of absent) {
              expect(isAccepted(verifyNonMembership(root, between(left, right), key))).to.equal(false);
            }
          }
        }
      }),
      { numRuns: 6 },
    );
  });

  it('of the empty tree are not needed: the root of 32 zero bytes says it', () => {
    expect(proveKey(new TreeStore(), null, toUtf8('a'))).to.equal(null);
  });

  it('of a tree of one key have no steps', () => {
    const store = new TreeStore();
    const { rootRef } = store.apply(null, 5, [{ key: toUtf8('a'), value: toUtf8('1') }]);
    expect(proveKey(store, rootRef, toUtf8('a'))).to.deep.equal({
      type: 'exist',
      proof: { key: toUtf8('a'), value: toUtf8('1'), path: [] },
    });
  });

  it('are refused with a named reason', () => {
    const store = new TreeStore();
    const { root, rootRef } = store.apply(
      null,
      1,
      universe.map((key) => ({ key, value: toUtf8('v') })),
    );
    const proof = proveKey(store, rootRef, universe[0]!);
    const absence = proveKey(store, rootRef, toUtf8('absent'));
    if (proof?.type !== 'exist' || absence?.type !== 'nonexist') throw new Error('unexpected kinds');
    const [key, value] = [universe[0]!, toUtf8('v')];
    const { left, right } = absence.proof;
    const bytes = fromHex(root);
    const withPath = (path: ExistenceProof['path']): CommitmentProof => ({
      type: 'exist',
      proof: { ...proof.proof, path },
    });
    const step = proof.proof.path[0]!;
    const table: [string, { kind: string }, string][] = [
      ['kind', verifyMembership(bytes, absence, key, value), 'wrong-kind'],
      ['kind of absence', verifyNonMembership(bytes, proof, key), 'wrong-kind'],
      ['key', verifyMembership(bytes, proof, toUtf8('k1'), value), 'wrong-key'],
      ['value', verifyMembership(bytes, proof, key, toUtf8('w')), 'wrong-value'],
      ['root', verifyMembership(new Uint8Array(32), proof, key, value), 'wrong-root'],
      [
        'step',
        verifyMembership(bytes, withPath([{ ...step, prefix: Uint8Array.of(2) }]), key, value),
        'malformed-step',
      ],
      ['depth', verifyMembership(bytes, withPath(Array(257).fill(step)), key, value), 'too-deep'],
      ['no neighbours', verifyNonMembership(bytes, between(null, null), key), 'no-neighbours'],
      ['left alone', verifyNonMembership(bytes, between(left, null), toUtf8('absent')), 'not-adjacent'],
      ['right alone', verifyNonMembership(bytes, between(null, right), toUtf8('absent')), 'not-adjacent'],
      ['swapped', verifyNonMembership(bytes, between(right, left), toUtf8('absent')), 'not-between'],
    ];
    for (const [name, verdict, reason] of table) expect(verdict, name).to.deep.equal({ kind: 'rejected', reason });
  });

  it('are decoded in their canonical encoding only', () => {
    const store = new TreeStore();
    const { rootRef } = store.apply(null, 1, [{ key: toUtf8('a'), value: toUtf8('1') }]);
    const bytes = encodeCommitmentProof(proveKey(store, rootRef, toUtf8('a'))!);
    const refused = [
      new Uint8Array(0),
      bytes.subarray(0, bytes.length - 1),
      Uint8Array.of(...bytes, 0x18, 0x01),
      Uint8Array.of(...bytes, ...bytes),
      Uint8Array.of(0x0a, 0x80 | (bytes.length - 2), 0x00, ...bytes.subarray(2)),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    ];
    for (const variant of refused) expect(() => decodeCommitmentProof(variant)).to.throw(Ics23Error);
  });
});

describe('leaves in order', () => {
  it('are all leaves, ascending by path, from any point on', () => {
    fc.assert(
      fc.property(histories, fc.uint8Array({ minLength: 32, maxLength: 32 }), (steps, from) => {
        const store = new TreeStore();
        const { rootRef, model } = historyOf(store, steps).at(-1) as Snapshot;
        const expected = [...model]
          .map(([key, value]) => ({ path: toHex(statePath(fromHex(key))), key, value: toHex(value) }))
          .sort((a, b) => (a.path < b.path ? -1 : 1));
        const found = (start?: Uint8Array): object[] =>
          [...leavesFrom(store, rootRef, start)].map(({ path, key, value }) => ({
            path: toHex(path),
            key: toHex(key),
            value: toHex(value),
          }));
        expect(found()).to.deep.equal(expected);
        expect(found(from)).to.deep.equal(expected.filter(({ path }) => compareBytes(fromHex(path), from) >= 0));
        for (const { path } of expected) expect(found(fromHex(path))[0]).to.include({ path });
      }),
      { numRuns: 40 },
    );
  });
});
