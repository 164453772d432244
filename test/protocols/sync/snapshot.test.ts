/**
 * Snapshot parts: whatever is served rebuilds exactly the tree that was served, and nothing else passes. Trees are made
 * by `updateTree` from random keys; the joiner knows the root only.
 */
import { expect } from 'chai';
import { TreeWriter } from '../../../src/protocols/ledger/state-tree-build.ts';
import {
  readKey,
  type StateChange,
  stateRootOf,
  type TreeReader,
  updateTree,
} from '../../../src/protocols/ledger/state-tree.ts';
import type { Child } from '../../../src/protocols/ledger/state-tree-node.ts';
import { height } from '../../../src/protocols/shared/brands.ts';
import { fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { decode, encode } from '../../../src/protocols/shared/codec.ts';
import { sha256 } from '../../../src/protocols/shared/hash.ts';
import {
  checkPart,
  nodeOf,
  partAt,
  partBytesMax,
  partCodec,
  type PartName,
  type SnapshotPart,
  withNibble,
} from '../../../src/protocols/sync/snapshot.ts';

class Records implements TreeReader {
  readonly #records = new Map<string, Uint8Array>();
  node(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(toHex(key));
  }
  write(writes: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): void {
    for (const { key, value } of writes) this.#records.set(toHex(key), value);
  }
}

/** Distinct keys with values of `valueBytes`, the same at every run. */
function entries(count: number, valueBytes: number): StateChange[] {
  return Array.from({ length: count }, (_, i) => {
    const seed = sha256(toUtf8(`entry ${i}`));
    const value = new Uint8Array(valueBytes);
    for (let at = 0; at < valueBytes; at++) value[at] = seed[at % 32] as number;
    return { key: toUtf8(`accounts/account/${toHex(seed)}`), value };
  });
}

function treeOf(changes: readonly StateChange[], version: number): { records: Records; root: Uint8Array } {
  const records = new Records();
  const { nodeWrites, root } = updateTree(records, null, version, changes);
  records.write(nodeWrites);
  return { records, root: fromHex(root) };
}

const serve = (records: Records, rootRef: number, name: PartName): SnapshotPart => {
  const part = partAt(records, rootRef, name);
  if (part === null) throw new Error('there is no such subtree');
  return decode(partCodec, encode(partCodec, part));
};

/** Walks down as a joiner does. Returns the child that stands at the name, and how many parts it took. */
function download(
  from: { records: Records; rootRef: number },
  into: Records,
  name: PartName,
  expected: Uint8Array,
): { child: Child; parts: number } {
  const writer = new TreeWriter(name.height);
  const checked = checkPart(name, expected, serve(from.records, from.rootRef, name), writer);
  if (checked.type === 'refused') throw new Error(checked.reason);
  let parts = 1;
  let child: Child;
  if (checked.type === 'complete') child = checked.child;
  else {
    const children = checked.children.map((below, nibble) => {
      if (below === null || below.path !== null) return below;
      const deeper = { ...name, depth: name.depth + 1, path: withNibble(name.path, name.depth, nibble) };
      const result = download(from, into, deeper, below.hash);
      parts += result.parts;
      return result.child;
    });
    child = writer.node(nodeOf(children), name.path, name.depth);
  }
  into.write(writer.writes);
  return { child, parts };
}

const rootName = (at: number): PartName => ({ height: height(at), depth: 0, path: new Uint8Array(32) });

describe('snapshot parts', () => {
  for (const [count, valueBytes] of [
    [1, 10],
    [2, 10],
    [17, 100],
    [4000, 300],
  ] as const) {
    it(`rebuild a tree of ${count} keys with ${valueBytes}-byte values, root, records and values alike`, () => {
      const changes = entries(count, valueBytes);
      const { records, root } = treeOf(changes, 7);
      const into = new Records();
      const { parts } = download({ records, rootRef: 7 }, into, rootName(7), root);
      expect(parts > 1).to.equal(count * valueBytes > partBytesMax);
      expect(stateRootOf(into, 7)).to.equal(toHex(root));
      for (const { key, value } of changes) expect(readKey(into, 7, key)).to.deep.equal(value);
      // The tree goes on from there as the original does.
      const more: StateChange[] = [{ key: toUtf8('registry/service/new'), value: toUtf8('here') }];
      expect(updateTree(into, 7, 8, more).root).to.equal(updateTree(records, 7, 8, more).root);
    });
  }

  it('are refused where a leaf is left out, added, changed, moved or out of order', () => {
    const { records, root } = treeOf(entries(40, 50), 3);
    const part = serve(records, 3, rootName(3));
    if (part.type !== 'leaves') throw new Error('a small tree comes as its leaves');
    const { leaves } = part;
    const [first, second] = leaves as [(typeof leaves)[0], (typeof leaves)[0]];
    const forged: [string, typeof leaves][] = [
      ['left out', leaves.slice(1)],
      ['added', [...leaves, { key: toUtf8('accounts/account/evil'), value: toUtf8('1') }]],
      ['changed', [{ ...first, value: toUtf8('more') }, ...leaves.slice(1)]],
      ['renamed', [{ ...first, key: toUtf8('accounts/account/other') }, ...leaves.slice(1)]],
      ['swapped', [second, first, ...leaves.slice(2)]],
      ['twice', [first, ...leaves]],
      ['empty', []],
    ];
    for (const [what, changed] of forged) {
      const writer = new TreeWriter(3);
      const checked = checkPart(rootName(3), root, { type: 'leaves', leaves: changed }, writer);
      expect(checked.type, what).to.equal('refused');
      expect(writer.writes, `${what}: nothing may be written`).to.deep.equal([]);
    }
  });

  it('are refused where a split node names other children, or a leaf of another place', () => {
    const { records, root } = treeOf(entries(4000, 300), 3);
    const part = serve(records, 3, rootName(3));
    if (part.type !== 'split') throw new Error('a large tree is split');
    const { children } = part;
    const stranger = { type: 'leaf', leaf: { key: toUtf8('accounts/account/evil'), value: toUtf8('1') } } as const;
    const forged: [string, typeof children][] = [
      ['too few', children.slice(1)],
      ['one missing', [null, ...children.slice(1)]],
      ['two swapped', [children[1] ?? null, children[0] ?? null, ...children.slice(2)]],
      ['another hash', [{ type: 'node', hash: new Uint8Array(32).fill(7) }, ...children.slice(1)]],
      ['a leaf for a node', [stranger, ...children.slice(1)]],
    ];
    for (const [what, changed] of forged) {
      const writer = new TreeWriter(3);
      const checked = checkPart(rootName(3), root, { type: 'split', children: changed }, writer);
      expect(checked.type, what).to.equal('refused');
      expect(writer.writes).to.deep.equal([]);
    }
  });

  it('say that there is no subtree, or that its height is gone', () => {
    const { records, root } = treeOf(entries(3, 10), 3);
    const nowhere: PartName = { ...rootName(3), depth: 20 };
    expect(partAt(records, 3, nowhere)).to.equal(null);
    expect(checkPart(rootName(3), root, { type: 'gone' }, new TreeWriter(3))).to.deep.equal({
      type: 'refused',
      reason: 'gone',
    });
  });
});
