/**
 * The RFC 6962 Merkle tree over a list: tree head, and verification of inclusion and consistency proofs.
 * Source: RFC 6962, section 2.1; RFC 9162, sections 2.1.3.2 and 2.1.4.2 (verification).
 */
import type { Digest } from '../shared/brands.ts';
import { equalBytes } from '../shared/bytes.ts';
import { sha256, toDigest } from '../shared/hash.ts';
import { hashInner, hashLeaf } from './merkle-hash.ts';

/** Head of the tree over no leaves: the hash of nothing. */
export const emptyLogRoot: Digest = toDigest(sha256(new Uint8Array(0)));

/** MTH of the leaves: `transactionsRoot`, `eventsRoot`. */
export const merkleRoot = (leaves: readonly Uint8Array[]): Digest =>
  toDigest(rootOfHashes(leaves.map((l) => hashLeaf(l))));

function rowAbove(row: readonly Uint8Array[]): readonly Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i + 1 < row.length; i += 2) above.push(hashInner(row[i] as Uint8Array, row[i + 1] as Uint8Array));
  // The last of an odd row rises: it heads the smaller, right-hand part of the split at the power of two.
  if (row.length % 2 === 1) above.push(row[row.length - 1] as Uint8Array);
  return above;
}

/** MTH given the leaves' hashes. */
export function rootOfHashes(leafHashes: readonly Uint8Array[]): Uint8Array {
  let row = leafHashes;
  while (row.length > 1) row = rowAbove(row);
  return row[0] ?? sha256(new Uint8Array(0));
}

/** PATH of a leaf, from the leaf up, given all leaves' hashes. */
export function inclusionOf(index: number, leafHashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const path: Uint8Array[] = [];
  let row = leafHashes;
  for (let place = index; row.length > 1; place = half(place)) {
    const sibling = row[place % 2 === 0 ? place + 1 : place - 1];
    if (sibling !== undefined) path.push(sibling);
    row = rowAbove(row);
  }
  return path;
}

const half = (value: number): number => Math.floor(value / 2);
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** The head of a tree of `size` leaves that a proof for leaf `index` leads to, or null where the proof's length is wrong. */
function inclusionRoot(
  index: number,
  size: number,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | null {
  if (!isSize(index) || !isSize(size) || index >= size) return null;
  let place = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== 32) return null;
    if (place % 2 === 1 || place === last) {
      hash = hashInner(sibling, hash);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else hash = hashInner(hash, sibling);
    place = half(place);
    last = half(last);
  }
  return last === 0 ? hash : null;
}

/** Whether the leaf stands at `index` of the tree of `size` leaves under `root`. */
export function verifyInclusion(
  index: number,
  size: number,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (leafHash.length !== 32) return false;
  const computed = inclusionRoot(index, size, leafHash, proof);
  return computed !== null && equalBytes(computed, root);
}

/**
 * Whether the tree of `size2` leaves under `root2` begins with the tree of `size1` leaves under `root1`.
 * False for size 0: every tree begins with the empty one, so there is nothing to prove.
 */
export function verifyConsistency(
  size1: number,
  size2: number,
  root1: Uint8Array,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) return false;
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2);
  if (proof.length === 0 || proof.some((hash) => hash.length !== 32)) return false;
  let place = size1 - 1;
  let last = size2 - 1;
  while (place % 2 === 1) {
    place = half(place);
    last = half(last);
  }
  // A size that is a power of two is itself a node of the larger tree, and its head is left out of the proof.
  const start = place === 0 ? root1 : (proof[0] as Uint8Array);
  if (start.length !== 32) return false;
  let old = start;
  let grown = start;
  for (const sibling of proof.slice(place === 0 ? 0 : 1)) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      old = hashInner(sibling, old);
      grown = hashInner(sibling, grown);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else grown = hashInner(grown, sibling);
    place = half(place);
    last = half(last);
  }
  return last === 0 && equalBytes(old, root1) && equalBytes(grown, root2);
}
