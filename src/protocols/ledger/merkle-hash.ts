/**
 * The two hashes that both Merkle trees here are made of: RFC 6962, section 2.1, with SHA-256 (leaf prefix 0x00, inner
 * prefix 0x01). ICS-23's `SmtSpec` uses the same prefixes.
 *
 * A state update hashes thousands of pairs a block, so one hash state is kept and rewound instead of being made anew
 * (a third faster); nothing of it is visible outside a call.
 */
import { sha256 } from '../shared/hash.ts';

const hashSize = 32;
const fresh = sha256.create();
const work = sha256.create();
const pair = new Uint8Array(1 + 2 * hashSize);
pair[0] = 1;
const leafPrefix = Uint8Array.of(0);

/** SHA-256 of the bytes. */
export function hashBytes(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(hashSize);
  fresh._cloneInto(work);
  work.update(bytes).digestInto(out);
  return out;
}

/** SHA-256(0x00 ‖ parts). */
export function hashLeaf(first: Uint8Array, second?: Uint8Array): Uint8Array {
  const out = new Uint8Array(hashSize);
  fresh._cloneInto(work);
  work.update(leafPrefix).update(first);
  if (second !== undefined) work.update(second);
  work.digestInto(out);
  return out;
}

/** SHA-256(0x01 ‖ left ‖ right), both 32 bytes. */
export function hashInner(left: Uint8Array, right: Uint8Array): Uint8Array {
  const out = new Uint8Array(hashSize);
  pair.set(left, 1);
  pair.set(right, 1 + hashSize);
  fresh._cloneInto(work);
  work.update(pair).digestInto(out);
  return out;
}
