/** Reads what the chain's store holds: blocks, places of transactions, events, log tiles, state of recent heights. */
import { type Block, blockCodec, type Commit, commitCodec } from '../../protocols/ledger/block.ts';
import { eventCodec, type LedgerEvent } from '../../protocols/ledger/events.ts';
import { encodeEntryBundle, parseTilePath, tileWidth, widthAt } from '../../protocols/ledger/log-tiles.ts';
import { type LogLeaf, logLeafCodec } from '../../protocols/ledger/log-leaf.ts';
import { readKey } from '../../protocols/ledger/state-tree.ts';
import { tileOf } from '../../protocols/ledger/transparency-log.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { fromUint64Key, uint64Key } from '../../protocols/shared/bytes.ts';
import { decode, list } from '../../protocols/shared/codec.ts';
import type { SealedBlock } from '../../protocols/sync/messages.ts';
import type { StoreReader } from '../../runtime/ports/store.ts';
import {
  factsCodec,
  hashKey,
  placeCodec,
  type StoredFacts,
  tables,
  tileReaderOf,
  type TransactionPlace,
  treeReaderOf,
} from './tables.ts';

const eventsCodec = list(eventCodec, 1_000_000);

export class ChainReader {
  readonly #store: StoreReader;

  constructor(store: StoreReader) {
    this.#store = store;
  }

  blockBytes(height: number): Uint8Array | undefined {
    return this.#store.get(tables.blocks, uint64Key(height));
  }

  block(height: number): Block | undefined {
    const bytes = this.blockBytes(height);
    return bytes === undefined ? undefined : decode(blockCodec, bytes);
  }

  commit(height: number): Commit | undefined {
    const bytes = this.#store.get(tables.commits, uint64Key(height));
    return bytes === undefined ? undefined : decode(commitCodec, bytes);
  }

  sealedBlock(height: number): SealedBlock | undefined {
    const bytes = this.blockBytes(height);
    const commit = this.commit(height);
    return bytes === undefined || commit === undefined ? undefined : { bytes, commit };
  }

  facts(height: number): StoredFacts | undefined {
    const bytes = this.#store.get(tables.facts, uint64Key(height));
    return bytes === undefined ? undefined : decode(factsCodec, bytes);
  }

  place(hash: Digest): TransactionPlace | undefined {
    const bytes = this.#store.get(tables.transactions, hashKey(hash));
    return bytes === undefined ? undefined : decode(placeCodec, bytes);
  }

  /** Entry of the transparency log. */
  leaf(index: number): { readonly bytes: Uint8Array; readonly leaf: LogLeaf } | undefined {
    const bytes = this.#store.get(tables.entries, uint64Key(index));
    return bytes === undefined ? undefined : { bytes, leaf: decode(logLeafCodec, bytes) };
  }

  events(height: number): readonly LedgerEvent[] {
    const bytes = this.#store.get(tables.events, uint64Key(height));
    return bytes === undefined ? [] : decode(eventsCodec, bytes);
  }

  /** Heights with events from `from` on, ascending. */
  *eventHeights(from: number): Generator<readonly [height: number, events: readonly LedgerEvent[]]> {
    for (const [key, bytes] of this.#store.range(tables.events, { from: uint64Key(from) })) {
      yield [fromUint64Key(key), decode(eventsCodec, bytes)];
    }
  }

  lastEventHeight(): number | undefined {
    for (const [key] of this.#store.range(tables.events, { reverse: true, limit: 1 })) return fromUint64Key(key);
    return undefined;
  }

  /** A tile or entry bundle of the log of `size` leaves by its tlog-tiles path, or null where there is none. */
  logTile(path: string, size: number): { readonly bytes: Uint8Array; readonly immutable: boolean } | null {
    const name = parseTilePath(path);
    if (name === null) return null;
    const { level, index, width } = name;
    if (level !== null) {
      const bytes = tileOf(tileReaderOf(this.#store), size, level, index, width);
      return bytes === null ? null : { bytes, immutable: true };
    }
    if (width > widthAt(size, 0, index)) return null;
    const entries: Uint8Array[] = [];
    const first = index * tileWidth;
    const range = { from: uint64Key(first), to: uint64Key(first + width) };
    for (const [, entry] of this.#store.range(tables.entries, range)) entries.push(entry);
    return entries.length === width ? { bytes: encodeEntryBundle(entries), immutable: true } : null;
  }

  /** The value of a state key after the block at `height`; null where that height's state is not kept. */
  stateAt(height: number, key: Uint8Array): { readonly value: Uint8Array | undefined } | null {
    const facts = this.facts(height);
    if (facts?.hasState !== true) return null;
    return { value: readKey(treeReaderOf(this.#store), facts.rootRef, key) };
  }
}
