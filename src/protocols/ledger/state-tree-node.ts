/**
 * Nodes of the state tree as they are stored. Four levels of the binary tree are packed into one node of up to sixteen
 * children, so that a changed key rewrites about log16(n) records instead of log2(n).
 *
 * Record keys begin with the version (the height that wrote the node), so that one block's nodes lie side by side:
 * - node: version (8 bytes) ‖ depth in nibbles (1 byte, 0–63) ‖ path prefix, two nibbles a byte;
 * - leaf: version (8 bytes) ‖ 0xff ‖ path (32 bytes).
 * A leaf's record does not depend on its depth: a leaf that moves up or down is not written again.
 *
 * Node record: bitmap of children (2 bytes), bitmap of those that are leaves (2 bytes), each child in order as version
 * (6 bytes) ‖ hash (32) ‖ for a leaf its path (32); then the hash of each group of four children that is not empty or
 * a single leaf. The group hashes could be computed; keeping them saves most of the hashing of an update. Records are
 * read in place: an update of one child looks at a few of its neighbours and copies the rest as it stands.
 *
 * Leaf record: length of the key (2 bytes) ‖ key ‖ value.
 */
import { invariant } from '../shared/errors.ts';
import { hashInner } from './merkle-hash.ts';

/** Children of a node. */
export const fanOut = 16;
/** Nibbles in a path. */
export const depthMax = 64;
const groupSize = 4;
const groupCount = fanOut / groupSize;
const hashSize = 32;
const versionSize = 6;
const headSize = 4;
const leafMark = 0xff;

/** A part of the binary tree. `lone`: empty, or one leaf, which then stands at the top of the part it is alone in. */
export interface Subtree {
  readonly hash: Uint8Array;
  readonly lone: boolean;
}

/** What a node holds of a child. */
export interface Child extends Subtree {
  /** Height that wrote the child's record. */
  readonly version: number;
  /** SHA-256 of a leaf's key; null for a node. */
  readonly path: Uint8Array | null;
}

/** The empty part of a tree: 32 zero bytes (ICS-23 `empty_child`). Compared by identity. */
export const emptySubtree: Subtree = { hash: new Uint8Array(hashSize), lone: true };

/** A part from its halves: a lone leaf rises, everything else is hashed. */
export function joinSubtrees(left: Subtree, right: Subtree): Subtree {
  if (left === emptySubtree && right.lone) return right;
  if (right === emptySubtree && left.lone) return left;
  return { hash: hashInner(left.hash, right.hash), lone: false };
}

/** Set bits of a 16-bit number. */
function bitCount(bits: number): number {
  let count = bits - ((bits >> 1) & 0x5555);
  count = (count & 0x3333) + ((count >> 2) & 0x3333);
  count = (count + (count >> 4)) & 0x0f0f;
  return (count + (count >> 8)) & 0x1f;
}

/** Bitmaps of a node: where its children are, which are leaves, and where that puts things in its record. */
class Layout {
  readonly occupied: number;
  readonly leaves: number;

  constructor(occupied: number, leaves: number) {
    this.occupied = occupied;
    this.leaves = leaves;
  }

  has(nibble: number): boolean {
    return (this.occupied & (1 << nibble)) !== 0;
  }

  isLeaf(nibble: number): boolean {
    return (this.leaves & (1 << nibble)) !== 0;
  }

  /** Offset of a child, or with 16 of what follows the children. */
  childOffset(nibble: number): number {
    const below = (1 << nibble) - 1;
    const children = bitCount(this.occupied & below);
    return headSize + children * (versionSize + hashSize) + bitCount(this.leaves & below) * hashSize;
  }

  /** The only child of a group where that is a leaf; `empty` for an empty group; null where the group has a hash. */
  loneIn(group: number): number | 'empty' | null {
    const occupied = (this.occupied >> (group * groupSize)) & 0x0f;
    const leaves = (this.leaves >> (group * groupSize)) & 0x0f;
    if (occupied === 0) return 'empty';
    // One bit only, and a leaf's.
    if ((occupied & (occupied - 1)) !== 0 || leaves === 0) return null;
    return group * groupSize + 31 - Math.clz32(occupied);
  }

