/**
 * State snapshots, part by part, each part proved against a header. Source: ledger design, "Followers and sync".
 *
 * A joiner gets a final header from the genesis document alone (an offer is a proof bundle of a state key), then walks
 * the state tree from that header's stateRoot down: whatever answers for a subtree must hash to what its parent said of
 * it. A subtree that fits one answer comes as its leaves; a larger one as its sixteen children.
 */
import { type ProofBundle, proofBundleCodec } from '../ledger/proof-bundle.ts';
import { changeNode, type Child, emptyNode, fanOut, nibbleAt, type TreeNode } from '../ledger/state-tree-node.ts';
import { type Item, statePath, TreeWriter } from '../ledger/state-tree-build.ts';
import { loadLeaf, loadNode, type RootRef, type TreeReader } from '../ledger/state-tree.ts';
import { blockBytesMax } from '../ledger/transaction.ts';
import type { LogEdge } from '../ledger/transparency-log.ts';
import type { Height } from '../shared/brands.ts';
import { compareBytes, equalBytes } from '../shared/bytes.ts';
import {
  bytesExact,
  bytesMax,
  type Codec,
  heightNumber,
  list,
  nullable,
  struct,
  uint,
  uintMax,
  variant,
} from '../shared/codec.ts';

/** Bytes of leaves in one part at most (a single leaf is always sent). */
export const partBytesMax = 512 * 1024;
const stateValueBytesMax = 256 * 1024;
const partLeavesMax = 65_536;

export interface SnapshotOffer {
  /** Proves some state key under the snapshot's header; what matters is the header that it proves. */
  readonly bundle: ProofBundle;
  /** The snapshot's block. */
  readonly block: Uint8Array;
  readonly logEdge: LogEdge;
}

