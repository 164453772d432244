/**
 * How far a validator has gone with its signatures: the highest (height, round, kind). Its own guard knows, and so do the
 * peers that its messages reached; where they know more than the guard, the guard is an old copy.
 */
import type { PayloadKind } from '../../protocols/ibft/messages.ts';

export interface SignedPosition {
  readonly height: number;
  readonly round: number;
  /** Place of the kind in the order in which a round's messages are signed. */
  readonly rank: number;
}

const order: readonly PayloadKind[] = ['round-change', 'proposal', 'prepare', 'commit'];

/** Before anything was signed. */
export const nothingSigned: SignedPosition = { height: 0, round: 0, rank: 0 };

export const positionOf = (
  kind: PayloadKind,
  payload: { readonly height: number; readonly round: number },
): SignedPosition => ({ height: payload.height, round: payload.round, rank: order.indexOf(kind) });

/** Negative where `a` is before `b`. */
export const comparePositions = (a: SignedPosition, b: SignedPosition): number =>
  a.height - b.height || a.round - b.round || a.rank - b.rank;
