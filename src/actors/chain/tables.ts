/** Where the chain lies in its store. */
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { fromHex, toUtf8, uint64Key } from '../../protocols/shared/bytes.ts';
import { boolean, type Codec, nullable, publicKey32, struct, uint } from '../../protocols/shared/codec.ts';
import type { StateReader } from '../../protocols/ledger/view.ts';
import type { TreeReader } from '../../protocols/ledger/state-tree.ts';
import type { TileReader } from '../../protocols/ledger/transparency-log.ts';
import type { StoreReader } from '../../runtime/ports/store.ts';

export const tables = {
  /** Single values by name. */
  meta: 'meta',
  /** Height → block. */
  blocks: 'blocks',
  /** Height → commit. */
  commits: 'commits',
  /** Height → StoredFacts. */
  facts: 'facts',
  /** Height → SetChange: sealed header and the set that decides from the next height on, where that is another one. */
  setChanges: 'set-changes',
  /** Transaction hash → TransactionPlace. */
  transactions: 'transactions',
  /** Height → list of events. */
  events: 'events',
  /** State key → value, at the tip. */
  state: 'state',
  /** State tree records. */
  tree: 'tree',
  /** What of the tree is not read any more from some height on. */
  stale: 'stale',
  /** (level, index) → hashes of the transparency log. */
  tiles: 'tiles',
  /** Index → leaf of the transparency log. */
  entries: 'entries',
} as const;

export interface Tip {
  readonly height: number;
  /** Version of the state tree's root; null where the state is empty. */
  readonly rootRef: number | null;
}

export const tipKey = toUtf8('tip');
/** Present while a snapshot is being imported: the state is a torso, and of no use after a crash. */
export const importingKey = toUtf8('importing');
/** Backfill of history before a snapshot: the next height to fetch, and where it ends. */
export const backfillKey = toUtf8('backfill');
export const tipCodec: Codec<Tip> = struct<Tip>({ height: uint, rootRef: nullable(uint) });

/** Of one block, what is not in it. */
export interface StoredFacts {
  /** Wall clock of this node when it stored the block. */
  readonly storedAt: number;
  /** Version of the state tree's root after it. */
  readonly rootRef: number | null;
  /** Leaves of the transparency log before it. */
  readonly firstLeaf: number;
  /** Whether the state after it was ever here; a block of before a snapshot has none. */
  readonly hasState: boolean;
}

export const factsCodec: Codec<StoredFacts> = struct<StoredFacts>({
  storedAt: uint,
  rootRef: nullable(uint),
  firstLeaf: uint,
  hasState: boolean,
});

export interface TransactionPlace {
  readonly height: number;
  readonly index: number;
  /** The key that its account signed with then. */
  readonly signer: PublicKey;
}

export const placeCodec: Codec<TransactionPlace> = struct<TransactionPlace>({
  height: uint,
  index: uint,
  signer: publicKey32,
});

export const hashKey = (hash: Digest): Uint8Array => fromHex(hash);

export function tileKey(level: number, index: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = level;
  key.set(uint64Key(index), 1);
  return key;
}

/** Exclusive end of the keys that start with `prefix`. */
function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix[length - 1] as number;
    if (last === 0xff) continue;
    const end = prefix.slice(0, length);
    end[length - 1] = last + 1;
    return end;
  }
  return undefined;
}

export const stateReaderOf = (store: StoreReader): StateReader => ({
  get: (key) => store.get(tables.state, key),
  range: (prefix) => {
    const to = prefixEnd(prefix);
    return store.range(tables.state, to === undefined ? { from: prefix } : { from: prefix, to });
  },
});

export const treeReaderOf = (store: StoreReader): TreeReader => ({ node: (key) => store.get(tables.tree, key) });

export const tileReaderOf = (store: StoreReader): TileReader => ({
  tile: (level, index) => store.get(tables.tiles, tileKey(level, index)),
});
