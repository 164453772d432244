/**
 * The transparency log: an append-only RFC 6962 tree over every executed transaction with its result.
 *
 * Source: ledger design, "Transparency log"; RFC 6962, section 2.1; c2sp.org/tlog-tiles.
 *
 * What is stored are hash tiles, one record a (level, index), replaced as it widens: a narrower tile is a prefix of a
 * wider one, so one record answers for every partial tile there ever was. Entries are kept one by one by whoever keeps
 * the log, and are put together into bundles when they are served (`encodeEntryBundle`): a bundle written at every
 * block would be written up to 256 times.
 */
import type { Digest } from '../shared/brands.ts';
import { equalBytes } from '../shared/bytes.ts';
import { invariant } from '../shared/errors.ts';
import { toDigest } from '../shared/hash.ts';
import { tileWidth, widthAt } from './log-tiles.ts';
import { hashInner, hashLeaf } from './merkle-hash.ts';
import { emptyLogRoot, rootOfHashes } from './merkle-log.ts';

const hashSize = 32;
const tileHeight = 8;

/** The right edge of a log: all that is needed to append. A value, never changed. */
export interface LogEdge {
  /** Leaves. */
  readonly size: number;
  /** Heads of the complete subtrees that the log is made of, largest first (the compact range of [0, size)). */
  readonly peaks: readonly Uint8Array[];
  /** By level, the hashes of the rightmost tile where it is partial; empty where there is none. */
  readonly partialTiles: readonly Uint8Array[];
}

/** A hash tile to be stored in the place of any narrower one of the same level and index. */
export interface TileWrite {
  readonly level: number;
  readonly index: number;
  /** Hashes in it, 1–256. */
  readonly width: number;
  /** width × 32 bytes. */
  readonly hashes: Uint8Array;
}

export interface LogAppend {
  readonly edge: LogEdge;
  readonly size: number;
  readonly root: Digest;
  readonly tileWrites: readonly TileWrite[];
}

/** Where the tiles are. Gives the widest version there is of a tile. */
export interface TileReader {
  tile(level: number, index: number): Uint8Array | undefined;
}

export const emptyLogEdge: LogEdge = { size: 0, peaks: [], partialTiles: [] };

/** Head of a log from its edge. */
export function edgeRoot(edge: LogEdge): Digest {
  let head: Uint8Array | undefined;
  for (let i = edge.peaks.length - 1; i >= 0; i--) {
    const peak = edge.peaks[i] as Uint8Array;
    head = head === undefined ? peak : hashInner(peak, head);
  }
  return head === undefined ? emptyLogRoot : toDigest(head);
}

/** The log after these leaves. Nothing is read: the edge is enough. */
export const appendLeaves = (edge: LogEdge, leaves: readonly Uint8Array[]): LogAppend =>
  appendLeafHashes(edge, leaves.map(hashLeaf));

/** The same where the leaves' hashes (32 bytes) are known. */
export function appendLeafHashes(edge: LogEdge, leafHashes: readonly Uint8Array[]): LogAppend {
  const growth = new Growth(edge);
  for (const hash of leafHashes) growth.append(hash);
  const grown = growth.edge();
  return { edge: grown, size: grown.size, root: edgeRoot(grown), tileWrites: growth.writes() };
}

/** A rightmost tile while it grows. */
interface OpenTile {
  readonly hashes: Uint8Array;
  width: number;
  touched: boolean;
}

class Growth {
  #size: number;
  readonly #peaks: Uint8Array[];
  readonly #open: OpenTile[];
  readonly #full: TileWrite[] = [];

