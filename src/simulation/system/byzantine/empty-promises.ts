/** Says to be far ahead, and whoever asks for the blocks, or for a snapshot, gets none: each goes on with others. */
import type { SnapshotReply } from '../../../protocols/sync/snapshot-messages.ts';
import { snapshotReplyCodec } from '../../../protocols/sync/snapshot-messages.ts';
import { syncReplyCodec } from '../../../protocols/sync/messages.ts';
import { decode, encode } from '../../../protocols/shared/codec.ts';
import type { Liar, Lie } from './liar.ts';

const aheadMax = 1_000;

export function emptyPromises({ draw }: Liar): Lie {
  return {
    status: (status) => ({ ...status, finalHeight: status.finalHeight + draw.between(0, aheadMax) }),
    envelope: (envelope) => {
      const { target, kind, payload } = envelope;
      if (kind !== 'reply') return envelope;
      if (target === 'sync') return { ...envelope, payload: encode(syncReplyCodec, { blocks: [] }) };
      if (target === 'snapshots') return { ...envelope, payload: encode(snapshotReplyCodec, emptied(payload)) };
      return envelope;
    },
  };
}

function emptied(payload: Uint8Array): SnapshotReply {
  const { type } = decode(snapshotReplyCodec, payload);
  switch (type) {
    case 'offer':
      return { type, offer: null };
    case 'part':
      return { type, part: null };
    case 'history':
      return { type, blocks: [] };
  }
}
