/**
 * The sign-guard as data: what the production guard (src/actors/validator/sign-guard.ts) promises, for a host that is
 * copied, compared and hashed. Lower positions are refused, the same content is signed again, other content is refused,
 * and so is a round change that forgets a commit. Source: consensus design, "Crash safety".
 */
import type { PayloadKind, UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { GuardRefusal } from '../../actors/validator/sign-guard.ts';
import {
  comparePositions,
  nothingSigned,
  positionOf,
  type SignedPosition,
} from '../../actors/validator/signed-position.ts';

/** Heights whose records are kept: a block that a crash undoes is decided again with the first signatures. */
const heightsKept = 3;

/** Plain data. */
export interface Guard {
  readonly position: SignedPosition;
  /** Highest round at the position's height in which a commit was signed. */
  readonly commitRound: number | null;
  /** In the order in which they were signed. */
  readonly signed: readonly UnsignedPayload[];
}

export const emptyGuard: Guard = { position: nothingSigned, commitRound: null, signed: [] };

type Guarded =
  /** `guard` is the same object where the content was signed before. */
  { readonly kind: 'signed'; readonly guard: Guard } | { readonly kind: 'refused'; readonly reason: GuardRefusal };

export const isSameContent = (a: UnsignedPayload, b: UnsignedPayload): boolean =>
  a.kind === 'round-change'
    ? b.kind === a.kind && a.preparedRound === b.preparedRound && a.preparedDigest === b.preparedDigest
    : b.kind === a.kind && a.digest === b.digest;

function find(guard: Guard, kind: PayloadKind, height: number, round: number): UnsignedPayload | undefined {
  for (let at = guard.signed.length - 1; at >= 0; at--) {
    const record = guard.signed[at] as UnsignedPayload;
    if (record.kind === kind && record.height === height && record.round === round) return record;
  }
  return undefined;
}

function refusalOf({ position, commitRound }: Guard, payload: UnsignedPayload): GuardRefusal | null {
  if (payload.height < position.height) return 'below-watermark';
  if (payload.height > position.height) return null;
  if (payload.round < position.round) return 'below-watermark';
  if (payload.kind !== 'round-change' || commitRound === null || payload.round <= commitRound) return null;
  return payload.preparedRound === null || payload.preparedRound < commitRound ? 'forgets-commit' : null;
}

/** Records what is signed, without a question: for replaying records that were written. */
export function advance(guard: Guard, payload: UnsignedPayload): Guard {
  const { kind, height, round } = payload;
  const before = height === guard.position.height ? guard.commitRound : null;
  const position = positionOf(kind, payload);
  const kept =
    height === guard.position.height
      ? guard.signed
      : guard.signed.filter((record) => record.height > height - heightsKept);
  return {
    position: comparePositions(position, guard.position) > 0 ? position : guard.position,
    commitRound: kind === 'commit' ? round : before,
    signed: [...kept, payload],
  };
}

/** Whether the guard signs a payload, and the guard afterwards. */
export function askGuard(guard: Guard, payload: UnsignedPayload, hasCertificates: boolean): Guarded {
  const known = find(guard, payload.kind, payload.height, payload.round);
  if (known !== undefined)
    return isSameContent(known, payload) ? { kind: 'signed', guard } : { kind: 'refused', reason: 'conflicting' };
  const reason = refusalOf(guard, payload);
  if (reason === 'forgets-commit' && !hasCertificates) return { kind: 'signed', guard: advance(guard, payload) };
  return reason === null ? { kind: 'signed', guard: advance(guard, payload) } : { kind: 'refused', reason };
}
