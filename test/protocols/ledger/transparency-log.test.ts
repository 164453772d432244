/**
 * Goal: the log is the RFC 6962 tree, however it grew, and every proof from its tiles is the RFC's.
 * Method: random growth against the RFC's recursive definitions, tiles of every size, proofs of every pair.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeEntryBundle,
  encodeEntryBundle,
  entryBundlePath,
  hashTilePath,
  LogTileError,
  parseTilePath,
  widthAt,
} from '../../../src/protocols/ledger/log-tiles.ts';
import { hashLeaf } from '../../../src/protocols/ledger/merkle-hash.ts';
import { merkleRoot, verifyConsistency, verifyInclusion } from '../../../src/protocols/ledger/merkle-log.ts';
import {
  appendLeaves,
  consistencyProof,
  edgeAt,
  edgeRoot,
  edgeTiles,
  emptyLogEdge,
  inclusionProof,
  isWholeEdge,
  type LogEdge,
  rootAt,
  type TileReader,
  tileOf,
  type TileWrite,
} from '../../../src/protocols/ledger/transparency-log.ts';
import { fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { naivePath, naiveSubproof, naiveTreeHead } from './merkle-oracle.ts';

class TileStore implements TileReader {
  readonly tiles = new Map<string, Uint8Array>();

  tile(level: number, index: number): Uint8Array | undefined {
    return this.tiles.get(`${level}/${index}`);
  }

  write(writes: readonly TileWrite[]): void {
    for (const { level, index, width, hashes } of writes) {
      if (hashes.length !== width * 32) throw new Error('a tile is as long as its width says');
      this.tiles.set(`${level}/${index}`, hashes);
    }
  }
}

const leavesOf = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => toUtf8(`leaf ${from + i}`));

function grow(store: TileStore, batches: readonly number[]): LogEdge {
  let edge = emptyLogEdge;
  for (const count of batches) {
    const appended = appendLeaves(edge, leavesOf(count, edge.size));
    store.write(appended.tileWrites);
    edge = appended.edge;
  }
  return edge;
}

describe('transparency log', () => {
  it('has the RFC 6962 head at every size, and reads its edge back from its tiles', () => {
    const store = new TileStore();
    let edge = emptyLogEdge;
    for (let size = 1; size <= 70; size++) {
      const appended = appendLeaves(edge, leavesOf(1, edge.size));
      store.write(appended.tileWrites);
      edge = appended.edge;
      expect(appended).to.deep.include({ size, root: toHex(naiveTreeHead(leavesOf(size))) });
      expect(edgeAt(store, size)).to.deep.equal(edge);
    }
    for (let size = 0; size <= 70; size++) {
      const head = toHex(naiveTreeHead(leavesOf(size)));
      expect(rootAt(store, size)).to.equal(head);
      expect(merkleRoot(leavesOf(size))).to.equal(head);
    }
  });

  it('knows an edge with tiles or peaks that are not its own, whichever bit is wrong, missing or too many', () => {
    const flipped = (parts: readonly Uint8Array[], bit: number): Uint8Array[] => {
      const all = parts.reduce((sum, part) => sum + part.length, 0);
      let at = Math.floor(bit / 8) % all;
      return parts.map((part) => {
        const changed = part.slice();
        if (at >= 0 && at < part.length) changed[at] = (changed[at] as number) ^ (1 << (bit % 8));
        at -= part.length;
        return changed;
      });
    };
    expect(isWholeEdge(emptyLogEdge)).to.equal(true);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (size, bit) => {
        const edge = grow(new TileStore(), [size]);
        const { peaks, partialTiles } = edge;
        expect(isWholeEdge(edge)).to.equal(true);
        const wrong: Partial<LogEdge>[] = [
          { partialTiles: flipped(partialTiles, bit) },
          { peaks: flipped(peaks, bit) },
          { partialTiles: partialTiles.slice(1) },
          { partialTiles: [...partialTiles, new Uint8Array(32)] },
          { partialTiles: partialTiles.map((hashes) => Uint8Array.of(...hashes, ...new Uint8Array(32))) },
          { peaks: peaks.slice(1) },
          { peaks: [...peaks, new Uint8Array(32)] },
          { size: size + 1 },
        ];
        for (const part of wrong) expect(isWholeEdge({ ...edge, ...part })).to.equal(false);
      }),
      { numRuns: 60 },
    );
  });

  it('does not depend on how the leaves were batched', () => {
    const batches = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(batches, (counts) => {
        const [piecewise, atOnce] = [new TileStore(), new TileStore()];
        const total = counts.reduce((sum, count) => sum + count, 0);
        const edge = grow(piecewise, counts);
        expect(edge).to.deep.equal(grow(atOnce, [total]));
        expect(piecewise.tiles).to.deep.equal(atOnce.tiles);
        expect(edgeRoot(edge)).to.equal(toHex(naiveTreeHead(leavesOf(total))));
      }),
      { numRuns: 25 },
    );
  });

  it('proves inclusion of every leaf in every tree exactly as the RFC defines', () => {
    const store = new TileStore();
    grow(store, [40]);
    for (let size = 1; size <= 40; size++) {
      const leaves = leavesOf(size);
      const root = naiveTreeHead(leaves);
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(store, index, size);
        expect(proof.map(toHex)).to.deep.equal(naivePath(index, leaves).map(toHex));
        const hash = hashLeaf(leaves[index]!);
        expect(verifyInclusion(index, size, hash, proof, root)).to.equal(true);
        expect(verifyInclusion((index + 1) % size, size, hash, proof, root)).to.equal(size === 1);
      }
    }
  });

  it('proves consistency of every two sizes exactly as the RFC defines', () => {
    const store = new TileStore();
    grow(store, [40]);
    for (let size2 = 1; size2 <= 40; size2++) {
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = consistencyProof(store, size1, size2);
        const leaves = leavesOf(size2);
        expect(proof.map(toHex)).to.deep.equal(naiveSubproof(size1, leaves, true).map(toHex));
        const [root1, root2] = [naiveTreeHead(leavesOf(size1)), naiveTreeHead(leaves)];
        expect(verifyConsistency(size1, size2, root1, root2, proof)).to.equal(true);
      }
    }
  });

  it('proves across tile borders and levels', () => {
    const store = new TileStore();
    const size = 256 * 256 + 300;
    const edge = grow(store, [size]);
    expect(edge.partialTiles.map((tile) => tile.length / 32)).to.deep.equal([44, 1, 1]);
    expect(edgeAt(store, size)).to.deep.equal(edge);
    const root = fromHex(rootAt(store, size));
    expect(toHex(root)).to.equal(edgeRoot(edge));
    for (const index of [0, 255, 256, 65_535, 65_536, size - 1]) {
      const hash = hashLeaf(toUtf8(`leaf ${index}`));
      expect(verifyInclusion(index, size, hash, inclusionProof(store, index, size), root)).to.equal(true);
    }
    for (const size1 of [1, 255, 256, 257, 65_535, 65_536, 65_537, size - 1]) {
      const proof = consistencyProof(store, size1, size);
      expect(verifyConsistency(size1, size, fromHex(rootAt(store, size1)), root, proof)).to.equal(true);
    }
  });

  it('goes on from the edge and its tiles alone, as a node that began with a snapshot does', () => {
    const [whole, late] = [new TileStore(), new TileStore()];
    const before = grow(whole, [1000]);
    late.write(edgeTiles(before));
    const appended = appendLeaves(before, leavesOf(500, 1000));
    whole.write(appended.tileWrites);
    late.write(appended.tileWrites);
    expect(edgeAt(whole, 1500)).to.deep.equal(appended.edge);
    for (const [name, tile] of late.tiles) expect(whole.tiles.get(name)).to.deep.equal(tile);
  });

  it('serves each tile in the widths that the size allows, and no other', () => {
    const store = new TileStore();
    grow(store, [600]);
    expect([0, 1, 2, 3].map((index) => widthAt(600, 0, index))).to.deep.equal([256, 256, 88, 0]);
    expect(widthAt(600, 1, 0)).to.equal(2);
    expect(tileOf(store, 600, 0, 2, 88)?.length).to.equal(88 * 32);
    expect(tileOf(store, 600, 0, 2, 5)).to.deep.equal(store.tile(0, 2)?.subarray(0, 5 * 32));
    expect(tileOf(store, 600, 0, 2, 89)).to.equal(null);
    expect(tileOf(store, 600, 0, 3, 1)).to.equal(null);
    expect(tileOf(store, 600, 0, 0, 0)).to.equal(null);
  });

  it('names a missing tile instead of computing from what is left', () => {
    const store = new TileStore();
    grow(store, [600]);
    store.tiles.delete('0/1');
    expect(() => inclusionProof(store, 300, 600)).to.throw(InvariantError, 'log tile 0/1');
  });
});

describe('tile names and entry bundles', () => {
  it('follow the examples of the specification', () => {
    expect(hashTilePath(3, 1_234_067)).to.equal('tile/3/x001/x234/067');
    expect(hashTilePath(0, 273, 112)).to.equal('tile/0/273.p/112');
    expect(entryBundlePath(1000, 1)).to.equal('tile/entries/x001/000.p/1');
    expect(entryBundlePath(0)).to.equal('tile/entries/000');
  });

  it('are read back, and only in their canonical form', () => {
    const level = fc.option(fc.integer({ min: 0, max: 63 }), { nil: null });
    fc.assert(
      fc.property(level, fc.nat({ max: 10 ** 12 }), fc.integer({ min: 1, max: 256 }), (l, index, width) => {
        const path = l === null ? entryBundlePath(index, width) : hashTilePath(l, index, width);
        expect(parseTilePath(path)).to.deep.equal({ level: l, index, width });
      }),
    );
    const refused = ['tile/64/000', 'tile/00/000', 'tile/0/0', 'tile/0/x000/001', 'tile/0/001/002', 'tile/0/000.p/256'];
    for (const path of [
      ...refused,
      'tile/0/000.p/0',
      'tile/0/000.p/01',
      'tile/data/000',
      '/tile/0/000',
      'tile/0/x001',
    ]) {
      expect(parseTilePath(path), path).to.equal(null);
    }
  });

  it('hold what was put in, and refuse bytes that end inside an entry, too few and too many entries', () => {
    const entries = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(entries, (list) => {
        const bundle = encodeEntryBundle(list);
        expect(decodeEntryBundle(bundle, list.length).map(toHex)).to.deep.equal(list.map(toHex));
        expect(() => decodeEntryBundle(bundle.subarray(0, bundle.length - 1), list.length)).to.throw(LogTileError);
        expect(() => decodeEntryBundle(bundle, list.length + 1)).to.throw(LogTileError);
        expect(() => decodeEntryBundle(bundle, list.length - 1)).to.throw(LogTileError);
      }),
    );
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).to.throw(InvariantError);
  });
});
