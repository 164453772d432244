/** What validators say to each other over links: consensus messages, and start counters. */
import {
  type ConsensusMessage,
  consensusMessageBytesMax,
  consensusMessageCodec,
} from '../../protocols/ibft/messages.ts';
import { bytesExact, bytesMax, type Codec, decode, struct, uint, variant } from '../../protocols/shared/codec.ts';
import { sha256 } from '../../protocols/shared/hash.ts';
import { toHex } from '../../protocols/shared/bytes.ts';
import { signedPositionCodec } from './signed-position.ts';
import type { StartAnswer } from './start-permit.ts';

export type ConsensusWire =
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  /** "This is my start number `counter`." Sent on link-up until it is answered (start-permit.ts). */
  | { readonly type: 'start'; readonly counter: number; readonly token: Uint8Array }
  /** What this node knows of the asker's starts and signatures, and its own final height. */
  | ({ readonly type: 'start-seen'; readonly counter: number } & StartAnswer);

export const consensusWireCodec: Codec<ConsensusWire> = variant<ConsensusWire>({
  message: struct<{ bytes: Uint8Array }>({ bytes: bytesMax(consensusMessageBytesMax) }),
  start: struct<{ counter: number; token: Uint8Array }>({ counter: uint, token: bytesExact(16) }),
  'start-seen': struct<{ counter: number } & StartAnswer>({
    counter: uint,
    before: uint,
    finalHeight: uint,
    signed: signedPositionCodec,
  }),
});

/** A consensus message as it came: decoded, not verified. */
export interface ReceivedMessage {
  readonly message: ConsensusMessage;
  /** Hash of the whole message, signatures included: the key of the duplicate filter. */
  readonly id: string;
}

/** Throws CodecError for what is no consensus message. */
export const receiveMessage = (bytes: Uint8Array): ReceivedMessage => ({
  message: decode(consensusMessageCodec, bytes),
  id: toHex(sha256(bytes)),
});
