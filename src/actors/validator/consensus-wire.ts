/** What validators say to each other over links: consensus messages, and start counters. */
import {
  type ConsensusMessage,
  consensusMessageBytesMax,
  consensusMessageCodec,
} from '../../protocols/ibft/messages.ts';
import { evidencePayloadCodec } from '../../protocols/ledger/evidence.ts';
import { bytesMax, type Codec, decode, nullable, struct, uint, variant } from '../../protocols/shared/codec.ts';
import { sha256Hex } from '../../protocols/shared/sha256.ts';
import type { StartAnswer } from './start-permit.ts';
import { type SignedStart, signedStartCodec } from './start-proofs.ts';

export type ConsensusWire =
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  /** "This is my start number `counter`." Sent on link-up until it is answered (start-permit.ts). */
  | ({ readonly type: 'start' } & SignedStart)
  /** What this node has of the asker's starts and signatures, as the asker signed it, and its own final height. */
  | ({ readonly type: 'start-seen'; readonly counter: number } & StartAnswer);

export const consensusWireCodec: Codec<ConsensusWire> = variant<ConsensusWire>({
  message: struct<{ bytes: Uint8Array }>({ bytes: bytesMax(consensusMessageBytesMax) }),
  start: signedStartCodec,
  'start-seen': struct<{ counter: number } & StartAnswer>({
    counter: uint,
    before: nullable(signedStartCodec),
    finalHeight: uint,
    signed: nullable(evidencePayloadCodec),
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
  id: sha256Hex(bytes),
});
