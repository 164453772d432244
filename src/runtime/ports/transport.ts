/**
 * Byte pipes under the link protocol: authenticated, ordered, message-framed. Production uses WebSocket over mutual TLS
 * 1.3, the simulator its network.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';

export type TransportErrorCode =
  | 'unreachable' // nobody answered, or who answered did not want us
  | 'wrong-key' // another key than the expected one
  | 'timeout'
  | 'bad-address'; // not `host:port`, or not one of this machine

export class TransportError extends CodedError<TransportErrorCode> {
  override readonly name = 'TransportError';
}

export interface Pipe {
  /** Key of the certificate that the other side proved in its TLS handshake. */
  readonly peerKey: PublicKey;
  /** 32 bytes that both ends of this very connection share and no other connection has (TLS exporter). */
  readonly channelBinding: Uint8Array;
  /** For logs and limits: `host:port` of the other side. */
  readonly remoteAddress: string;
  /** Bytes accepted by `send` and not yet given to the operating system. */
  readonly bufferedBytes: number;
  /** One frame, which must not be changed any more. Ordered; after `close` it does nothing. */
  send(frame: Uint8Array): void;
  /** Set once, before the first frame can arrive: in the turn in which the pipe is handed over. */
  onFrame: (frame: Uint8Array) => void;
  /** Called once, whoever closed; what it says of a peer's reason is the peer's word. */
  onClose: (reason: string) => void;
  /** Called when bufferedBytes falls to zero after it was above. */
  onDrain: () => void;
  /** Stops and resumes reading from the peer (back-pressure reaches the peer's TCP window). */
  pause(): void;
  resume(): void;
  close(reason: string): void;
}

export interface Listener {
  /** The address bound: `host:port`, the port filled in where 0 was asked. */
  readonly address: string;
  close(): Promise<void>;
}

export interface DialOptions {
  /** The key that the other side must prove. */
  readonly expectedKey: PublicKey;
  readonly timeoutMs: number;
  /** Lets the caller give up early. */
  readonly abort?: DialAbort;
}

/** The transport sets `onAbort` when it begins; calling it ends the attempt, which then rejects with `unreachable`. */
export interface DialAbort {
  onAbort: () => void;
}

export type TurnedAway =
  | 'slow-handshake' // TLS and WebSocket handshakes took too long
  | 'too-many-handshakes' // too many unfinished ones, in all or of one address
  | 'no-key' // no ed25519 certificate, or a resumed session
  | 'not-a-link'; // plain HTTP, another path

export interface Transport {
  /** `address` is `host:port`. `accept` is asked for the peer's key before a pipe is handed over. */
  listen(
    address: string,
    handlers: {
      readonly accept: (peerKey: PublicKey, remoteAddress: string) => boolean;
      readonly onPipe: (pipe: Pipe) => void;
      /** A connection was turned away before it became a pipe, other than by `accept`. */
      readonly onTurnedAway?: (reason: TurnedAway, remoteAddress: string) => void;
    },
  ): Promise<Listener>;
  /** Rejects with {@link TransportError}. */
  dial(address: string, options: DialOptions): Promise<Pipe>;
}