export interface Leaf {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What stands at one place of a split subtree. */
type SplitChild = { readonly type: 'leaf'; readonly leaf: Leaf } | { readonly type: 'node'; readonly hash: Uint8Array };

export type SnapshotPart =
  /** All leaves of the subtree, ascending by path. */
  | { readonly type: 'leaves'; readonly leaves: readonly Leaf[] }
  | { readonly type: 'split'; readonly children: readonly (SplitChild | null)[] }
  /** The state of that height is not kept here any more. */
  | { readonly type: 'gone' };

/** Names a subtree: the first `depth` nibbles of `path`. */
export interface PartName {
  readonly height: Height;
  readonly depth: number;
  /** 32 bytes, zero behind the prefix. */
  readonly path: Uint8Array;
}

const leafCodec = struct<Leaf>({ key: bytesMax(511), value: bytesMax(stateValueBytesMax) });

export const partCodec: Codec<SnapshotPart> = variant<SnapshotPart>({
  leaves: struct<{ leaves: readonly Leaf[] }>({ leaves: list(leafCodec, partLeavesMax) }),
  split: struct<{ children: readonly (SplitChild | null)[] }>({
    children: list(
      nullable(
        variant<SplitChild>({
          leaf: struct<{ leaf: Leaf }>({ leaf: leafCodec }),
          node: struct<{ hash: Uint8Array }>({ hash: bytesExact(32) }),
        }),
      ),
      fanOut,
    ),
  }),
  gone: struct<object>({}),
});

export const partNameCodec: Codec<PartName> = struct<PartName>({
  height: heightNumber,
  depth: uintMax(63),
  path: bytesExact(32),
});

export const offerCodec: Codec<SnapshotOffer> = struct<SnapshotOffer>({
  bundle: proofBundleCodec,
  block: bytesMax(blockBytesMax + 64 * 1024),
  logEdge: struct<LogEdge>({
    size: uint,
    peaks: list(bytesExact(32), 64),
    partialTiles: list(bytesMax(256 * 32), 8),
  }),
});

/** The part of a root's tree that a joiner asked for; null where there is no such subtree. */
export function partAt(reader: TreeReader, rootRef: RootRef, { depth, path }: PartName): SnapshotPart | null {
  const version = versionAt(reader, rootRef, path, depth);
  if (version === null) return null;
  const leaves: Leaf[] = [];
  const fits = collect(reader, version, path.slice(), depth, { leaves, bytes: 0 });
  if (fits) return { type: 'leaves', leaves };
  const children = childrenOf(loadNode(reader, version, path, depth));
  return { type: 'split', children: children.map((child) => splitChild(reader, child)) };
}

function childrenOf(node: TreeNode): readonly (Child | null)[] {
  const children: (Child | null)[] = [];
  for (let nibble = 0; nibble < fanOut; nibble++) children.push(node.child(nibble));
  return children;
}

function splitChild(reader: TreeReader, child: Child | null): SplitChild | null {
  if (child === null) return null;
  if (child.path === null) return { type: 'node', hash: child.hash };
  return { type: 'leaf', leaf: loadLeaf(reader, { version: child.version, path: child.path }) };
}

/** Version of the node at a prefix, or null where no node stands there. */
function versionAt(reader: TreeReader, rootRef: RootRef, path: Uint8Array, depth: number): number | null {
  let version = rootRef;
  for (let at = 0; version !== null && at < depth; at++) {
    const child: Child | null = loadNode(reader, version, path, at).child(nibbleAt(path, at));
    version = child === null || child.path !== null ? null : child.version;
  }
  return version;
}

/** Gathers the leaves below a node; false as soon as they do not fit one part. */
function collect(
  reader: TreeReader,
  version: number,
  path: Uint8Array,
  depth: number,
  into: { readonly leaves: Leaf[]; bytes: number },
): boolean {
  const children = childrenOf(loadNode(reader, version, path, depth));
  for (const [nibble, child] of children.entries()) {
    if (child === null) continue;
    if (child.path === null) {
      if (!collect(reader, child.version, withNibble(path, depth, nibble), depth + 1, into)) return false;
      continue;
    }
    const leaf = loadLeaf(reader, { version: child.version, path: child.path });
    into.leaves.push(leaf);
    into.bytes += leaf.key.length + leaf.value.length + 16;
    if (into.leaves.length > 1 && (into.bytes > partBytesMax || into.leaves.length >= partLeavesMax)) return false;
  }
  return true;
}

/** `path` with another nibble at `depth`. */
export function withNibble(path: Uint8Array, depth: number, nibble: number): Uint8Array {
  const changed = path.slice();
  const byte = changed[depth >> 1] as number;
  changed[depth >> 1] = depth % 2 === 0 ? (byte & 0x0f) | (nibble << 4) : (byte & 0xf0) | nibble;
  return changed;
}

export type PartRefusal = 'gone' | 'wrong-hash' | 'wrong-order' | 'wrong-place' | 'wrong-shape';

/** A part that was checked. `child` stands where the part was asked for; null while its own children are missing. */
export type CheckedPart =
  | { readonly type: 'complete'; readonly child: Child; readonly leaves: readonly Leaf[] }
  | { readonly type: 'split'; readonly children: readonly (Child | null)[]; readonly leaves: readonly Leaf[] }
  | { readonly type: 'refused'; readonly reason: PartRefusal };

const refused = (reason: PartRefusal): CheckedPart => ({ type: 'refused', reason });

/**
 * Whether a part is the subtree whose hash its parent (or the header) names. Writes the records of what is complete into
 * `writer`; nothing where the part is refused. The root (depth 0) is complete or split like any other.
 */
export function checkPart(name: PartName, expected: Uint8Array, part: SnapshotPart, writer: TreeWriter): CheckedPart {
  switch (part.type) {
    case 'gone':
      return refused('gone');
    case 'leaves':
      return checkLeaves(name, expected, part.leaves, writer);
    case 'split':
      return checkSplit(name, expected, part.children, writer);
  }
}

function checkLeaves(
  { depth, path }: PartName,
  expected: Uint8Array,
  leaves: readonly Leaf[],
  writer: TreeWriter,
): CheckedPart {
  const trial = new TreeWriter(writer.version);
  const items: Item[] = [];
  for (const { key, value } of leaves) {
    if (key.length === 0 || value.length === 0) return refused('wrong-shape');
    const at = statePath(key);
    if (!sharesPrefix(at, path, depth)) return refused('wrong-place');
    const before = items.at(-1);
    if (before !== undefined && compareBytes(before.path, at) >= 0) return refused('wrong-order');
    items.push({ path: at, child: trial.leaf(at, key, value) });
  }
  const child = depth === 0 ? buildRoot(trial, items) : trial.build(items, depth);
  if (child === null || !equalBytes(child.hash, expected)) return refused('wrong-hash');
  for (const write of trial.writes) writer.writes.push(write);
  return { type: 'complete', child, leaves };
}

/** The root is a node of its own even where it holds one leaf, as `updateTree` makes it. */
function buildRoot(writer: TreeWriter, items: readonly Item[]): Child | null {
  if (items.length !== 1) return writer.build(items, 0);
  const only = items[0] as Item;
  const children: (Child | null)[] = [];
  children[nibbleAt(only.path, 0)] = only.child;
  writer.node(nodeOf(children), new Uint8Array(32), 0);
  return only.child;
}

function checkSplit(
  { depth, path }: PartName,
  expected: Uint8Array,
  children: readonly (SplitChild | null)[],
  writer: TreeWriter,
): CheckedPart {
  if (children.length !== fanOut) return refused('wrong-shape');
  const trial = new TreeWriter(writer.version);
  const leaves: Leaf[] = [];
  const found: (Child | null)[] = [];
  for (const [nibble, child] of children.entries()) {
    if (child === null) found.push(null);
    else if (child.type === 'node') found.push({ version: writer.version, hash: child.hash, lone: false, path: null });
    else {
      const at = statePath(child.leaf.key);
      if (!sharesPrefix(at, withNibble(path, depth, nibble), depth + 1)) return refused('wrong-place');
      found.push(trial.leaf(at, child.leaf.key, child.leaf.value));
      leaves.push(child.leaf);
    }
  }
  const subtree = nodeOf(found).subtree();
  if (subtree.lone || !equalBytes(subtree.hash, expected)) return refused('wrong-hash');
  for (const write of trial.writes) writer.writes.push(write);
  return { type: 'split', children: found, leaves };
}

/** The node of these children, to be written when the records of all of them are. */
export const nodeOf = (children: readonly (Child | null)[]): TreeNode => changeNode(emptyNode, [...children]);

function sharesPrefix(a: Uint8Array, b: Uint8Array, depth: number): boolean {
  for (let at = 0; at < depth; at++) if (nibbleAt(a, at) !== nibbleAt(b, at)) return false;
  return true;
}