  /** Offset of a group's hash, or with 4 the record's size. */
  groupOffset(group: number): number {
    let offset = this.childOffset(fanOut);
    for (let before = 0; before < group; before++) if (this.loneIn(before) === null) offset += hashSize;
    return offset;
  }
}

/** A node read from its record. */
export class TreeNode {
  readonly bytes: Uint8Array;
  readonly layout: Layout;

  constructor(bytes: Uint8Array) {
    invariant(bytes.length >= headSize, 'a tree node has at least four bytes');
    this.bytes = bytes;
    this.layout = new Layout(
      ((bytes[0] as number) << 8) | (bytes[1] as number),
      ((bytes[2] as number) << 8) | (bytes[3] as number),
    );
    invariant(bytes.length === this.layout.groupOffset(groupCount), 'a tree node is as long as its bitmaps say');
  }

  child(nibble: number): Child | null {
    if (!this.layout.has(nibble)) return null;
    const at = this.layout.childOffset(nibble);
    const isLeaf = this.layout.isLeaf(nibble);
    return {
      version: readUint48(this.bytes, at),
      hash: this.#hash(at + versionSize),
      lone: isLeaf,
      path: isLeaf ? this.#hash(at + versionSize + hashSize) : null,
    };
  }

  /** Four children as one part. */
  group(group: number): Subtree {
    const lone = this.layout.loneIn(group);
    if (lone === 'empty') return emptySubtree;
    if (lone === null) return { hash: this.#hash(this.layout.groupOffset(group)), lone: false };
    return { hash: this.#hash(this.layout.childOffset(lone) + versionSize), lone: true };
  }

  /** Two children as one part. */
  pair(pair: number): Subtree {
    return joinSubtrees(this.child(2 * pair) ?? emptySubtree, this.child(2 * pair + 1) ?? emptySubtree);
  }

  half(half: number): Subtree {
    return joinSubtrees(this.group(2 * half), this.group(2 * half + 1));
  }

  /** All children. */
  subtree(): Subtree {
    return joinSubtrees(this.half(0), this.half(1));
  }

  #hash(at: number): Uint8Array {
    return this.bytes.subarray(at, at + hashSize);
  }
}

export const emptyNode: TreeNode = new TreeNode(new Uint8Array(headSize));

/** Children of a node that change, by nibble: null for none, undefined for no change. */
export type ChildChanges = (Child | null | undefined)[];

/** The children after the changes, where they are at most one. */
export function fewChildren(before: TreeNode, changes: ChildChanges): { readonly only: Child | null } | null {
  let only: Child | null = null;
  for (let nibble = 0; nibble < fanOut; nibble++) {
    const changed = changes[nibble];
    if (changed === null || (changed === undefined && !before.layout.has(nibble))) continue;
    if (only !== null) return null;
    only = changed ?? before.child(nibble);
  }
  return { only };
}

/** The node after the changes. Only groups with a changed child are hashed again; everything else is copied. */
export function changeNode(before: TreeNode, changes: ChildChanges): TreeNode {
  let { occupied, leaves } = before.layout;
  for (let nibble = 0; nibble < fanOut; nibble++) {
    const changed = changes[nibble];
    if (changed === undefined) continue;
    const bit = 1 << nibble;
    occupied = changed === null ? occupied & ~bit : occupied | bit;
    leaves = changed?.path ? leaves | bit : leaves & ~bit;
  }
  const layout = new Layout(occupied, leaves);
  const bytes = new Uint8Array(layout.groupOffset(groupCount));
  bytes[0] = occupied >> 8;
  bytes[1] = occupied & 0xff;
  bytes[2] = leaves >> 8;
  bytes[3] = leaves & 0xff;
  copyChildren(before, changes, bytes);
  const childAt = (nibble: number): Subtree => {
    const changed = changes[nibble];
    return (changed === undefined ? before.child(nibble) : changed) ?? emptySubtree;
  };
  let offset = layout.childOffset(fanOut);
  for (let group = 0; group < groupCount; group++) {
    if (layout.loneIn(group) !== null) continue;
    const first = group * groupSize;
    const isChanged = [0, 1, 2, 3].some((i) => changes[first + i] !== undefined);
    const { hash } = isChanged
      ? joinSubtrees(
          joinSubtrees(childAt(first), childAt(first + 1)),
          joinSubtrees(childAt(first + 2), childAt(first + 3)),
        )
      : before.group(group);
    bytes.set(hash, offset);
    offset += hashSize;
  }
  return new TreeNode(bytes);
}

/** Children that stay are copied in runs, as they stand side by side in both records. */
function copyChildren(before: TreeNode, changes: ChildChanges, bytes: Uint8Array): void {
  let offset = headSize;
  let runStart = headSize;
  for (let nibble = 0; nibble <= fanOut; nibble++) {
    const changed = changes[nibble];
    if (changed === undefined && nibble < fanOut) continue;
    const runEnd = before.layout.childOffset(nibble);
    if (runEnd > runStart) bytes.set(before.bytes.subarray(runStart, runEnd), offset);
    offset += runEnd - runStart;
    runStart = nibble < fanOut ? before.layout.childOffset(nibble + 1) : runEnd;
    if (changed) offset = writeChild(changed, bytes, offset);
  }
}

function writeChild({ version, hash, path }: Child, bytes: Uint8Array, offset: number): number {
  writeUint48(bytes, offset, version);
  bytes.set(hash, offset + versionSize);
  if (path === null) return offset + versionSize + hashSize;
  bytes.set(path, offset + versionSize + hashSize);
  return offset + versionSize + 2 * hashSize;
}

function writeUint48(bytes: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[offset] = high >> 8;
  bytes[offset + 1] = high & 0xff;
  bytes[offset + 2] = (value >>> 24) & 0xff;
  bytes[offset + 3] = (value >>> 16) & 0xff;
  bytes[offset + 4] = (value >>> 8) & 0xff;
  bytes[offset + 5] = value & 0xff;
}

function readUint48(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + versionSize; i++) value = value * 0x100 + (bytes[i] as number);
  return value;
}

