/** What the actor of snapshots is told, by peers and by itself. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { decode, encode } from '../../protocols/shared/codec.ts';
import type { SnapshotOffer } from '../../protocols/sync/snapshot.ts';
import {
  type SnapshotReply,
  snapshotReplyCodec,
  type SnapshotRequest,
  snapshotRequestCodec,
} from '../../protocols/sync/snapshot-messages.ts';
import type { ReplyTo, WireProtocol } from '../../runtime/ports/actors.ts';
import type { SnapshotImport, WantedPart } from './snapshot-import.ts';

export type SnapshotMessage =
  | {
      readonly type: 'remote';
      readonly peer: PublicKey;
      readonly request: SnapshotRequest;
      readonly replyTo?: ReplyTo<SnapshotReply>;
    }
  /** Import a snapshot now; nothing else writes the chain until `onImported` or `onGivenUp`. */
  | { readonly type: 'start' }
  | {
      readonly type: 'offered';
      readonly peer: PublicKey;
      /** Of asking. */
      readonly round: number;
      readonly offer: SnapshotOffer | null;
    }
  | {
      readonly type: 'part';
      readonly peer: PublicKey;
      readonly wanted: WantedPart;
      /** What it was asked for. */
      readonly importing: SnapshotImport;
      readonly reply: SnapshotReply | null;
    }
  | { readonly type: 'imported'; readonly failure: unknown }
  | { readonly type: 'history'; readonly peer: PublicKey; readonly reply: SnapshotReply | null }
  /** What of an answer was right is stored; `refusal` says why the rest was not. */
  | { readonly type: 'filled'; readonly peer: PublicKey; readonly refusal: string | null; readonly failure: unknown }
  | { readonly type: 'next' };

export const snapshotWire: WireProtocol<SnapshotMessage> = {
  encode: (message) => {
    if (message.type !== 'remote') throw new TypeError(`not a wire message: ${message.type}`);
    return encode(snapshotRequestCodec, message.request);
  },
  decode: (payload, peer, replyTo) => ({
    type: 'remote',
    peer,
    request: decode(snapshotRequestCodec, payload),
    ...(replyTo === undefined ? {} : { replyTo: replyTo }),
  }),
  replyTo: (message) => (message.type === 'remote' ? message.replyTo : undefined),
  encodeReply: (reply) => encode(snapshotReplyCodec, reply as SnapshotReply),
  decodeReply: (payload) => decode(snapshotReplyCodec, payload),
};
