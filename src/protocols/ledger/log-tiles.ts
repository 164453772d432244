/**
 * Names and bytes of C2SP tlog-tiles: hash tiles of height 8 and entry bundles.
 * Source: c2sp.org/tlog-tiles, sections "Merkle Tree" and "Log entries".
 */
import { CodedError, invariant } from '../shared/errors.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const tileWidth = 256;
const levelMax = 63;
/** An entry's length is written in two bytes. */
export const logEntryBytesMax = 0xffff;

export type LogTileErrorCode = 'malformed-bundle';

/** Bytes that are not an entry bundle of the expected width. */
export class LogTileError extends CodedError<LogTileErrorCode> {
  override readonly name = 'LogTileError';
}

/** `001/x234/067`-style path of a tile index, with an `x` before all elements but the last. */
function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return path;
}

const widthSuffix = (width: number): string => (width === tileWidth ? '' : `.p/${width}`);

/** `tile/<L>/<N>[.p/<W>]`. */
export const hashTilePath = (level: number, index: number, width: number = tileWidth): string =>
  `tile/${level}/${indexPath(index)}${widthSuffix(width)}`;

/** `tile/entries/<N>[.p/<W>]`. */
export const entryBundlePath = (index: number, width: number = tileWidth): string =>
  `tile/entries/${indexPath(index)}${widthSuffix(width)}`;

export interface TileName {
  /** null: an entry bundle. */
  readonly level: number | null;
  readonly index: number;
  /** 1–256; 256 for a full tile. */
  readonly width: number;
}

const namePattern = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The tile that a path names, or null where it is not the one canonical name of a tile. */
export function parseTilePath(path: string): TileName | null {
  const match = namePattern.exec(path);
  if (match === null) return null;
  const [, levelText, elements, widthText] = match as unknown as [string, string, string, string | undefined];
  const level = levelText === 'entries' ? null : Number(levelText);
  const width = widthText === undefined ? tileWidth : Number(widthText);
  const index = Number(elements.replaceAll(/[x/]/g, ''));
  if ((level !== null && level > levelMax) || !Number.isSafeInteger(index)) return null;
  if (widthText !== undefined && width >= tileWidth) return null;
  const canonical = level === null ? entryBundlePath(index, width) : hashTilePath(level, index, width);
  return canonical === path ? { level, index, width } : null;
}

/** Hashes in the tile at (level, index) of a tree of `size` leaves: 0–256. */
export function widthAt(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / tileWidth ** level);
  return Math.max(0, Math.min(tileWidth, hashes - index * tileWidth));
}

/** The bundle of these entries, each preceded by its length in two bytes. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  invariant(entries.length >= 1 && entries.length <= tileWidth, 'a bundle has 1 to 256 entries');
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    invariant(entry.length <= logEntryBytesMax, 'a log entry is shorter than 64 KiB');
    bytes[offset] = entry.length >> 8;
    bytes[offset + 1] = entry.length & 0xff;
    bytes.set(entry, offset + 2);
    offset += 2 + entry.length;
  }
  return bytes;
}

/** The `width` entries of a bundle. Throws {@link LogTileError}. */
export function decodeEntryBundle(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 2;
    const end = start + (((bytes[offset] as number) << 8) | (bytes[offset + 1] ?? 0));
    if (start > bytes.length || end > bytes.length || entries.length === width) {
      throw new LogTileError('malformed-bundle', `entry ${entries.length} of a bundle of ${width} does not fit`);
    }
    entries.push(bytes.subarray(start, end));
    offset = end;
  }
  if (entries.length !== width) {
    throw new LogTileError('malformed-bundle', `${entries.length} entries in a bundle of ${width}`);
  }
  return entries;
}