export const nibbleAt = (path: Uint8Array, depth: number): number => {
  const byte = path[depth >> 1] ?? 0;
  return depth % 2 === 0 ? byte >> 4 : byte & 0x0f;
};

/** Record key of the node at the first `depth` nibbles of `path`. */
export function nodeKey(version: number, path: Uint8Array, depth: number): Uint8Array {
  const size = (depth + 1) >> 1;
  const key = new Uint8Array(9 + size);
  writeUint48(key, 2, version);
  key[8] = depth;
  for (let i = 0; i < size; i++) key[9 + i] = path[i] as number;
  if (depth % 2 === 1) key[8 + size] = (key[8 + size] as number) & 0xf0;
  return key;
}

/** Record key of the leaf at `path`. */
export function leafKey(version: number, path: Uint8Array): Uint8Array {
  const key = new Uint8Array(9 + hashSize);
  writeUint48(key, 2, version);
  key[8] = leafMark;
  key.set(path, 9);
  return key;
}

export function encodeLeaf(key: Uint8Array, value: Uint8Array): Uint8Array {
  invariant(key.length < 0x10000, 'a state key is shorter than 64 KiB');
  const bytes = new Uint8Array(2 + key.length + value.length);
  bytes[0] = key.length >> 8;
  bytes[1] = key.length & 0xff;
  bytes.set(key, 2);
  bytes.set(value, 2 + key.length);
  return bytes;
}

export function decodeLeaf(bytes: Uint8Array): { readonly key: Uint8Array; readonly value: Uint8Array } {
  const size = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  invariant(bytes.length >= 2 + size, 'a leaf record is shorter than its key');
  return { key: bytes.subarray(2, 2 + size), value: bytes.subarray(2 + size) };
}
