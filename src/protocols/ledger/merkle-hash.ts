/**
 * The two hashes that both Merkle trees here are made of: RFC 6962, section 2.1, with SHA-256 (leaf prefix 0x00, inner
 * prefix 0x01). ICS-23's `SmtSpec` uses the same prefixes.
 */
import { sha256, sha256Of } from '../shared/sha256.ts';

const leafPrefix = Uint8Array.of(0);
const innerPrefix = Uint8Array.of(1);

/** SHA-256 of the bytes. */
export const hashBytes = (bytes: Uint8Array): Uint8Array => sha256(bytes);

/** SHA-256(0x00 ‖ data). */
export const hashLeaf = (data: Uint8Array): Uint8Array => sha256Of(leafPrefix, data);

/** SHA-256(0x00 ‖ path ‖ value hash), both 32 bytes. */
export const hashLeafPair = (path: Uint8Array, valueHash: Uint8Array): Uint8Array =>
  sha256Of(leafPrefix, path, valueHash);

/** SHA-256(0x01 ‖ left ‖ right), both 32 bytes. */
export const hashInner = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256Of(innerPrefix, left, right);
