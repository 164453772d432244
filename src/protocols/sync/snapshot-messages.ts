/** What nodes ask each other to start from a snapshot and to fill in the history before it. */
import { type Commit, commitCodec } from '../ledger/block.ts';
import { eventCodec, type LedgerEvent } from '../ledger/events.ts';
import { resultBytesMax } from '../ledger/log-leaf.ts';
import { blockBytesMax, blockTransactionsMax } from '../ledger/transaction.ts';
import type { Height, PublicKey } from '../shared/brands.ts';
import {
  bytesMax,
  type Codec,
  heightNumber,
  list,
  nullable,
  publicKey32,
  struct,
  uintMax,
  variant,
} from '../shared/codec.ts';
import {
  offerCodec,
  partCodec,
  partNameCodec,
  type PartName,
  type SnapshotOffer,
  type SnapshotPart,
} from './snapshot.ts';

/** Blocks of history in one answer at most. */
export const historyBlocksMax = 32;
/** Bytes of blocks of history in one answer at most (the first is always sent). */
export const historyBytesMax = 2 * 1024 * 1024;

export type SnapshotRequest =
  | { readonly type: 'get-offer' }
  | { readonly type: 'get-part'; readonly name: PartName }
  | { readonly type: 'get-history'; readonly from: Height; readonly count: number };

/** A final block with what executing it gave: everything that its header commits to but the state. */
export interface HistoricBlock {
  readonly bytes: Uint8Array;
  readonly commit: Commit;
  /** The keys that the transactions are signed under, one a transaction. */
  readonly signers: readonly PublicKey[];
  /** Canonical bytes, one a transaction. */
  readonly results: readonly Uint8Array[];
  readonly events: readonly LedgerEvent[];
}

export type SnapshotReply =
  /** null: this node has no snapshot to offer. */
  | { readonly type: 'offer'; readonly offer: SnapshotOffer | null }
  /** null: there is no such subtree. */
  | { readonly type: 'part'; readonly part: SnapshotPart | null }
  | { readonly type: 'history'; readonly blocks: readonly HistoricBlock[] };

export const snapshotRequestCodec: Codec<SnapshotRequest> = variant<SnapshotRequest>({
  'get-offer': struct<object>({}),
  'get-part': struct<{ name: PartName }>({ name: partNameCodec }),
  'get-history': struct<{ from: Height; count: number }>({ from: heightNumber, count: uintMax(historyBlocksMax) }),
});

const historicBlockCodec: Codec<HistoricBlock> = struct<HistoricBlock>({
  bytes: bytesMax(blockBytesMax + 64 * 1024),
  commit: commitCodec,
  signers: list(publicKey32, blockTransactionsMax),
  results: list(bytesMax(resultBytesMax), blockTransactionsMax),
  events: list(eventCodec, 1_000_000),
});

export const snapshotReplyCodec: Codec<SnapshotReply> = variant<SnapshotReply>({
  offer: struct<{ offer: SnapshotOffer | null }>({ offer: nullable(offerCodec) }),
  part: struct<{ part: SnapshotPart | null }>({ part: nullable(partCodec) }),
  history: struct<{ blocks: readonly HistoricBlock[] }>({ blocks: list(historicBlockCodec, historyBlocksMax) }),
});
