/**
 * The two hashes that both Merkle trees here are made of: RFC 6962, section 2.1, with SHA-256 (leaf prefix 0x00, inner
 * prefix 0x01). ICS-23's `SmtSpec` uses the same prefixes.
 *
 * A state update hashes thousands of pairs a block. So one hash state is kept and rewound instead of being made anew,
 * and pairs are fed in pieces that fill its block buffer exactly, which spares the allocations of the general path:
 * together 0.86 µs a pair instead of 1.4. Nothing of it is visible outside a call.
 */
import { sha256 } from '../shared/hash.ts';

const hashSize = 32;
const fresh = sha256.create();
const work = sha256.create();

// A prefix byte and two hashes: 65 bytes, the last beyond the first block.
const pair = new Uint8Array(1 + 2 * hashSize);
const pairStart = pair.subarray(0, 63);
const pairMiddle = pair.subarray(63, 64);
const pairEnd = pair.subarray(64);

function hashPair(prefix: number, first: Uint8Array, second: Uint8Array): Uint8Array {
  pair[0] = prefix;
  pair.set(first, 1);
  pair.set(second, 1 + hashSize);
  fresh._cloneInto(work);
  return work.update(pairStart).update(pairMiddle).update(pairEnd).digest();
}

/** SHA-256 of the bytes. */
export function hashBytes(bytes: Uint8Array): Uint8Array {
  fresh._cloneInto(work);
  return work.update(bytes).digest();
}

const leafPrefix = Uint8Array.of(0);

/** SHA-256(0x00 ‖ data). */
export function hashLeaf(data: Uint8Array): Uint8Array {
  fresh._cloneInto(work);
  return work.update(leafPrefix).update(data).digest();
}

/** SHA-256(0x00 ‖ path ‖ value hash), both 32 bytes. */
export const hashLeafPair = (path: Uint8Array, valueHash: Uint8Array): Uint8Array => hashPair(0, path, valueHash);

/** SHA-256(0x01 ‖ left ‖ right), both 32 bytes. */
export const hashInner = (left: Uint8Array, right: Uint8Array): Uint8Array => hashPair(1, left, right);
