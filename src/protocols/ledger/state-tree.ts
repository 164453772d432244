/**
 * The state's commitment: a sparse Merkle tree, versioned and persistent. Its root is the header's `stateRoot`.
 *
 * Source: ledger design, "State and proofs"; ICS-23 `SmtSpec`. The path of a key is its SHA-256. A leaf is
 * SHA-256(0x00 ‖ path ‖ SHA-256(value)), an inner node SHA-256(0x01 ‖ left ‖ right); an empty child is 32 zero bytes;
 * a subtree with a single leaf is that leaf. The root therefore depends on the set of keys and values alone, not on
 * the order in which they came.
 *
 * Nothing is overwritten: an update at height h writes new records under version h and names those that later
 * versions no longer read (`staleNodes`). Whoever keeps history indexes them by {@link staleKey} and deletes them
 * when the last height that reads them is given up.
 */
import type { Digest } from '../shared/brands.ts';
import { compareBytes, concatBytes, equalBytes, uint64Key } from '../shared/bytes.ts';
import { invariant } from '../shared/errors.ts';
import { toDigest } from '../shared/hash.ts';
import { type Item, type NodeWrite, stateLeafHash, statePath, TreeWriter } from './state-tree-build.ts';
import {
  changeNode,
  type Child,
  type ChildChanges,
  decodeLeaf,
  emptyNode,
  emptySubtree,
  fewChildren,
  leafKey,
  nibbleAt,
  nodeKey,
  TreeNode,
} from './state-tree-node.ts';

/** Where the tree's records are kept. Returned bytes must not change while a call of this module runs. */
export interface TreeReader {
  node(key: Uint8Array): Uint8Array | undefined;
}

/** The version whose root is meant: the height of the last update that changed something. null is the empty tree. */
export type RootRef = number | null;

export interface StateChange {
  readonly key: Uint8Array;
  /** null deletes; deleting an absent key changes nothing. */
  readonly value: Uint8Array | null;
}

export interface TreeUpdate {
  readonly root: Digest;
  /** Keep beside the height: it is needed to read, prove and update. */
  readonly rootRef: RootRef;
  readonly nodeWrites: readonly NodeWrite[];
  /** Record keys that roots of this version and later do not read. */
  readonly staleNodes: readonly Uint8Array[];
}

/** Root of the empty tree: 32 zero bytes. */
export const emptyStateRoot: Digest = toDigest(emptySubtree.hash);

/** Versions are stored in six bytes. */
const versionMax = 2 ** 48 - 1;

interface PathChange {
  readonly path: Uint8Array;
  readonly change: StateChange;
}

/**
 * The tree after a batch of changes at height `version`. The order of the changes does not matter.
 *
 * @param previous root that the changes start from; older than `version`
 * @param changes distinct keys, neither they nor values empty; writing the value that a key has changes nothing
 */
export function updateTree(
  reader: TreeReader,
  previous: RootRef,
  version: number,
  changes: readonly StateChange[],
): TreeUpdate {
  invariant(Number.isSafeInteger(version) && version >= 0 && version <= versionMax, 'a tree version is a height');
  invariant(previous === null || previous < version, 'a tree is updated at a later version than its root');
  const ordered = changes.map((change) => {
    // ICS-23 verifiers refuse proofs of empty keys and values.
    invariant(change.key.length > 0 && change.value?.length !== 0, 'state keys and values are not empty');
    return { path: statePath(change.key), change };
  });
  ordered.sort((a, b) => compareBytes(a.path, b.path));
  for (let i = 1; i < ordered.length; i++) {
    const [before, here] = [ordered[i - 1], ordered[i]] as [PathChange, PathChange];
    invariant(!equalBytes(before.path, here.path), 'a key is changed once in a batch');
  }
  return new Update(reader, version, ordered).run(previous);
}

class Update {
  readonly #reader: TreeReader;
  readonly #changes: readonly PathChange[];
  readonly #writer: TreeWriter;
  readonly #stale: Uint8Array[] = [];

  constructor(reader: TreeReader, version: number, changes: readonly PathChange[]) {
    this.#reader = reader;
    this.#changes = changes;
    this.#writer = new TreeWriter(version);
  }

