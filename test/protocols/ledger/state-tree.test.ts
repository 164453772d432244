/**
 * Goal: the state tree commits to exactly the set of keys and values, keeps every height readable until it is pruned,
 * and leaves nothing behind. Method: random histories against a naive tree that is rebuilt from the whole set.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { nodeKey, TreeNode } from '../../../src/protocols/ledger/state-tree-node.ts';
import {
  emptyStateRoot,
  readKey,
  type RootRef,
  type StateChange,
  stateRootOf,
  updateTree,
} from '../../../src/protocols/ledger/state-tree.ts';
import { fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { naiveStateRoot } from './merkle-oracle.ts';
import { TreeStore } from './tree-store.ts';

interface Change {
  readonly key: string;
  readonly value: string | null;
}

const toState = (changes: readonly Change[]): StateChange[] =>
  changes.map(({ key, value }) => ({ key: toUtf8(key), value: value === null ? null : toUtf8(value) }));

function applyToModel(model: Map<string, Uint8Array>, changes: readonly StateChange[]): void {
  for (const { key, value } of changes) {
    if (value === null) model.delete(toHex(key));
    else model.set(toHex(key), value);
  }
}

/** Few distinct keys, so that keys are overwritten and deleted often; few values, so that some writes change nothing. */
const batches = (keys: number, batchSize: number, count: number): fc.Arbitrary<Change[][]> => {
  const change = fc.record({
    key: fc.integer({ min: 0, max: keys - 1 }).map((n) => `key-${n}`),
    value: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: null, freq: 3 }),
  });
  const batch = fc.uniqueArray(change, { selector: ({ key }) => key, maxLength: batchSize, size: 'max' });
  return fc.array(batch, { minLength: 1, maxLength: count, size: 'max' });
};

interface Version {
  readonly height: number;
  readonly rootRef: RootRef;
  readonly model: ReadonlyMap<string, Uint8Array>;
}

function runHistory(store: TreeStore, history: readonly Change[][]): Version[] {
  const model = new Map<string, Uint8Array>();
  const versions: Version[] = [];
  let rootRef: RootRef = null;
  history.forEach((batch, height) => {
    const changes = toState(batch);
    const update = store.apply(rootRef, height, changes);
    applyToModel(model, changes);
    expect(update.root).to.equal(naiveStateRoot(model));
    rootRef = update.rootRef;
    versions.push({ height, rootRef, model: new Map(model) });
  });
  return versions;
}

function expectReadable(store: TreeStore, { rootRef, model }: Version, keys: number): void {
  expect(stateRootOf(store, rootRef)).to.equal(naiveStateRoot(model));
  for (let n = 0; n < keys; n++) {
    const key = toUtf8(`key-${n}`);
    expect(readKey(store, rootRef, key)).to.deep.equal(model.get(toHex(key)));
  }
}

