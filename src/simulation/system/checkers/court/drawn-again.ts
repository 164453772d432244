/**
 * The draw of a panel done again by somebody who has only its description: bytes put together by hand, numbers thrown
 * with plain arithmetic. Shares the hash function with the ledger, and nothing else.
 */
import type { ChainId, PublicKey } from '../../../../protocols/shared/brands.ts';
import { concatBytes, fromHex, toHex, toUtf8 } from '../../../../protocols/shared/bytes.ts';
import { sha256 } from '../../../../protocols/shared/hash.ts';

export interface Lot {
  readonly arbitrator: PublicKey;
  readonly weight: bigint;
}

/** msgpack: unsigned integers up to 16 bits, byte strings of up to 255 bytes, arrays of up to 15. */
const number = (value: number): Uint8Array => {
  if (value < 128) return Uint8Array.of(value);
  return value < 256 ? Uint8Array.of(0xcc, value) : Uint8Array.of(0xcd, value >> 8, value & 0xff);
};
const text = (bytes: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0xc4, bytes.length), bytes);
const array = (...members: readonly Uint8Array[]): Uint8Array =>
  concatBytes(Uint8Array.of(0x90 + members.length), ...members);

const hashed = (domain: string, body: Uint8Array): Uint8Array => sha256(concatBytes(toUtf8(`${domain}\0`), body));

/** Hexadecimal. */
export function seedAgain(
  chain: ChainId,
  {
    caseId,
    round,
    beacons,
  }: { readonly caseId: string; readonly round: number; readonly beacons: readonly Uint8Array[] },
): string {
  const body = array(text(fromHex(chain)), text(fromHex(caseId)), number(round), array(...beacons.map(text)));
  return toHex(hashed('bpci/court-draw-seed/v1', body));
}

/** As many as there are seats, or lots, in their order. */
export function drawAgain(lots: readonly Lot[], seats: number, seed: string): readonly PublicKey[] {
  let left = lots;
  const drawn: PublicKey[] = [];
  while (drawn.length < seats && left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0n);
    let thrown = throwBelow(total, seed, drawn.length);
    let chosen = 0;
    for (const { weight } of left) {
      if (thrown < weight) break;
      thrown -= weight;
      chosen += 1;
    }
    drawn.push((left[chosen] as Lot).arbitrator);
    left = left.filter((_, index) => index !== chosen);
  }
  return drawn;
}

function throwBelow(bound: bigint, seed: string, seat: number): bigint {
  const all = 1n << 256n;
  let attempt = 0;
  for (;;) {
    const body = array(text(fromHex(seed)), number(seat), number(attempt));
    const value = BigInt(`0x${toHex(hashed('bpci/court-draw-seat/v1', body))}`);
    if (value < all - (all % bound)) return value % bound;
    attempt += 1;
  }
}

/** What a panel of so many seats has decided by these votes, for rules that were agreed on for another size. */
export function countAgain(
  votes: readonly { readonly decision: string; readonly penalty: bigint; readonly actions: readonly number[] }[],
  seats: number,
  agreed: { readonly panelSize: number; readonly quorum: number; readonly decisionThreshold: number },
  penaltyMax: bigint,
): { readonly decision: string; readonly penalty: bigint; readonly actions: readonly number[] } | null {
  const share = (part: number): number => Math.floor((seats * part + agreed.panelSize - 1) / agreed.panelSize);
  const needed = Math.max((seats + 1) / 2, share(agreed.decisionThreshold));
  if (votes.length < Math.max(needed, share(agreed.quorum))) return null;
  const among = (...decisions: readonly string[]) => votes.filter(({ decision }) => decisions.includes(decision));
  if (among('no-breach').length >= needed) return { decision: 'no-breach', penalty: 0n, actions: [] };
  const whole = among('breach');
  const group = whole.length >= needed ? whole : among('breach', 'partial');
  if (group.length < needed) return null;
  const sums = group.map(({ penalty }) => penalty).sort((a, b) => (a < b ? -1 : 1));
  const middle = sums[Math.ceil(sums.length / 2) - 1] ?? 0n;
  const actions = Array.from({ length: 16 }, (_, action) => action).filter(
    (action) => group.filter((vote) => vote.actions.includes(action)).length >= needed,
  );
  return {
    decision: group === whole ? 'breach' : 'partial',
    penalty: middle < penaltyMax ? middle : penaltyMax,
    actions,
  };
}
