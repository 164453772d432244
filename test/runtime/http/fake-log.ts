/** A real transparency log in memory, with checkpoints cosigned by a quorum of the fake chain's validators. */
import { checkpointOf, encodeCheckpoint, validatorNoteKey } from '../../../src/protocols/ledger/checkpoint.ts';
import { chainIdOf } from '../../../src/protocols/ledger/genesis.ts';
import { encodeLogLeaf, type LogLeaf } from '../../../src/protocols/ledger/log-leaf.ts';
import { encodeEntryBundle, parseTilePath, tileWidth, widthAt } from '../../../src/protocols/ledger/log-tiles.ts';
import { cosignatureBytes, encodeSignedNote, noteCosignature } from '../../../src/protocols/ledger/signed-note.ts';
import {
  appendLeaves,
  edgeRoot,
  emptyLogEdge,
  inclusionProof,
  type LogAppend,
  type LogEdge,
  type TileReader,
  tileOf,
} from '../../../src/protocols/ledger/transparency-log.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { genesis, set, validatorKeys } from './fake-genesis.ts';

export class FakeLog {
  readonly #leaves: LogLeaf[] = [];
  readonly #tiles = new Map<string, Uint8Array>();
  readonly #reader: TileReader = { tile: (level, index) => this.#tiles.get(`${level}/${index}`) };
  #edge: LogEdge = emptyLogEdge;

  get size(): number {
    return this.#leaves.length;
  }

  append(leaves: readonly LogLeaf[]): LogAppend {
    this.#leaves.push(...leaves);
    const log = appendLeaves(this.#edge, leaves.map(encodeLogLeaf));
    this.#edge = log.edge;
    for (const { level, index, hashes } of log.tileWrites) this.#tiles.set(`${level}/${index}`, hashes);
    return log;
  }

  prove(logIndex: number, size: number): { readonly leaf: LogLeaf; readonly inclusion: readonly Uint8Array[] } {
    const inclusion = inclusionProof(this.#reader, logIndex, size).map((bytes) => bytes.slice());
    return { leaf: this.#leaves[logIndex]!, inclusion };
  }

  file(path: string): { readonly bytes: Uint8Array; readonly immutable: boolean } | null {
    if (path === 'checkpoint') return this.size === 0 ? null : { bytes: this.#checkpoint(), immutable: false };
    const name = parseTilePath(path);
    if (name === null) return null;
    if (name.level !== null) {
      const bytes = tileOf(this.#reader, this.size, name.level, name.index, name.width);
      return bytes === null ? null : { bytes, immutable: true };
    }
    if (name.width > widthAt(this.size, 0, name.index)) return null;
    const first = name.index * tileWidth;
    const entries = this.#leaves.slice(first, first + name.width).map(encodeLogLeaf);
    return { bytes: encodeEntryBundle(entries), immutable: true };
  }

  #checkpoint(): Uint8Array {
    const text = encodeCheckpoint(checkpointOf(chainIdOf(genesis), this.size, edgeRoot(this.#edge)));
    const signatures = validatorKeys.slice(0, set.quorum).map((key) => {
      const time = 1_700_000_000;
      return noteCosignature(validatorNoteKey(key.publicKey), time, key.sign(cosignatureBytes(text, time)));
    });
    return toUtf8(encodeSignedNote({ text, signatures }));
  }
}