describe('state tree', () => {
  it('has the root of the naive tree after every batch of any history, and reads every height back', () => {
    fc.assert(
      fc.property(batches(24, 12, 8), (history) => {
        const store = new TreeStore();
        for (const version of runHistory(store, history)) expectReadable(store, version, 24);
      }),
      { numRuns: 60 },
    );
  });

  it('agrees with the naive tree where hundreds of keys share upper nodes', () => {
    fc.assert(
      fc.property(batches(900, 400, 4), (history) => {
        runHistory(new TreeStore(), history);
      }),
      { numRuns: 8 },
    );
  });

  it('does not depend on the order of changes or on the history that led to a set', () => {
    const model = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.string({ minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(model, fc.infiniteStream(fc.nat()), (entries, random) => {
        const changes = toState(Object.entries(entries).map(([key, value]) => ({ key, value })));
        const shuffled = changes
          .map((change) => ({ change, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ change }) => change);
        const atOnce = updateTree(new TreeStore(), null, 1, changes).root;
        expect(updateTree(new TreeStore(), null, 1, shuffled).root).to.equal(atOnce);
        const store = new TreeStore();
        let rootRef: RootRef = null;
        shuffled.forEach((change, i) => {
          rootRef = store.apply(rootRef, i, [change]).rootRef;
        });
        expect(stateRootOf(store, rootRef)).to.equal(atOnce);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps heights from the pruning point on readable, and nothing that none of them reads', () => {
    fc.assert(
      fc.property(batches(16, 8, 10), fc.nat(), (history, pick) => {
        const store = new TreeStore();
        const versions = runHistory(store, history);
        const oldest = pick % versions.length;
        store.prune(oldest);
        for (const version of versions.slice(oldest)) expectReadable(store, version, 16);
        store.prune(versions.length);
        const last = versions.at(-1) as Version;
        expectReadable(store, last, 16);
        const fresh = new TreeStore();
        fresh.apply(
          null,
          0,
          [...last.model].map(([key, value]) => ({ key: fromHex(key), value })),
        );
        expect(store.nodes.size).to.equal(fresh.nodes.size);
      }),
      { numRuns: 60 },
    );
  });

  it('is empty again, with root 32 zero bytes and no record left, after everything is deleted', () => {
    const store = new TreeStore();
    const keys = Array.from({ length: 300 }, (_, n) => toUtf8(`key-${n}`));
    const filled = store.apply(
      null,
      1,
      keys.map((key) => ({ key, value: toUtf8('v') })),
    );
    const emptied = store.apply(
      filled.rootRef,
      2,
      keys.map((key) => ({ key, value: null })),
    );
    expect(emptied).to.include({ root: emptyStateRoot, rootRef: null });
    expect(emptyStateRoot).to.equal('00'.repeat(32));
    store.prune(2);
    expect(store.nodes.size).to.equal(0);
  });

  it('writes nothing where nothing changes: equal values, absent keys deleted, no changes', () => {
    const store = new TreeStore();
    const first = store.apply(
      null,
      1,
      toState([
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ]),
    );
    const second = store.apply(
      first.rootRef,
      2,
      toState([
        { key: 'b', value: '2' },
        { key: 'c', value: null },
      ]),
    );
    expect(second).to.deep.equal({ root: first.root, rootRef: 1, nodeWrites: [], staleNodes: [] });
    expect(store.apply(null, 1, [])).to.deep.equal({
      root: emptyStateRoot,
      rootRef: null,
      nodeWrites: [],
      staleNodes: [],
    });
  });

  it('rewrites a handful of records for one changed key among thousands', () => {
    const store = new TreeStore();
    const all = Array.from({ length: 5000 }, (_, n) => ({ key: toUtf8(`key-${n}`), value: toUtf8('v') }));
    const { rootRef } = store.apply(null, 1, all);
    store.reads = 0;
    const update = store.apply(rootRef, 2, toState([{ key: 'key-77', value: 'changed' }]));
    expect(update.nodeWrites.length).to.be.at.most(7);
    expect(update.staleNodes.length).to.equal(update.nodeWrites.length);
    expect(store.reads).to.be.at.most(6);
  });

  it('refuses a node record that is not as long as its bitmaps say', () => {
    const store = new TreeStore();
    store.apply(
      null,
      7,
      Array.from({ length: 400 }, (_, n) => ({ key: toUtf8(`key-${n}`), value: toUtf8('v') })),
    );
    const root = store.node(nodeKey(7, new Uint8Array(0), 0))!;
    expect(new TreeNode(root).layout.occupied).to.equal(0xffff);
    for (const bytes of [root.subarray(1), root.subarray(0, 3), Uint8Array.of(...root, 0), new Uint8Array(0)]) {
      expect(() => new TreeNode(bytes)).to.throw(InvariantError);
    }
  });

  it('refuses empty keys and values, which no ICS-23 verifier accepts', () => {
    const full = toUtf8('a');
    const empty = new Uint8Array(0);
    expect(() => updateTree(new TreeStore(), null, 1, [{ key: empty, value: full }])).to.throw(InvariantError);
    expect(() => updateTree(new TreeStore(), null, 1, [{ key: full, value: empty }])).to.throw(InvariantError);
  });

  it('refuses what would make the tree ambiguous: a key twice in a batch, a version not later than its root', () => {
    const twice = toState([
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
    ]);
    expect(() => updateTree(new TreeStore(), null, 1, twice)).to.throw(InvariantError);
    const store = new TreeStore();
    const { rootRef } = store.apply(null, 3, toState([{ key: 'a', value: '1' }]));
    expect(() => updateTree(store, rootRef, 3, [])).to.throw(InvariantError);
  });

  it('names a missing record instead of answering from a damaged tree', () => {
    const store = new TreeStore();
    const { rootRef } = store.apply(null, 3, toState([{ key: 'a', value: '1' }]));
    store.nodes.clear();
    expect(() => readKey(store, rootRef, toUtf8('a'))).to.throw(InvariantError, 'missing');
  });
});
