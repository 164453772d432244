/**
 * Links to peers as the actor system sees them: frames between exported actors, with lanes, credit and liveness.
 * Implemented by `runtime/links` over a {@link Transport}.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Lane } from './actors.ts';

export interface PeerAddress {
  readonly key: PublicKey;
  /** `host:port`; several where the peer has moved. */
  readonly addresses: readonly string[];
}

export type LinkState = 'connecting' | 'handshaking' | 'up' | 'suspect' | 'down' | 'refused';

export interface PeerState {
  readonly key: PublicKey;
  readonly state: LinkState;
  /** 16 bytes hex, new at every start of the peer; empty before the first handshake. */
  readonly incarnation: string;
  readonly roles: readonly string[];
  readonly rttMs: number;
  /** Offset of the peer's wall clock to ours as its heartbeats show it, ms; positive: theirs is ahead. */
  readonly clockOffsetMs: number;
  /** The peer's last status (see `setStatus`) and when it came (monotonic ms). */
  readonly status: Uint8Array | null;
  readonly statusAtMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** What is held for the peer: not sent yet, or not acknowledged; payloads and an overhead for each. */
  readonly bytesHeld: number;
  /** Why the last connection ended or was refused; empty where none did. */
  readonly lastError: string;
}

/** `sent`: accepted for delivery. The rest: nothing was kept. */
export type SendOutcome = 'sent' | 'no-link' | 'no-credit';

export interface Envelope {
  readonly kind: 'tell' | 'ask' | 'reply' | 'reply-failed' | 'watch' | 'unwatch' | 'terminated';
  /** Exported name. */
  readonly target: string;
  /** Correlates asks with replies, and watches; 0 for a tell. */
  readonly correlation: number;
  readonly traceparent: string;
  readonly payload: Uint8Array;
}

/** What the actor system gives to the links. */
export interface LinkHandler {
  /**
   * An envelope arrived. `consumed` must be called once, when the receiver's mailbox has taken the message out: it
   * returns the credit to the sender. `lane` is the one it came on (default ordinary): its reply takes the same.
   */
  onEnvelope(peer: PublicKey, envelope: Envelope, consumed: () => void, lane?: Lane): void;
  /** `resumed` is false where the peer's incarnation is new: pending asks fail, watches fire. */
  onUp(peer: PublicKey, resumed: boolean): void;
  onDown(peer: PublicKey, reason: string): void;
}

export interface Links {
  readonly self: PublicKey;
  readonly incarnation: string;
  attach(handler: LinkHandler): void;
  start(): Promise<void>;
  send(peer: PublicKey, envelope: Envelope, options: { readonly lane: Lane; readonly once: boolean }): SendOutcome;
  /** Calls back once when credit towards `peer` returns on that lane. */
  whenRoom(peer: PublicKey, lane: Lane, callback: () => void): void;
  /** Peers to keep linked. Unknown keys are refused on accept; removed ones are closed. */
  setPeers(peers: readonly PeerAddress[]): void;
  peers(): readonly PeerState[];
  /** Bytes (≤ 256) carried by every heartbeat: the node's height, round and step. */
  setStatus(status: Uint8Array): void;
  /** Called on every heartbeat or state change of a peer. */
  onPeer(listener: (peer: PeerState) => void): () => void;
  /** Misbehaviour seen above the link (bad signature, undecodable payload): counted per peer; too much closes the link with back-off. */
  report(peer: PublicKey, reason: string): void;
  /** Refusals by reason: malformed, oversized, unknown key, slow handshake… */
  refusals(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}
