/** Nonces of an account: a sliding window, so that transactions may arrive and be executed out of order. */
import { nonceWindow } from './transaction.ts';

export interface NonceWindow {
  /** Lowest nonce that is unused. */
  readonly base: number;
  /** Bit i: base + i is used. Bit 0 is never set. */
  readonly used: bigint;
}

export const freshNonces: NonceWindow = { base: 0, used: 0n };

/** A nonce is valid iff base ≤ nonce < base + 64 and it is unused. */
export function nonceState(nonces: NonceWindow, nonce: number): 'free' | 'used' | 'too-far' {
  const offset = nonce - nonces.base;
  if (offset < 0) return 'used';
  if (offset >= nonceWindow) return 'too-far';
  return ((nonces.used >> BigInt(offset)) & 1n) === 0n ? 'free' : 'used';
}

/** The window after a free nonce was used: the base slides over the used ones. */
export function useNonce(nonces: NonceWindow, nonce: number): NonceWindow {
  let { base } = nonces;
  let used = nonces.used | (1n << BigInt(nonce - base));
  while ((used & 1n) === 1n) {
    used >>= 1n;
    base += 1;
  }
  return { base, used };
}
