/**
 * ECVRF-EDWARDS25519-SHA512-TAI: a keyed hash whose output anybody can check and only the key's holder can make.
 * Source: RFC 9381, section 5 (prove, verify), 5.4.1.1 (try and increment), 5.4.2.2 (nonce), 5.4.3 (challenge) and 5.5
 * (suite 0x03). Keys are ed25519 keys (RFC 8032); Y is checked as `validate_key` = TRUE asks.
 *
 * Curve arithmetic on big integers is not constant-time. Secret scalars go through noble's blinded multiplication, public
 * ones through the variable-time one.
 */
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from './bytes.ts';
import { InvariantError } from './errors.ts';

const Point = ed25519.Point;
type CurvePoint = typeof Point.BASE;

const suite = 0x03;
const groupOrder = Point.Fn.ORDER;
const challengeBytes = 16;

const vrfProofBytes = 80;

/** A secret key expanded once: the scalar x, the seed of nonces, and the public key Y = x·B. */
export interface VrfSecret {
  readonly publicKey: Uint8Array;
  readonly scalar: bigint;
  readonly nonceSeed: Uint8Array;
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

function toLittleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let i = 0; i < size; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** RFC 8032 section 5.1.3 with canonical encodings only; null for what is no point. */
function toPoint(bytes: Uint8Array): CurvePoint | null {
  try {
    return Point.fromBytes(bytes, false);
  } catch {
    // Noble's one way to say that the bytes encode no point.
    return null;
  }
}

/** Expands a 32-byte secret key (RFC 8032, section 5.1.5). */
export function vrfSecret(seed: Uint8Array): VrfSecret {
  const { scalar, prefix, pointBytes } = ed25519.utils.getExtendedPublicKey(seed);
  return { publicKey: pointBytes, scalar, nonceSeed: prefix };
}

/** Section 5.4.1.1: the first of 256 hashes that is a point, with the cofactor cleared. The salt is the public key. */
function encodeToCurve(publicKey: Uint8Array, input: Uint8Array): { point: CurvePoint; bytes: Uint8Array } {
  const prefix = sha512.create().update(Uint8Array.of(suite, 0x01)).update(publicKey).update(input);
  for (let counter = 0; counter < 256; counter++) {
    const hash = prefix.clone().update(Uint8Array.of(counter, 0x00)).digest();
    const candidate = toPoint(hash.subarray(0, 32));
    if (candidate === null) continue;
    const point = candidate.clearCofactor();
    if (!point.is0()) return { point, bytes: point.toBytes() };
  }
  // Each try succeeds with probability about one half: 2^-256 for all to fail.
  throw new InvariantError('no hash of 256 is a curve point');
}

/** Section 5.4.3: the first 16 bytes of a hash over five points. */
function challenge(...points: readonly Uint8Array[]): Uint8Array {
  const hash = sha512.create().update(Uint8Array.of(suite, 0x02));
  for (const point of points) hash.update(point);
  return hash.update(Uint8Array.of(0x00)).digest().slice(0, challengeBytes);
}

/** Section 5.2: the output that a proof's Gamma stands for. */
function outputOf(gamma: CurvePoint): Uint8Array {
  return sha512(concatBytes(Uint8Array.of(suite, 0x03), gamma.clearCofactor().toBytes(), Uint8Array.of(0x00)));
}

/** Section 5.1. `proof` is Gamma (32 bytes) ‖ c (16) ‖ s (32), `output` is 64 bytes; both are functions of key and input. */
export function vrfProve(secret: VrfSecret, input: Uint8Array): { output: Uint8Array; proof: Uint8Array } {
  const hashed = encodeToCurve(secret.publicKey, input);
  const gamma = hashed.point.multiply(secret.scalar);
  const gammaBytes = gamma.toBytes();
  const nonce = fromLittleEndian(sha512(concatBytes(secret.nonceSeed, hashed.bytes))) % groupOrder;
  if (nonce === 0n) throw new InvariantError('a nonce of zero: a hash of 512 bits that is a multiple of the order');
  const c = challenge(
    secret.publicKey,
    hashed.bytes,
    gammaBytes,
    Point.BASE.multiply(nonce).toBytes(),
    hashed.point.multiply(nonce).toBytes(),
  );
  const s = (nonce + fromLittleEndian(c) * secret.scalar) % groupOrder;
  return { output: outputOf(gamma), proof: concatBytes(gammaBytes, c, toLittleEndian(s, 32)) };
}

/**
 * Section 5.3. The output (64 bytes) of a valid proof, null for everything else. Never throws for what a peer sends:
 * wrong lengths, non-canonical points and scalars, and keys of small order are null.
 */
export function vrfVerify(publicKey: Uint8Array, input: Uint8Array, proof: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32 || proof.length !== vrfProofBytes) return null;
  const key = toPoint(publicKey);
  const gammaBytes = proof.subarray(0, 32);
  const gamma = toPoint(gammaBytes);
  const c = proof.subarray(32, 32 + challengeBytes);
  const s = fromLittleEndian(proof.subarray(32 + challengeBytes));
  if (key === null || gamma === null || s >= groupOrder || key.isSmallOrder()) return null;

  const hashed = encodeToCurve(publicKey, input);
  const cScalar = fromLittleEndian(c);
  // U = s·B − c·Y from the base point's table and a short multiplication; V = s·H − c·Gamma with one chain of doublings.
  const u = Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(cScalar));
  const v = mulAddUnsafe(Point, [hashed.point, gamma.negate()], [s, cScalar]);
  const expected = challenge(publicKey, hashed.bytes, gammaBytes, u.toBytes(), v.toBytes());
  return equalBytes(c, expected) ? outputOf(gamma) : null;
}
