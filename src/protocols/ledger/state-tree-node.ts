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
 * a single leaf. The group hashes could be computed; keeping them saves most of the hashing of an update.
 *
 * Leaf record: length of the key (2 bytes) ‖ key ‖ value.
 */
import { uint64Key } from '../shared/bytes.ts';
import { invariant } from '../shared/errors.ts';
import { hashInner } from './merkle-hash.ts';

/** Children of a node. */
export const fanOut = 16;
/** Nibbles in a path. */
export const depthMax = 64;
const groupSize = 4;
const hashSize = 32;
const versionSize = 6;
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

export interface TreeNode {
  /** Sixteen places, by nibble. */
  readonly children: readonly (Child | null)[];
  /** The four parts of four children each. */
  readonly groups: readonly Subtree[];
}

/** The empty part of a tree: 32 zero bytes (ICS-23 `empty_child`). Compared by identity. */
export const emptySubtree: Subtree = { hash: new Uint8Array(hashSize), lone: true };

/** A part from its halves: a lone leaf rises, everything else is hashed. */
export function joinSubtrees(left: Subtree, right: Subtree): Subtree {
  if (left === emptySubtree && right.lone) return right;
  if (right === emptySubtree && left.lone) return left;
  return { hash: hashInner(left.hash, right.hash), lone: false };
}

const at = (children: readonly (Child | null)[], nibble: number): Subtree => children[nibble] ?? emptySubtree;

export const pairOf = (children: readonly (Child | null)[], pair: number): Subtree =>
  joinSubtrees(at(children, 2 * pair), at(children, 2 * pair + 1));

export const groupOf = (children: readonly (Child | null)[], group: number): Subtree =>
  joinSubtrees(pairOf(children, 2 * group), pairOf(children, 2 * group + 1));

export const halfOf = (groups: readonly Subtree[], half: number): Subtree =>
  joinSubtrees(groups[2 * half] ?? emptySubtree, groups[2 * half + 1] ?? emptySubtree);

export const nodeSubtree = (groups: readonly Subtree[]): Subtree => joinSubtrees(halfOf(groups, 0), halfOf(groups, 1));

export const emptyNode: TreeNode = {
  children: new Array<null>(fanOut).fill(null),
  groups: new Array<Subtree>(fanOut / groupSize).fill(emptySubtree),
};

export const nibbleAt = (path: Uint8Array, depth: number): number => {
  const byte = path[depth >> 1] ?? 0;
  return depth % 2 === 0 ? byte >> 4 : byte & 0x0f;
};

/** Record key of the node at the first `depth` nibbles of `path`. */
export function nodeKey(version: number, path: Uint8Array, depth: number): Uint8Array {
  const size = (depth + 1) >> 1;
  const key = new Uint8Array(9 + size);
  key.set(uint64Key(version));
  key[8] = depth;
  key.set(path.subarray(0, size), 9);
  if (depth % 2 === 1) key[8 + size] = (key[8 + size] as number) & 0xf0;
  return key;
}

/** Record key of the leaf at `path`. */
export function leafKey(version: number, path: Uint8Array): Uint8Array {
  const key = new Uint8Array(9 + hashSize);
  key.set(uint64Key(version));
  key[8] = leafMark;
  key.set(path, 9);
  return key;
}

export function encodeNode(node: TreeNode): Uint8Array {
  let occupied = 0;
  let leaves = 0;
  let size = 4;
  for (let i = 0; i < fanOut; i++) {
    const child = node.children[i];
    if (child === null || child === undefined) continue;
    occupied |= 1 << i;
    size += versionSize + hashSize;
    if (child.path !== null) {
      leaves |= 1 << i;
      size += hashSize;
    }
  }
  for (const group of node.groups) if (!group.lone) size += hashSize;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, occupied);
  view.setUint16(2, leaves);
  let offset = 4;
  for (const child of node.children) {
    if (child === null) continue;
    view.setUint16(offset, Math.floor(child.version / 0x1_0000_0000));
    view.setUint32(offset + 2, child.version % 0x1_0000_0000);
    bytes.set(child.hash, offset + versionSize);
    offset += versionSize + hashSize;
    if (child.path !== null) {
      bytes.set(child.path, offset);
      offset += hashSize;
    }
  }
  for (const group of node.groups) {
    if (group.lone) continue;
    bytes.set(group.hash, offset);
    offset += hashSize;
  }
  return bytes;
}

export function decodeNode(bytes: Uint8Array): TreeNode {
  invariant(bytes.length >= 4, 'a tree node has at least four bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const occupied = view.getUint16(0);
  const leaves = view.getUint16(2);
  const children = new Array<Child | null>(fanOut).fill(null);
  let offset = 4;
  const take = (): Uint8Array => {
    invariant(offset + hashSize <= bytes.length, 'a tree node is shorter than its bitmap says');
    offset += hashSize;
    return bytes.subarray(offset - hashSize, offset);
  };
  for (let i = 0; i < fanOut; i++) {
    if ((occupied & (1 << i)) === 0) continue;
    invariant(offset + versionSize <= bytes.length, 'a tree node is shorter than its bitmap says');
    const version = view.getUint16(offset) * 0x1_0000_0000 + view.getUint32(offset + 2);
    offset += versionSize;
    const hash = take();
    const lone = (leaves & (1 << i)) !== 0;
    children[i] = { version, hash, lone, path: lone ? take() : null };
  }
  const groups: Subtree[] = [];
  for (let group = 0; group < fanOut / groupSize; group++) groups.push(readGroup(children, group, take));
  invariant(offset === bytes.length, 'a tree node is longer than its bitmap says');
  return { children, groups };
}

function readGroup(children: readonly (Child | null)[], group: number, take: () => Uint8Array): Subtree {
  let only: Child | null = null;
  let count = 0;
  for (let i = group * groupSize; i < (group + 1) * groupSize; i++) {
    const child = children[i] ?? null;
    if (child === null) continue;
    only = child;
    count += 1;
  }
  if (only === null) return emptySubtree;
  if (count === 1 && only.lone) return only;
  return { hash: take(), lone: false };
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