  /** The root is a node of its own even where it holds one leaf or none, so that the version alone finds it. */
  run(previous: RootRef): TreeUpdate {
    const path = new Uint8Array(0);
    const before = previous === null ? emptyNode : loadNode(this.#reader, previous, path, 0);
    const changes = this.#updateChildren(before, 0, 0, this.#changes.length);
    let root = before;
    let rootRef = previous;
    if (changes !== null) {
      if (previous !== null) this.#stale.push(nodeKey(previous, path, 0));
      root = changeNode(before, changes);
      rootRef = root.layout.occupied === 0 ? null : this.#writer.version;
      if (rootRef !== null) this.#writer.node(root, path, 0);
    }
    const digest = toDigest(root.subtree().hash);
    return { root: digest, rootRef, nodeWrites: this.#writer.writes, staleNodes: this.#stale };
  }

  #change(index: number): PathChange {
    return this.#changes[index] as PathChange;
  }

  /** What the changes in [from, to) make of the children of a node, or null where they change none. */
  #updateChildren(node: TreeNode, depth: number, from: number, to: number): ChildChanges | null {
    let changes: ChildChanges | null = null;
    for (let start = from; start < to; ) {
      const nibble = nibbleAt(this.#change(start).path, depth);
      let end = start + 1;
      while (end < to && nibbleAt(this.#change(end).path, depth) === nibble) end += 1;
      const before = node.child(nibble);
      const after = this.#updateChild(before, depth + 1, start, end);
      if (after !== before) {
        changes ??= [];
        changes[nibble] = after;
      }
      start = end;
    }
    return changes;
  }

  /** The child after the changes in [from, to): the same object where they change nothing. */
  #updateChild(child: Child | null, depth: number, from: number, to: number): Child | null {
    if (child === null || child.path !== null) return this.#updateLeaf(child, depth, from, to);
    const path = this.#change(from).path;
    const before = loadNode(this.#reader, child.version, path, depth);
    const changes = this.#updateChildren(before, depth, from, to);
    if (changes === null) return child;
    this.#stale.push(nodeKey(child.version, path, depth));
    const few = fewChildren(before, changes);
    if (few !== null && (few.only === null || few.only.path !== null)) return few.only;
    return this.#writer.node(changeNode(before, changes), path, depth);
  }

  /** A place that held one leaf or nothing. */
  #updateLeaf(leaf: Child | null, depth: number, from: number, to: number): Child | null {
    const items: Item[] = [];
    let left = leaf;
    const keep = (child: Child, path: Uint8Array): void => {
      items.push({ path, child });
      left = null;
    };
    for (let i = from; i < to; i++) {
      const { path, change } = this.#change(i);
      const order = left?.path ? compareBytes(left.path, path) : 1;
      if (left?.path && order < 0) keep(left, left.path);
      const hash = change.value === null ? null : stateLeafHash(path, change.value);
      if (left?.path && order === 0) {
        if (hash !== null && equalBytes(hash, left.hash)) {
          keep(left, path);
          continue;
        }
        this.#stale.push(leafKey(left.version, left.path));
        left = null;
      }
      if (change.value === null || hash === null) continue;
      items.push({ path, child: this.#writer.leaf(path, change.key, change.value, hash) });
    }
    if (left?.path) keep(left, left.path);
    return this.#writer.build(items, depth);
  }
}

/** The node at the first `depth` nibbles of `path`. A missing record is a broken promise of the store. */
export function loadNode(reader: TreeReader, version: number, path: Uint8Array, depth: number): TreeNode {
  const bytes = reader.node(nodeKey(version, path, depth));
  invariant(bytes !== undefined, `state tree node of version ${version} at depth ${depth} is missing`);
  return new TreeNode(bytes);
}

/** A leaf's key and value. */
export function loadLeaf(
  reader: TreeReader,
  leaf: { readonly version: number; readonly path: Uint8Array },
): { readonly key: Uint8Array; readonly value: Uint8Array } {
  const bytes = reader.node(leafKey(leaf.version, leaf.path));
  invariant(bytes !== undefined, `state tree leaf of version ${leaf.version} is missing`);
  return decodeLeaf(bytes);
}

/** The value that `key` had at a root, or undefined. The root's version must not have been pruned. */
export function readKey(reader: TreeReader, rootRef: RootRef, key: Uint8Array): Uint8Array | undefined {
  if (rootRef === null) return undefined;
  const path = statePath(key);
  let version = rootRef;
  for (let depth = 0; ; depth++) {
    const child = loadNode(reader, version, path, depth).child(nibbleAt(path, depth));
    if (child === null) return undefined;
    if (child.path !== null) {
      if (!equalBytes(child.path, path)) return undefined;
      return loadLeaf(reader, { version: child.version, path: child.path }).value;
    }
    version = child.version;
  }
}

/** The root's digest. */
export const stateRootOf = (reader: TreeReader, rootRef: RootRef): Digest =>
  rootRef === null ? emptyStateRoot : toDigest(loadNode(reader, rootRef, new Uint8Array(0), 0).subtree().hash);

/** Index key of a stale record: sorts by the version that made it stale. */
export const staleKey = (version: number, node: Uint8Array): Uint8Array => concatBytes(uint64Key(version), node);

/** The record key in a {@link staleKey}. */
export const nodeOfStaleKey = (stale: Uint8Array): Uint8Array => stale.subarray(8);

/**
 * Exclusive end of the index entries whose records may be deleted when `oldestHeight` is the oldest height still read:
 * what became stale at or before it is not reachable from its root.
 */
export const staleEnd = (oldestHeight: number): Uint8Array => uint64Key(oldestHeight + 1);
