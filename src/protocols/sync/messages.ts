/** What nodes ask each other to catch up with the chain. Source: ledger design, "Followers and sync". */
import { type Commit, commitCodec } from '../ledger/block.ts';
import { blockBytesMax } from '../ledger/transaction.ts';
import type { Height } from '../shared/brands.ts';
import { bytesMax, type Codec, heightNumber, list, struct, uintMax, variant } from '../shared/codec.ts';

/** Blocks in one answer at most. */
export const rangeBlocksMax = 64;
/** Bytes of blocks in one answer at most (the first block is always sent). */
export const rangeBytesMax = 4 * 1024 * 1024;

/** A final block: its exact bytes, and a commit that proves it. */
export interface SealedBlock {
  readonly bytes: Uint8Array;
  readonly commit: Commit;
}

export type SyncRequest =
  /** Sent to peers that follow, when a block became final. */
  | { readonly type: 'announce'; readonly height: Height }
  /** Asks for final blocks from a height on. */
  | { readonly type: 'get-blocks'; readonly from: Height; readonly count: number };

export interface SyncReply {
  /** Consecutive, from the height asked for; empty where the peer does not have them. */
  readonly blocks: readonly SealedBlock[];
}

export const syncRequestCodec: Codec<SyncRequest> = variant<SyncRequest>({
  announce: struct<{ height: Height }>({ height: heightNumber }),
  'get-blocks': struct<{ from: Height; count: number }>({ from: heightNumber, count: uintMax(rangeBlocksMax) }),
});

export const syncReplyCodec: Codec<SyncReply> = struct<SyncReply>({
  blocks: list(
    struct<SealedBlock>({ bytes: bytesMax(blockBytesMax + 64 * 1024), commit: commitCodec }),
    rangeBlocksMax,
  ),
});
