/**
 * Names for values that must not be mistaken for each other. Keys and digests are lower-case hex strings inside the
 * program (comparable with `===`, usable as map keys, ordered as their raw bytes) and byte strings on the wire.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Block height. The genesis state is height 0; the first block is 1. */
export type Height = Branded<number, 'Height'>;
/** Consensus round within a height, from 0. */
export type Round = Branded<number, 'Round'>;
/** 32-byte SHA-256 digest, 64 hex digits. */
export type Digest = Branded<string, 'Digest'>;
/** Raw 32-byte ed25519 public key, 64 hex digits. Identifies nodes, validators and accounts. */
export type PublicKey = Branded<string, 'PublicKey'>;
/** 32 bytes: the hash of the genesis document (which contains the chain's name), 64 hex digits. */
export type ChainId = Branded<string, 'ChainId'>;

const hex64 = /^[0-9a-f]{64}$/;

export const height = (value: number): Height => value as Height;
export const round = (value: number): Round => value as Round;

export const isHex64 = (value: string): boolean => hex64.test(value);

export function digest(hex: string): Digest {
  if (!hex64.test(hex)) throw new RangeError(`a digest is 64 lower-case hex digits, got ${JSON.stringify(hex)}`);
  return hex as Digest;
}

export function publicKey(hex: string): PublicKey {
  if (!hex64.test(hex)) throw new RangeError(`a public key is 64 lower-case hex digits, got ${JSON.stringify(hex)}`);
  return hex as PublicKey;
}

export function chainId(hex: string): ChainId {
  if (!hex64.test(hex)) throw new RangeError(`a chain id is 64 lower-case hex digits, got ${JSON.stringify(hex)}`);
  return hex as ChainId;
}
