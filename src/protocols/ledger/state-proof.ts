/**
 * Proofs from the state tree: that a key has a value, or that it is absent, in the form of ICS-23. And the leaves in
 * order, for snapshots. Source: ledger design, "State and proofs"; ICS-23, existence and non-existence proofs.
 */
import { compareBytes, equalBytes } from '../shared/bytes.ts';
import { invariant } from '../shared/errors.ts';
import { type CommitmentProof, type ExistenceProof, type InnerStep, innerStep } from './ics23.ts';
import { loadLeaf, loadNode, type RootRef, type TreeReader } from './state-tree.ts';
import { statePath } from './state-tree-build.ts';
import {
  type Child,
  depthMax,
  emptySubtree,
  fanOut,
  joinSubtrees,
  nibbleAt,
  type Subtree,
  type TreeNode,
} from './state-tree-node.ts';

/**
 * Proof of `key` at a root: of its value where it has one, of its absence where not. null for the empty tree, whose root
 * of 32 zero bytes already says that every key is absent (ICS-23 has no proof for it).
 */
export function proveKey(reader: TreeReader, rootRef: RootRef, key: Uint8Array): CommitmentProof | null {
  if (rootRef === null) return null;
  const path = statePath(key);
  const trail = descend(reader, rootRef, path);
  const end = trail.at(-1) as TrailStep;
  const found = end.node.child(end.nibble);
  if (found?.path && equalBytes(found.path, path)) return { type: 'exist', proof: existence(reader, trail) };
  const before = neighbour(reader, trail, path, -1);
  const after = neighbour(reader, trail, path, 1);
  const proofOf = (leaf: LeafChild | null): ExistenceProof | null =>
    leaf === null ? null : existence(reader, descend(reader, rootRef, leaf.path));
  return { type: 'nonexist', proof: { key, left: proofOf(before), right: proofOf(after) } };
}

/** A leaf with its record. */
export interface StateLeaf {
  readonly path: Uint8Array;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The leaves of a root in ascending order of their paths, from `from` on (inclusive; a path of 32 bytes). */
export function* leavesFrom(reader: TreeReader, rootRef: RootRef, from?: Uint8Array): Generator<StateLeaf> {
  if (rootRef === null) return;
  yield* walk(reader, rootRef, new Uint8Array(depthMax / 2), 0, from ?? null);
}

function* walk(
  reader: TreeReader,
  version: number,
  prefix: Uint8Array,
  depth: number,
  from: Uint8Array | null,
): Generator<StateLeaf> {
  const node = loadNode(reader, version, prefix, depth);
  const first = from === null ? 0 : nibbleAt(from, depth);
  for (let nibble = first; nibble < fanOut; nibble++) {
    const child = node.child(nibble);
    if (child === null) continue;
    if (isLeaf(child)) {
      if (from === null || compareBytes(child.path, from) >= 0) yield { path: child.path, ...loadLeaf(reader, child) };
    } else {
      const below = withNibble(prefix, depth, nibble);
      yield* walk(reader, child.version, below, depth + 1, nibble === first ? from : null);
    }
  }
}

type LeafChild = Child & { readonly path: Uint8Array };
const isLeaf = (child: Child): child is LeafChild => child.path !== null;

function withNibble(prefix: Uint8Array, depth: number, nibble: number): Uint8Array {
  const path = prefix.slice();
  const byte = path[depth >> 1] as number;
  path[depth >> 1] = depth % 2 === 0 ? (byte & 0x0f) | (nibble << 4) : (byte & 0xf0) | nibble;
  return path;
}

interface TrailStep {
  readonly node: TreeNode;
  /** The child that the path takes. */
  readonly nibble: number;
}

/** The nodes from the root to where the path of `path` ends: in a leaf or in nothing. */
function descend(reader: TreeReader, rootRef: number, path: Uint8Array): TrailStep[] {
  const trail: TrailStep[] = [];
  let version = rootRef;
  for (let depth = 0; depth < depthMax; depth++) {
    const node = loadNode(reader, version, path, depth);
    const nibble = nibbleAt(path, depth);
    trail.push({ node, nibble });
    const child = node.child(nibble);
    if (child === null || isLeaf(child)) return trail;
    version = child.version;
  }
  invariant(false, 'two keys have the same path');
}

/** Proof of the leaf at the end of a trail. A lone leaf rises past empty siblings, so those steps do not exist. */
function existence(reader: TreeReader, trail: readonly TrailStep[]): ExistenceProof {
  const end = trail.at(-1) as TrailStep;
  const leaf = end.node.child(end.nibble);
  invariant(leaf?.path, 'an existence proof is of a leaf');
  const path: InnerStep[] = [];
  let here: Subtree = leaf;
  for (const { node, nibble } of [...trail].reverse()) {
    siblings(node, nibble).forEach((sibling, level) => {
      const isLeft = ((nibble >> level) & 1) === 0;
      if (!(here.lone && sibling === emptySubtree)) path.push(innerStep(isLeft, sibling.hash));
      here = isLeft ? joinSubtrees(here, sibling) : joinSubtrees(sibling, here);
    });
  }
  const { key, value } = loadLeaf(reader, { version: leaf.version, path: leaf.path });
  return { key, value, path };
}

/** The siblings of a child at the four levels of its node, from the child up. */
const siblings = (node: TreeNode, nibble: number): readonly Subtree[] => [
  node.child(nibble ^ 1) ?? emptySubtree,
  node.pair((nibble >> 1) ^ 1),
  node.group((nibble >> 2) ^ 1),
  node.half((nibble >> 3) ^ 1),
];

/** The leaf next to an absent path on one side (−1 left, 1 right), or null at that end of the tree. */
function neighbour(reader: TreeReader, trail: readonly TrailStep[], path: Uint8Array, side: -1 | 1): LeafChild | null {
  for (let depth = trail.length - 1; depth >= 0; depth--) {
    const { node, nibble } = trail[depth] as TrailStep;
    const here = node.child(nibble);
    if (here?.path && Math.sign(compareBytes(here.path, path)) === side) return here as LeafChild;
    for (let next = nibble + side; next >= 0 && next < fanOut; next += side) {
      const child = node.child(next);
      if (child) return outermost(reader, child, withNibble(path, depth, next), depth + 1, side === 1 ? -1 : 1);
    }
  }
  return null;
}

/** The leaf at one end (−1 first, 1 last) of a subtree at the first `depth` nibbles of `prefix`. */
function outermost(reader: TreeReader, child: Child, prefix: Uint8Array, depth: number, end: -1 | 1): LeafChild {
  if (isLeaf(child)) return child;
  const node = loadNode(reader, child.version, prefix, depth);
  for (let nibble = end === -1 ? 0 : fanOut - 1; nibble >= 0 && nibble < fanOut; nibble -= end) {
    const next = node.child(nibble);
    if (next) return outermost(reader, next, withNibble(prefix, depth, nibble), depth + 1, end);
  }
  invariant(false, 'a tree node has children');
}
