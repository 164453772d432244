/** Messages of heights that have not begun here. Source: consensus design, "Bounds". */
import type { PublicKey } from '../shared/brands.ts';
import { accepted, ignored, rejected } from '../shared/errors.ts';
import { chargeOf, futureHeightsMax, roundMax } from './bounds.ts';
import { accuse, charge, hasRoom, heightOf, type Step } from './draft.ts';
import type { Conflict, MachineVerdict, Verified } from './machine-types.ts';
import type { ConsensusMessage } from './messages.ts';

/** Two messages of one author, height, round and kind: null where they say the same. */
function conflictOf(first: ConsensusMessage, second: ConsensusMessage): Conflict | null {
  if (first.type === 'round-change' || second.type === 'round-change') {
    if (first.type !== 'round-change' || second.type !== 'round-change') return null;
    const [a, b] = [first.payload, second.payload];
    const isSame = a.preparedRound === b.preparedRound && a.preparedDigest === b.preparedDigest;
    return isSame ? null : { kind: 'round-change', first: a, second: b };
  }
  const isSame = first.type !== second.type || first.payload.digest === second.payload.digest;
  return isSame ? null : { kind: first.type, first: first.payload, second: second.payload };
}

/** Keeps a validator's latest message of each kind and height, within its share. */
export function keepForLater(
  step: Step,
  author: number,
  message: Verified<ConsensusMessage>,
  peer: PublicKey,
): MachineVerdict {
  const { state } = step;
  const { payload, type } = message;
  if (payload.height > heightOf(state) + futureHeightsMax) return ignored('height-too-far');
  if (payload.round > roundMax) return ignored('round-too-far');
  const at = state.future.findIndex(
    (kept) =>
      kept.message.payload.author === payload.author &&
      kept.message.payload.height === payload.height &&
      kept.message.type === type,
  );
  const known = state.future[at];
  if (known !== undefined) {
    if (known.message.payload.round > payload.round) return ignored('superseded');
    if (known.message.payload.round === payload.round) {
      const conflict = conflictOf(known.message, message);
      if (conflict === null) return ignored('duplicate');
      accuse(step, author, conflict);
      return rejected('equivocation');
    }
  }
  const bytes = chargeOf(message);
  const freed = known?.bytes ?? 0;
  if (!hasRoom(state, author, bytes - freed)) return ignored('share-full');
  charge(step, author, bytes - freed);
  const others = known === undefined ? state.future : state.future.filter((_, index) => index !== at);
  state.future = [...others, { message, peer, bytes }];
  return accepted;
}