  constructor(edge: LogEdge) {
    this.#size = edge.size;
    this.#peaks = edge.peaks.slice();
    this.#open = edge.partialTiles.map((partial) => {
      const hashes = new Uint8Array(tileWidth * hashSize);
      hashes.set(partial);
      return { hashes, width: partial.length / hashSize, touched: false };
    });
  }

  append(leafHash: Uint8Array): void {
    let hash = leafHash;
    this.#size += 1;
    this.#place(0, hash);
    // The new leaf completes one subtree for every trailing zero of the new size.
    for (let height = 1, rest = this.#size; rest % 2 === 0; height++, rest /= 2) {
      hash = hashInner(this.#peaks.pop() as Uint8Array, hash);
      if (height % tileHeight === 0) this.#place(height / tileHeight, hash);
    }
    this.#peaks.push(hash);
  }

  #place(level: number, hash: Uint8Array): void {
    const tile = (this.#open[level] ??= { hashes: new Uint8Array(tileWidth * hashSize), width: 0, touched: false });
    tile.hashes.set(hash, tile.width * hashSize);
    tile.width += 1;
    tile.touched = true;
    if (tile.width < tileWidth) return;
    const index = Math.floor(this.#size / tileWidth ** (level + 1)) - 1;
    this.#full.push({ level, index, width: tileWidth, hashes: tile.hashes });
    this.#open[level] = { hashes: new Uint8Array(tileWidth * hashSize), width: 0, touched: false };
  }

  edge(): LogEdge {
    return {
      size: this.#size,
      peaks: this.#peaks.slice(),
      partialTiles: this.#open.map((tile) => tile.hashes.slice(0, tile.width * hashSize)),
    };
  }

  writes(): readonly TileWrite[] {
    const partial: TileWrite[] = [];
    this.#open.forEach(({ hashes, width, touched }, level) => {
      if (!touched) return;
      const index = Math.floor(this.#size / tileWidth ** (level + 1));
      partial.push({ level, index, width, hashes: hashes.slice(0, width * hashSize) });
    });
    return [...this.#full, ...partial];
  }
}

/** Tiles of the right edge: what a log that starts from a snapshot must hold to go on. */
export function edgeTiles(edge: LogEdge): readonly TileWrite[] {
  return edge.partialTiles.flatMap((hashes, level) => {
    if (hashes.length === 0) return [];
    const index = Math.floor(edge.size / tileWidth ** (level + 1));
    return [{ level, index, width: hashes.length / hashSize, hashes }];
  });
}

/**
 * Whether the tiles of an edge, in shape and in every hash, are those whose heads its peaks are. The root shows only the
 * peaks: an edge from somebody else may have any tiles beside them, and a log that grows from those is another one.
 */
export function isWholeEdge({ size, peaks, partialTiles }: LogEdge): boolean {
  let levels = 0;
  while (size >= tileWidth ** levels) levels += 1;
  if (partialTiles.length !== levels) return false;
  const hasShape = partialTiles.every((hashes, level) => {
    const index = Math.floor(size / tileWidth ** (level + 1));
    return hashes.length === widthAt(size, level, index) * hashSize;
  });
  if (!hasShape) return false;
  const reader: TileReader = { tile: (level) => partialTiles[level] };
  const expected = decompose(0, size).map(({ height, index }) => subtreeHash(reader, height, index));
  return expected.length === peaks.length && expected.every((peak, i) => equalBytes(peak, peaks[i] as Uint8Array));
}

/** The edge of the log of `size` leaves, read back from its tiles. */
export function edgeAt(reader: TileReader, size: number): LogEdge {
  const partialTiles: Uint8Array[] = [];
  for (let level = 0; size >= tileWidth ** level; level++) {
    const index = Math.floor(size / tileWidth ** (level + 1));
    const width = widthAt(size, level, index);
    partialTiles.push(width === 0 ? new Uint8Array(0) : tileHashes(reader, level, index, width).slice());
  }
  const peaks = decompose(0, size).map(({ height, index }) => subtreeHash(reader, height, index));
  return { size, peaks, partialTiles };
}

/** The tile at (level, index) as a log of `size` leaves serves it, or null where it has none or it is gone. */
export function tileOf(
  reader: TileReader,
  size: number,
  level: number,
  index: number,
  width: number,
): Uint8Array | null {
  if (width < 1 || width > widthAt(size, level, index)) return null;
  const hashes = reader.tile(level, index);
  return hashes === undefined || hashes.length < width * hashSize ? null : hashes.subarray(0, width * hashSize);
}

/** Head of the log when it had `size` leaves. */
export const rootAt = (reader: TileReader, size: number): Digest =>
  size === 0 ? emptyLogRoot : toDigest(rangeHash(reader, 0, size));

/** PATH(index, D[size]): siblings from the leaf up. RFC 6962, section 2.1.1. */
export function inclusionProof(reader: TileReader, index: number, size: number): readonly Uint8Array[] {
  invariant(index >= 0 && index < size, 'an inclusion proof is of a leaf in the tree');
  const proof: Uint8Array[] = [];
  for (let start = 0, end = size; end - start > 1; ) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(reader, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(reader, start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/** PROOF(size1, D[size2]); empty for equal sizes. RFC 6962, section 2.1.2. */
export function consistencyProof(reader: TileReader, size1: number, size2: number): readonly Uint8Array[] {
  invariant(size1 >= 1 && size1 <= size2, 'a consistency proof leads from a smaller tree to a larger one');
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size2;
  while (size1 !== end) {
    const middle = start + splitOf(end - start);
    if (size1 <= middle) {
      proof.push(rangeHash(reader, middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(reader, start, middle));
      start = middle;
    }
  }
  // The verifier knows the smaller tree's head only where that tree is one complete subtree from the left.
  if (start !== 0) proof.push(rangeHash(reader, start, end));
  return proof.reverse();
}

/** The largest power of two below `count` (which is at least 2). */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** The complete subtrees that make up [start, end), left to right. `start` is aligned to the largest. */
function decompose(start: number, end: number): readonly { readonly height: number; readonly index: number }[] {
  const parts: { height: number; index: number }[] = [];
  for (let at = start; at < end; ) {
    let height = 0;
    while (at + 2 ** (height + 1) <= end) height += 1;
    parts.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return parts;
}

function rangeHash(reader: TileReader, start: number, end: number): Uint8Array {
  const parts = decompose(start, end).map(({ height, index }) => subtreeHash(reader, height, index));
  return parts.reduceRight((head, part) => hashInner(part, head));
}

/** Head of the complete subtree of 2^height leaves. */
function subtreeHash(reader: TileReader, height: number, index: number): Uint8Array {
  const level = Math.floor(height / tileHeight);
  const count = 2 ** (height % tileHeight);
  const tile = Math.floor((index * count) / tileWidth);
  const first = (index * count) % tileWidth;
  const hashes = tileHashes(reader, level, tile, first + count);
  const row: Uint8Array[] = [];
  for (let i = first; i < first + count; i++) row.push(hashes.subarray(i * hashSize, (i + 1) * hashSize));
  return rootOfHashes(row);
}

function tileHashes(reader: TileReader, level: number, index: number, width: number): Uint8Array {
  const hashes = reader.tile(level, index);
  invariant(
    hashes !== undefined && hashes.length >= width * hashSize,
    `log tile ${level}/${index} of ${width} hashes is missing`,
  );
  return hashes.subarray(0, width * hashSize);
}
