/**
 * What peers can make us keep. Source: consensus design, "Bounds".
 *
 * Of the 64 MiB, 16 MiB are set aside for what the current round needs (one proposal, one best certificate, the own
 * certificate, the last valid block: each at most one message), so that nobody's earlier messages can crowd it out.
 * The rest is divided into equal shares, one a validator; a validator that sends too much ahead hurts only itself.
 * Votes of the current round take one slot a validator and kind and are not charged.
 *
 * Deviation: of a later height only a validator's latest message of each kind is kept, which is what its resends carry.
 */
import type { ConsensusMessage } from './messages.ts';

export const futureHeightsMax = 10;
export const futureRoundsMax = 1000;
export const roundMax = 0x7fffffff;
export const keptBytesMax = 64 * 1024 * 1024;
export const currentRoundBytesMax = 16 * 1024 * 1024;
/** Commits of past rounds kept of one validator; its lowest rounds go first. */
export const pastCommitsMax = 256;
/** Charged for a signed payload: its fields, signature and bookkeeping. */
export const payloadBytes = 512;

export const shareBytes = (validators: number): number =>
  Math.floor((keptBytesMax - currentRoundBytesMax) / validators);

/** Bytes that keeping a message is charged. */
export function chargeOf(message: ConsensusMessage): number {
  switch (message.type) {
    case 'prepare':
    case 'commit':
      return payloadBytes;
    case 'proposal':
      return message.block.bytes.length + payloadBytes * (1 + message.roundChanges.length + message.prepares.length);
    case 'round-change':
      return (message.block?.bytes.length ?? 0) + payloadBytes * (1 + message.prepares.length);
  }
}
