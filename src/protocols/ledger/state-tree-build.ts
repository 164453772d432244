/** Subtrees of the state tree from their leaves. */
import { sha256 } from '../shared/hash.ts';
import { hashLeafPair } from './merkle-hash.ts';
import {
  changeNode,
  type Child,
  type ChildChanges,
  emptyNode,
  encodeLeaf,
  leafKey,
  nibbleAt,
  nodeKey,
  type TreeNode,
} from './state-tree-node.ts';

/** A record of the tree to be stored. */
export interface NodeWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A leaf where it is to stand. */
export interface Item {
  readonly path: Uint8Array;
  readonly child: Child;
}

/** The path of a key: its SHA-256. */
export const statePath = (key: Uint8Array): Uint8Array => sha256(key);
export const stateLeafHash = (path: Uint8Array, value: Uint8Array): Uint8Array => hashLeafPair(path, sha256(value));

/** Records of one version. */
export class TreeWriter {
  readonly version: number;
  readonly writes: NodeWrite[] = [];

  constructor(version: number) {
    this.version = version;
  }

  /** @param hash of the leaf, where the caller has it */
  leaf(path: Uint8Array, key: Uint8Array, value: Uint8Array, hash = stateLeafHash(path, value)): Child {
    this.writes.push({ key: leafKey(this.version, path), value: encodeLeaf(key, value) });
    return { version: this.version, hash, lone: true, path };
  }

  node(node: TreeNode, path: Uint8Array, depth: number): Child {
    this.writes.push({ key: nodeKey(this.version, path, depth), value: node.bytes });
    return { version: this.version, hash: node.subtree().hash, lone: false, path: null };
  }

  /** The subtree at `depth` of items [from, to), in ascending order of their paths, which share `depth` nibbles. */
  build(items: readonly Item[], depth: number, from = 0, to = items.length): Child | null {
    const first = items[from];
    if (first === undefined || from === to) return null;
    if (to - from === 1) return first.child;
    const changes: ChildChanges = [];
    for (let start = from; start < to; ) {
      const nibble = nibbleAt((items[start] as Item).path, depth);
      let end = start + 1;
      while (end < to && nibbleAt((items[end] as Item).path, depth) === nibble) end += 1;
      changes[nibble] = this.build(items, depth + 1, start, end);
      start = end;
    }
    return this.node(changeNode(emptyNode, changes), first.path, depth);
  }
}
