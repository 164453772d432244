/**
 * The frames of a link. A frame is a sequence of msgpack values: its kind, then its content. Handshake frames and
 * heartbeats are canonical (`protocols/shared/codec.ts`); batches are in `batch-format.ts`.
 *
 *     1 HELLO      dialer first, the listener answers
 *     2 PROOF      signature over both hellos and the channel binding
 *     3 READY      the lower key first: this connection is the one; the credit and where the sequence goes on
 *     4 BATCH      envelopes, credit, acknowledgements
 *     5 HEARTBEAT  control lane only
 */
import type { ChainId, PublicKey } from '../../protocols/shared/brands.ts';
import {
  boolean,
  bytesExact,
  bytesMax,
  type Codec,
  chainId32,
  CodecError,
  decode,
  encode,
  list,
  nullable,
  publicKey32,
  signature64,
  struct,
  textMax,
  uint,
  uintMax,
} from '../../protocols/shared/codec.ts';
import { concatBytes } from '../../protocols/shared/bytes.ts';
import { signingBytes } from '../../protocols/shared/hash.ts';
import { FrameRefused } from './errors.ts';

export const frameKinds = { hello: 1, proof: 2, ready: 3, batch: 4, heartbeat: 5 } as const;

export interface Hello {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly chainId: ChainId;
  readonly key: PublicKey;
  /** 16 bytes, new at every start. */
  readonly incarnation: Uint8Array;
  /** 32 bytes, new for every connection. */
  readonly nonce: Uint8Array;
  /** Index into `lanes`. */
  readonly lane: number;
  readonly roles: readonly string[];
  readonly features: readonly string[];
  /** The peer's incarnation as this side knew it on this lane, and the last sequence received from it; null: none. */
  readonly resume: { readonly incarnation: Uint8Array; readonly received: number } | null;
}

export interface Ready {
  /** True: sequence numbers go on after what the peer's hello says it received. False: they start again at 1. */
  readonly continued: boolean;
  /** Bytes that may be sent to this side before it announces more. */
  readonly credit: number;
}

export interface Heartbeat {
  readonly sequence: number;
  /** Wall clock of the sender, ms since 1970. */
  readonly wallMs: number;
  /** Last heartbeat of the receiver that the sender saw (0: none), and how long ago, µs. */
  readonly echoSequence: number;
  readonly echoHeldUs: number;
  /** How late the sender's own tick was, ms: its event loop was busy or the machine slept. */
  readonly lagMs: number;
  readonly status: Uint8Array;
}

const incarnation16 = bytesExact(16);

const helloCodec: Codec<Hello> = struct<Hello>({
  protocolMin: uintMax(0xffff),
  protocolMax: uintMax(0xffff),
  chainId: chainId32,
  key: publicKey32,
  incarnation: incarnation16,
  nonce: bytesExact(32),
  lane: uintMax(2),
  roles: list(textMax(32), 16),
  features: list(textMax(64), 32),
  resume: nullable(struct<NonNullable<Hello['resume']>>({ incarnation: incarnation16, received: uint })),
});

const proofCodec: Codec<{ readonly signature: Uint8Array }> = struct<{ readonly signature: Uint8Array }>({
  signature: signature64,
});

const readyCodec: Codec<Ready> = struct<Ready>({ continued: boolean, credit: uint });

const heartbeatCodec: Codec<Heartbeat> = struct<Heartbeat>({
  sequence: uint,
  wallMs: uint,
  echoSequence: uint,
  echoHeldUs: uint,
  lagMs: uint,
  status: bytesMax(256),
});

/** Handshake frames and heartbeats are never larger, so that nothing big is parsed for a stranger. */
const smallFrameBytesMax = 4096;

function frame<T>(kind: number, codec: Codec<T>, value: T): Uint8Array {
  return concatBytes(Uint8Array.of(kind), encode(codec, value));
}

export const encodeHello = (hello: Hello): Uint8Array => frame(frameKinds.hello, helloCodec, hello);
export const encodeProof = (signature: Uint8Array): Uint8Array => frame(frameKinds.proof, proofCodec, { signature });
export const encodeReady = (ready: Ready): Uint8Array => frame(frameKinds.ready, readyCodec, ready);
export const encodeHeartbeat = (heartbeat: Heartbeat): Uint8Array =>
  frame(frameKinds.heartbeat, heartbeatCodec, heartbeat);

function content<T>(kind: number, codec: Codec<T>, bytes: Uint8Array): T {
  if (bytes.length > smallFrameBytesMax) throw new FrameRefused('oversized', `frame of ${bytes.length} bytes`);
  if (bytes[0] !== kind) throw new FrameRefused('unexpected-frame', `kind ${bytes[0] ?? 'none'}, not ${kind}`);
  try {
    return decode(codec, bytes.subarray(1));
  } catch (error) {
    if (error instanceof CodecError) throw new FrameRefused('malformed', error.code);
    throw error;
  }
}

/** The content of a frame of the one kind that is expected now. Throws {@link FrameRefused}. */
export const decodeHello = (bytes: Uint8Array): Hello => content(frameKinds.hello, helloCodec, bytes);
export const decodeProof = (bytes: Uint8Array): Uint8Array => content(frameKinds.proof, proofCodec, bytes).signature;
export const decodeReady = (bytes: Uint8Array): Ready => content(frameKinds.ready, readyCodec, bytes);
export const decodeHeartbeat = (bytes: Uint8Array): Heartbeat => content(frameKinds.heartbeat, heartbeatCodec, bytes);

interface Transcript {
  readonly dialerHello: Uint8Array;
  readonly listenerHello: Uint8Array;
  readonly channelBinding: Uint8Array;
  readonly signedByDialer: boolean;
}
const transcriptCodec: Codec<Transcript> = struct<Transcript>({
  dialerHello: bytesMax(smallFrameBytesMax),
  listenerHello: bytesMax(smallFrameBytesMax),
  channelBinding: bytesExact(32),
  signedByDialer: boolean,
});

/** What a PROOF signs: both hello frames as they crossed, this very connection, and which end signs. */
export function proofSigningBytes(chain: ChainId, transcript: Transcript): Uint8Array {
  return signingBytes('bpci/link-hello/v1', chain, encode(transcriptCodec, transcript));
}
