/**
 * Goal: we read a log that another implementation wrote, and write what it wrote. Method: a complete tlog-tiles log with
 * a signed checkpoint at every size from 0 to 15: every signature, every tile and bundle at every size, every proof, and
 * our own tiles byte for byte.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { expect } from 'chai';
import { type Checkpoint, encodeCheckpoint, parseCheckpoint } from '../../src/protocols/ledger/checkpoint.ts';
import {
  decodeEntryBundle,
  encodeEntryBundle,
  entryBundlePath,
  hashTilePath,
  parseTilePath,
} from '../../src/protocols/ledger/log-tiles.ts';
import { hashLeaf } from '../../src/protocols/ledger/merkle-hash.ts';
import { verifyConsistency, verifyInclusion } from '../../src/protocols/ledger/merkle-log.ts';
import {
  encodeSignedNote,
  parseSignedNote,
  parseVerifierKey,
  verifyNote,
} from '../../src/protocols/ledger/signed-note.ts';
import {
  appendLeaves,
  consistencyProof,
  emptyLogEdge,
  inclusionProof,
  rootAt,
  type TileReader,
} from '../../src/protocols/ledger/transparency-log.ts';
import { fromHex, toHex } from '../../src/protocols/shared/bytes.ts';
import { filesUnder, vectorFolder } from './vectors.ts';

const logKey = parseVerifierKey('example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx');
const sizeMax = 15;

describe('a tlog-tiles log of another implementation', () => {
  let folder = '';
  const file = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(folder, name)));
  const entriesAt = (size: number): readonly Uint8Array[] => decodeEntryBundle(file(entryBundlePath(0, size)), size);

  /** The log as it was at one size: its partial tile of that width and nothing wider. */
  const readerAt = (size: number): TileReader => ({
    tile: (level, index) => (level === 0 && index === 0 ? file(hashTilePath(0, 0, size)) : undefined),
  });

  function checkpointAt(name: string): Checkpoint {
    const text = readFileSync(join(folder, name), 'utf8');
    const note = parseSignedNote(text);
    expect(encodeSignedNote(note)).to.equal(text);
    const verification = verifyNote(note, [logKey], (key, message, signature) =>
      ed25519.verify(signature, message, fromHex(key), { zip215: false }),
    );
    expect(verification, name).to.deep.equal({ kind: 'verified', signers: [{ key: logKey, time: null }], unknown: 0 });
    const checkpoint = parseCheckpoint(note.text);
    expect(encodeCheckpoint(checkpoint)).to.equal(note.text);
    expect(checkpoint.origin).to.equal(logKey.name);
    return checkpoint;
  }

  before(function () {
    folder = vectorFolder(this, 'tlog/log');
  });

  it('has a verified checkpoint at every size, whose root is that of its tile and of its entries', () => {
    for (let size = 0; size <= sizeMax; size++) {
      const checkpoint = checkpointAt(`checkpoint.${size}`);
      expect(checkpoint.size).to.equal(size);
      expect(rootAt(readerAt(size), size)).to.equal(checkpoint.root);
      const entries = size === 0 ? [] : entriesAt(size);
      expect(appendLeaves(emptyLogEdge, entries).root).to.equal(checkpoint.root);
    }
    expect(checkpointAt('checkpoint').size).to.equal(sizeMax);
  });

  it('has, at every size, a proof of every entry and of every earlier size', () => {
    for (let size = 1; size <= sizeMax; size++) {
      const root = fromHex(checkpointAt(`checkpoint.${size}`).root);
      const reader = readerAt(size);
      entriesAt(size).forEach((entry, index) => {
        const proof = inclusionProof(reader, index, size);
        expect(verifyInclusion(index, size, hashLeaf(entry), proof, root)).to.equal(true);
      });
      for (let earlier = 1; earlier <= size; earlier++) {
        const before = fromHex(checkpointAt(`checkpoint.${earlier}`).root);
        const proof = consistencyProof(reader, earlier, size);
        expect(verifyConsistency(earlier, size, before, root, proof)).to.equal(true);
      }
    }
  });

  it('is what we write from the same entries: every tile and bundle, under the same names', () => {
    const written = new Map<string, Uint8Array>();
    let edge = emptyLogEdge;
    const entries = entriesAt(sizeMax);
    entries.forEach((entry, index) => {
      const appended = appendLeaves(edge, [entry]);
      edge = appended.edge;
      for (const { level, index: tile, width, hashes } of appended.tileWrites) {
        written.set(hashTilePath(level, tile, width), hashes);
      }
      written.set(entryBundlePath(0, index + 1), encodeEntryBundle(entries.slice(0, index + 1)));
    });
    const names = filesUnder(folder).filter((name) => name.startsWith('tile/'));
    expect([...written.keys()].sort()).to.deep.equal(names);
    for (const name of names) {
      expect(parseTilePath(name), name).to.not.equal(null);
      expect(toHex(written.get(name)!), name).to.equal(toHex(file(name)));
    }
  });
});
