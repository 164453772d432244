/**
 * Signatures under the one verification rule: a public key is admitted only if it is canonical, torsion-free and not of
 * small order; a signature then holds iff the cofactorless equation does, with canonical R and S < L.
 */
import type { PublicKey } from '../../protocols/shared/brands.ts';

export interface Verifier {
  /** Whether the key may be used at all (cached). */
  isAdmissible(key: PublicKey): boolean;
  /** Never throws: malformed input is false. False for inadmissible keys. */
  readonly verify: (key: PublicKey, message: Uint8Array, signature: Uint8Array) => boolean;
  /** The same verdicts, off the event loop where cores are free; results in order. */
  verifyMany(items: readonly SignedItem[]): Promise<readonly boolean[]>;
  /** The output (64 bytes) of a valid ECVRF proof (80 bytes), or null. Off the loop where cores are free. */
  verifyVrf(key: PublicKey, input: Uint8Array, proof: Uint8Array): Promise<Uint8Array | null>;
}

export interface SignedItem {
  readonly key: PublicKey;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Signer {
  readonly publicKey: PublicKey;
  /** 64 bytes, deterministic (RFC 8032). */
  sign(message: Uint8Array): Uint8Array;
}

/** A key for ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381). */
export interface VrfSigner {
  readonly publicKey: PublicKey;
  prove(input: Uint8Array): Promise<{ readonly output: Uint8Array; readonly proof: Uint8Array }>;
}
