/** How a light's log lies in its store. */
import type { TileReader } from '../../protocols/ledger/transparency-log.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { concatBytes, uint64Key } from '../../protocols/shared/bytes.ts';
import {
  boolean,
  bytesMax,
  type Codec,
  decode,
  digest32,
  list,
  nullable,
  struct,
  textMax,
  uint,
} from '../../protocols/shared/codec.ts';
import type { Store } from '../../runtime/ports/store.ts';

export interface LogHead {
  readonly logId: Digest;
  readonly epoch: number;
  /** The log that it goes on from; null for the first. */
  readonly previous: Digest | null;
  readonly size: number;
  readonly root: Digest;
  /** Signed note over size and root. */
  readonly checkpoint: string;
  /** It does not extend its last anchor: never appended to again. */
  readonly isFrozen: boolean;
}

export interface EntryToAppend {
  readonly bytes: Uint8Array;
  /** Kept beside the entry on this disk only: what must not be in the log. */
  readonly aside: Uint8Array | null;
}

export const logTables = {
  /** Epoch → head. */
  heads: 'traffic-heads',
  /** Epoch and first index → group of entries. */
  entries: 'traffic-entries',
  /** Epoch, level and index → hashes. */
  tiles: 'traffic-tiles',
} as const;

/** So many entries and bytes are made durable together at most: a proof reads its whole group. */
export const groupEntriesMax = 4096;
export const groupBytesMax = 4 * 2 ** 20;
const entryBytesMax = 0xffff;

export const logHeadCodec: Codec<LogHead> = struct<LogHead>({
  ...{
    logId: digest32,
    epoch: uint,
    previous: nullable(digest32),
    size: uint,
    root: digest32,
    checkpoint: textMax(4096),
    isFrozen: boolean,
  },
});
export const logGroupCodec: Codec<readonly EntryToAppend[]> = list(
  struct<EntryToAppend>({ bytes: bytesMax(entryBytesMax), aside: nullable(bytesMax(entryBytesMax)) }),
  groupEntriesMax,
);

export const groupKey = (epoch: number, index: number): Uint8Array => concatBytes(uint64Key(epoch), uint64Key(index));
export const logTileKey = (epoch: number, level: number, index: number): Uint8Array =>
  concatBytes(uint64Key(epoch), Uint8Array.of(level), uint64Key(index));

export function tileReader(store: Store, epoch: number): TileReader {
  return { tile: (level, index) => store.get(logTables.tiles, logTileKey(epoch, level, index)) };
}

export function lastHead(store: Store): LogHead | null {
  for (const [, value] of store.range(logTables.heads, { reverse: true, limit: 1 })) return decode(logHeadCodec, value);
  return null;
}
