/**
 * What differs between two versions of the state tree, found by walking only where their hashes differ: a follower that
 * holds the one makes the other of it, and its root shows that nothing was left out.
 */
import { compareBytes, equalBytes } from '../shared/bytes.ts';
import { loadLeaf, loadNode, type RootRef, type StateChange, type TreeReader } from './state-tree.ts';
import { type Child, emptyNode, fanOut, nibbleAt, type TreeNode } from './state-tree-node.ts';

/** A key that was set, or deleted (null). `path` is the SHA-256 of the key: the order of the walk. */
interface TreeChange extends StateChange {
  readonly path: Uint8Array;
}

type Leaf = Child & { readonly path: Uint8Array };

const isLeaf = (child: Child): child is Leaf => child.path !== null;
const isSame = (a: Child | null, b: Child | null): boolean =>
  a === null || b === null ? a === b : equalBytes(a.hash, b.hash);

/** `path` with another nibble at `depth`. */
function withNibble(path: Uint8Array, depth: number, nibble: number): Uint8Array {
  const next = path.slice();
  const at = depth >> 1;
  const byte = next[at] as number;
  next[at] = depth % 2 === 0 ? (nibble << 4) | (byte & 0x0f) : (byte & 0xf0) | nibble;
  return next;
}

/** Whether every path that shares the first `depth` nibbles with `path` comes before `first`. */
function isBelow(path: Uint8Array, depth: number, first: Uint8Array): boolean {
  for (let at = 0; at < depth; at++) {
    const difference = nibbleAt(path, at) - nibbleAt(first, at);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

class Walk {
  readonly #reader: TreeReader;
  readonly #after: Uint8Array | null;

  constructor(reader: TreeReader, after: Uint8Array | null) {
    this.#reader = reader;
    this.#after = after;
  }

  *changes(before: TreeNode, after: TreeNode, path: Uint8Array, depth: number): Generator<TreeChange> {
    for (let nibble = 0; nibble < fanOut; nibble++) {
      const [a, b] = [before.child(nibble), after.child(nibble)];
      if (isSame(a, b)) continue;
      const here = withNibble(path, depth, nibble);
      if (this.#after !== null && isBelow(here, depth + 1, this.#after)) continue;
      if (a !== null && b !== null && !isLeaf(a) && !isLeaf(b)) {
        yield* this.changes(this.#load(a, here, depth + 1), this.#load(b, here, depth + 1), here, depth + 1);
      } else yield* this.#differences(this.#leaves(a, here, depth + 1), this.#leaves(b, here, depth + 1));
    }
  }

  #load(child: Child, path: Uint8Array, depth: number): TreeNode {
    return loadNode(this.#reader, child.version, path, depth);
  }

  /** Ascending by path, those after where the walk begins. */
  *#leaves(child: Child | null, path: Uint8Array, depth: number): Generator<Leaf, undefined> {
    if (child === null) return undefined;
    if (isLeaf(child)) {
      if (this.#after === null || compareBytes(child.path, this.#after) > 0) yield child;
      return undefined;
    }
    const node = this.#load(child, path, depth);
    for (let nibble = 0; nibble < fanOut; nibble++) {
      const here = withNibble(path, depth, nibble);
      if (this.#after !== null && isBelow(here, depth + 1, this.#after)) continue;
      yield* this.#leaves(node.child(nibble), here, depth + 1);
    }
    return undefined;
  }

  *#differences(before: Iterator<Leaf, undefined>, after: Iterator<Leaf, undefined>): Generator<TreeChange> {
    let [a, b] = [before.next().value, after.next().value];
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : compareBytes(a.path, b.path);
      if (order < 0 && a !== undefined) yield { path: a.path, key: loadLeaf(this.#reader, a).key, value: null };
      else if (b !== undefined && (order > 0 || a === undefined || !equalBytes(a.hash, b.hash)))
        yield { path: b.path, ...loadLeaf(this.#reader, b) };
      if (order <= 0) a = before.next().value;
      if (order >= 0) b = after.next().value;
    }
  }
}

/**
 * Ascending by path, those after the path `after` (exclusive; null: all). Neither root may have been pruned.
 *
 * @param from null: the empty tree, whose difference to the other is all that it holds
 */
export function treeChanges(
  reader: TreeReader,
  from: RootRef,
  to: RootRef,
  after: Uint8Array | null = null,
): Iterable<TreeChange> {
  const root = new Uint8Array(32);
  const load = (ref: RootRef): TreeNode => (ref === null ? emptyNode : loadNode(reader, ref, root, 0));
  return new Walk(reader, after).changes(load(from), load(to), root, 0);
}
