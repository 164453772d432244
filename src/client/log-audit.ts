/**
 * Checks a transparency log as a node serves it: the checkpoint is cosigned by a quorum of the validators, every entry
 * is in its tile, every tile follows from the one below, and all of it adds up to the checkpoint's root.
 */
import { type Checkpoint, logOrigin, parseCheckpoint, validatorNoteKey } from '../protocols/ledger/checkpoint.ts';
import {
  decodeEntryBundle,
  entryBundlePath,
  hashTilePath,
  LogTileError,
  tileWidth,
  widthAt,
} from '../protocols/ledger/log-tiles.ts';
import { hashLeaf } from '../protocols/ledger/merkle-hash.ts';
import { rootOfHashes } from '../protocols/ledger/merkle-log.ts';
import { NoteError, parseSignedNote, type SignatureCheck, verifyNote } from '../protocols/ledger/signed-note.ts';
import { rootAt } from '../protocols/ledger/transparency-log.ts';
import { quorumOf } from '../protocols/ledger/validator-set.ts';
import type { ChainId, PublicKey } from '../protocols/shared/brands.ts';
import { equalBytes } from '../protocols/shared/bytes.ts';

export interface LogAuditOptions {
  /** Bytes of a file by its tlog-tiles path. */
  readonly fetchFile: (path: string) => Promise<Uint8Array>;
  readonly chainId: string;
  readonly validators: readonly string[];
  /** Percent. */
  readonly finalityThreshold: number;
  readonly verifySignature: SignatureCheck;
  readonly onProgress?: (done: number, all: number) => void;
}

export interface LogAudit {
  readonly ok: boolean;
  readonly size: number;
  readonly root: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

type Check = LogAudit['checks'][number];

const hashSize = 32;
const hashesOf = (tile: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: tile.length / hashSize }, (_, at) => tile.subarray(at * hashSize, (at + 1) * hashSize));

export async function verifyServedLog(options: LogAuditOptions): Promise<LogAudit> {
  const text = new TextDecoder().decode(await options.fetchFile('checkpoint'));
  let checkpoint: Checkpoint;
  let signatures: Check;
  try {
    const note = parseSignedNote(text);
    checkpoint = parseCheckpoint(note.text);
    signatures = checkSignatures(options, note);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return { ok: false, size: 0, root: '', checks: [{ name: 'checkpoint', ok: false, detail: error.message }] };
  }
  const { origin, size, root } = checkpoint;
  const expected = logOrigin(options.chainId as ChainId);
  const checks: Check[] = [
    { name: 'origin', ok: origin === expected, detail: origin },
    signatures,
    ...(await checkTiles(options, size, root)),
  ];
  return { ok: checks.every(({ ok }) => ok), size, root, checks };
}

function checkSignatures(options: LogAuditOptions, note: ReturnType<typeof parseSignedNote>): Check {
  const keys = options.validators.map((key) => validatorNoteKey(key as PublicKey));
  const quorum = quorumOf(keys.length, options.finalityThreshold);
  const verification = verifyNote(note, keys, options.verifySignature);
  const name = 'cosignatures';
  if (verification.kind === 'refused') return { name, ok: false, detail: verification.reason };
  const count = verification.signers.length;
  return { name, ok: count >= quorum, detail: `${count} of ${keys.length} validators, ${quorum} needed` };
}

async function checkTiles(options: LogAuditOptions, size: number, root: string): Promise<readonly Check[]> {
  const tiles = new Map<string, Uint8Array>();
  const counts = { entries: 0, tiles: 0 };
  const all = fileCount(size);
  const advance = (): void => options.onProgress?.(counts.tiles + Math.ceil(counts.entries / tileWidth), all);
  const failed = (name: string, detail: string): readonly Check[] => [{ name, ok: false, detail }];
  for (let level = 0; size >= tileWidth ** level; level++) {
    for (let index = 0; widthAt(size, level, index) > 0; index++) {
      const width = widthAt(size, level, index);
      const path = hashTilePath(level, index, width);
      const tile = await options.fetchFile(path);
      if (tile.length !== width * hashSize) return failed('tiles', `${path} has ${tile.length} bytes`);
      if (level > 0 && !followsFromBelow(tiles, level, index, tile)) {
        return failed('tiles', `${path} does not follow from the tiles below it`);
      }
      tiles.set(`${level}/${index}`, tile);
      counts.tiles++;
      if (level === 0) {
        const problem = await checkEntries(options, index, width, tile);
        if (problem !== null) return failed('entries', problem);
        counts.entries += width;
      }
      advance();
    }
  }
  const computed = rootAt({ tile: (level, index) => tiles.get(`${level}/${index}`) }, size);
  return [
    { name: 'entries', ok: true, detail: `${counts.entries} entries are in their tiles` },
    { name: 'tiles', ok: true, detail: `${counts.tiles} tiles follow from each other` },
    { name: 'root', ok: computed === root, detail: `the tiles add up to ${computed}` },
  ];
}

function fileCount(size: number): number {
  let count = Math.ceil(size / tileWidth);
  for (let hashes = size; hashes >= 1; hashes = Math.floor(hashes / tileWidth)) count += Math.ceil(hashes / tileWidth);
  return count;
}

/** Each hash of a tile is the head of the full tile below it. */
const followsFromBelow = (
  tiles: ReadonlyMap<string, Uint8Array>,
  level: number,
  index: number,
  tile: Uint8Array,
): boolean =>
  hashesOf(tile).every((hash, at) => {
    const below = tiles.get(`${level - 1}/${index * tileWidth + at}`);
    return below !== undefined && equalBytes(hash, rootOfHashes(hashesOf(below)));
  });

async function checkEntries(
  options: LogAuditOptions,
  index: number,
  width: number,
  tile: Uint8Array,
): Promise<string | null> {
  const path = entryBundlePath(index, width);
  try {
    const entries = decodeEntryBundle(await options.fetchFile(path), width);
    const wrong = entries.findIndex(
      (entry, at) => !equalBytes(hashLeaf(entry), tile.subarray(at * hashSize, (at + 1) * hashSize)),
    );
    return wrong < 0 ? null : `entry ${index * tileWidth + wrong} is not the one in the tree`;
  } catch (error) {
    if (error instanceof LogTileError) return `${path}: ${error.message}`;
    throw error;
  }
}
