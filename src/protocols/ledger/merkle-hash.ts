/**
 * The two hashes that both Merkle trees here are made of: RFC 6962, section 2.1, with SHA-256 (leaf prefix 0x00, inner
 * prefix 0x01). ICS-23's `SmtSpec` uses the same prefixes.
 */
import { concatBytes } from '../shared/bytes.ts';
import { sha256 } from '../shared/hash.ts';

const hashSize = 32;

/** Filled anew for every pair: a state update hashes thousands a block. */
const pair = new Uint8Array(1 + 2 * hashSize);

function hashPair(prefix: number, first: Uint8Array, second: Uint8Array): Uint8Array {
  pair[0] = prefix;
  pair.set(first, 1);
  pair.set(second, 1 + hashSize);
  return sha256(pair);
}

const leafPrefix = Uint8Array.of(0);

/** SHA-256(0x00 ‖ data). */
export const hashLeaf = (data: Uint8Array): Uint8Array => sha256(concatBytes(leafPrefix, data));

/** SHA-256(0x00 ‖ path ‖ value hash), both 32 bytes. */
export const hashLeafPair = (path: Uint8Array, valueHash: Uint8Array): Uint8Array => hashPair(0, path, valueHash);

/** SHA-256(0x01 ‖ left ‖ right), both 32 bytes. */
export const hashInner = (left: Uint8Array, right: Uint8Array): Uint8Array => hashPair(1, left, right);
