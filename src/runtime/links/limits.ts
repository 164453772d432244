/**
 * Every bound of the link protocol in one place. Nothing here is negotiated except the credit window, which each side
 * announces for what it receives.
 */
import type { Lane } from '../ports/actors.ts';

interface LaneLimits {
  /** Largest payload of one message, bytes. */
  readonly messageBytesMax: number;
  /** Bytes (payload and {@link envelopeOverheadBytes} each) that a peer may have sent and our mailboxes not consumed. */
  readonly windowBytes: number;
}

export interface LinkLimits {
  readonly lanes: Readonly<Record<Lane, LaneLimits>>;
  /** Largest frame accepted or sent, bytes. */
  readonly frameBytesMax: number;
  /** A batch is flushed when it would grow past this, bytes. */
  readonly batchBytes: number;
  /** Payloads above this are cut into pieces of this size, bytes. */
  readonly fragmentBytes: number;
  /** Waiting on a lane whose pipe is being (re)made while the link is up, bytes. */
  readonly queuedBytesMax: number;
  /** Effectively-once messages not yet acknowledged, a lane. */
  readonly replayBytesMax: number;
  readonly replayCountMax: number;
  /** The sender is refused while the pipe holds more than this, bytes. */
  readonly bufferedBytesMax: number;
  /** Fragments and queued messages wait while the pipe holds more than this, bytes. */
  readonly pacingBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly handshakesMax: number;
  readonly handshakesPerPeerMax: number;
  /** Connections a peer may open at once, and how fast that allowance grows back. */
  readonly acceptBurst: number;
  readonly acceptPerSecond: number;
  readonly heartbeatMs: number;
  /** Silence after which the connection is given up, ms. */
  readonly silenceMs: number;
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** Names in a link's dictionary, and bytes of one. */
  readonly targetsMax: number;
  readonly targetBytesMax: number;
  readonly traceBytesMax: number;
  readonly statusBytesMax: number;
  /** Reports from above within the decay (one a second) before the link is closed. */
  readonly reportsMax: number;
  /** How long a peer that broke the protocol stays out: doubled each time. */
  readonly penaltyMinMs: number;
  readonly penaltyMaxMs: number;
  /** Peers that are authorized but not configured, remembered at most. */
  readonly guestsMax: number;
  /** Distinct reported reasons counted by name. */
  readonly reportReasonsMax: number;
}

/** The most that may be held for one peer: what it must acknowledge, and what waits for its credit or a connection. */
export const heldBytesMax = ({ lanes, replayBytesMax, queuedBytesMax }: LinkLimits): number =>
  Object.values(lanes).reduce(
    (sum, { messageBytesMax, windowBytes }) =>
      sum + Math.max(replayBytesMax, messageBytesMax + envelopeOverheadBytes) + Math.max(queuedBytesMax, windowBytes),
    0,
  );

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Charged to the credit for every message beside its payload, so that empty messages are bounded too. */
export const envelopeOverheadBytes = 64;

export const defaultLinkLimits: LinkLimits = {
  lanes: {
    // A consensus message carries a block and its certificates: at most 4 MiB and some.
    control: { messageBytesMax: 5 * mebibyte, windowBytes: 8 * mebibyte },
    ordinary: { messageBytesMax: 4 * mebibyte, windowBytes: 8 * mebibyte },
    bulk: { messageBytesMax: 16 * mebibyte, windowBytes: 17 * mebibyte },
  },
  frameBytesMax: 132 * kibibyte,
  batchBytes: 64 * kibibyte,
  fragmentBytes: 128 * kibibyte,
  queuedBytesMax: 256 * kibibyte,
  replayBytesMax: 4 * mebibyte,
  replayCountMax: 4096,
  bufferedBytesMax: 4 * mebibyte,
  pacingBytes: 512 * kibibyte,
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 5_000,
  handshakesMax: 64,
  handshakesPerPeerMax: 8,
  acceptBurst: 24,
  acceptPerSecond: 3,
  heartbeatMs: 1_000,
  silenceMs: 10_000,
  redialMinMs: 100,
  redialMaxMs: 10_000,
  targetsMax: 1_024,
  targetBytesMax: 128,
  traceBytesMax: 128,
  statusBytesMax: 256,
  reportsMax: 20,
  penaltyMinMs: 1_000,
  penaltyMaxMs: 60_000,
  guestsMax: 256,
  reportReasonsMax: 64,
};

/** The lanes in the order of their numbers on the wire. */
export const lanes: readonly Lane[] = ['control', 'ordinary', 'bulk'];
