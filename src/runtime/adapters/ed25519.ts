/**
 * The Signer and Verifier ports on Node's native ed25519.
 *
 * Why native and reference agree: the key rule makes A canonical, torsion-free and not of small order. Native
 * verification computes s·B − h·A, encodes it canonically and compares bytes with R (RFC 8032, section 5.1.7, without the
 * cofactor, S < L). With such an A the computed point is in the prime-order subgroup, so R can only match where it is
 * canonical and torsion-free: which is what the reference checks one by one.
 *
 * Batches run in the thread pool of the process: no thread of ours, no second heap (a worker with the curve library
 * costs 15 to 19 MiB), the same from source and from a build.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign as nativeSign,
  verify as nativeVerify,
  type KeyObject,
} from 'node:crypto';
import { availableParallelism } from 'node:os';
import * as noble from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { isHex64 } from '../../protocols/shared/brands.ts';
import { fromHex } from '../../protocols/shared/bytes.ts';
import { vrfVerify } from '../../protocols/shared/ecvrf.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import type { SignedItem, Signer, Verifier } from '../ports/signer.ts';

/** RFC 8410: PrivateKeyInfo of an ed25519 key, up to the 32 bytes of the seed. */
const privateKeyPrefix = fromHex('302e020100300506032b657004220420');

/** Signs with the key of a 32-byte seed (RFC 8032). The seed is not kept and may be wiped by the caller. */
export function createSigner(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new InvariantError(`an ed25519 seed is 32 bytes, got ${seed.length}`);
  const der = Buffer.concat([privateKeyPrefix, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const raw = createPublicKey(key).export({ format: 'jwk' }).x;
  if (raw === undefined) throw new InvariantError('an ed25519 key without x');
  return {
    publicKey: Buffer.from(raw, 'base64url').toString('hex') as PublicKey,
    sign: (message) => {
      const signature = nativeSign(null, message, key);
      // A plain Uint8Array: a Buffer would share a pool and print and compare differently in callers.
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.byteLength).slice();
    },
  };
}

/** A point of the prime-order subgroup (the identity included) in its one canonical encoding. */
function toSubgroupPoint(bytes: Uint8Array): noble.Point | null {
  try {
    const point = noble.Point.fromBytes(bytes, false);
    return point.isTorsionFree() ? point : null;
  } catch {
    // The library's one way to say that the bytes encode no point.
    return null;
  }
}

/** The key rule, uncached: canonical, torsion-free, not of small order. About 0.7 ms. */
export function isAdmissibleKey(key: PublicKey): boolean {
  if (!isHex64(key)) return false;
  const point = toSubgroupPoint(fromHex(key));
  return point !== null && !point.is0();
}

/** The one rule written out on @noble/ed25519, about 2.5 ms: what {@link createVerifier} agrees with. Never throws. */
export function verifyReference(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isAdmissibleKey(key)) return false;
  if (toSubgroupPoint(signature.subarray(0, 32)) === null) return false;
  noble.hashes.sha512 ??= sha512;
  return noble.verify(signature, message, fromHex(key), { zip215: false });
}

export interface VerifierOptions {
  /** Keys whose admissibility and native form are kept, least recently used dropped; about 1.5 KiB each. Default 4,096. */
  readonly keysMax?: number;
  /** Batches smaller than this are verified at once on the event loop. Default 8. */
  readonly pooledFrom?: number;
  /** Processors to assume. Default: what the operating system grants. */
  readonly parallelism?: number;
}

/** More would queue other users of the thread pool (fsync among them) behind signatures. */
const inFlightMax = 8;
/** About a millisecond of native verification. */
const inlineSlice = 16;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The Verifier port. Holds no thread and no handle: there is nothing to close. */
export function createVerifier(options: VerifierOptions = {}): Verifier {
  const keysMax = options.keysMax ?? 4096;
  const pooledFrom = options.pooledFrom ?? 8;
  const parallelism = options.parallelism ?? availableParallelism();
  /** null: known to be inadmissible. The insertion order is the order of last use. */
  const keys = new Map<PublicKey, KeyObject | null>();

  function nativeKey(key: PublicKey): KeyObject | null {
    let found = keys.get(key);
    if (found === undefined) {
      // JWK is imported about twelve times as fast as the DER form of the same key.
      found = isAdmissibleKey(key)
        ? createPublicKey({
            key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key, 'hex').toString('base64url') },
            format: 'jwk',
          })
        : null;
      if (keys.size >= keysMax) for (const oldest of keys.keys()) if (keys.delete(oldest)) break;
    } else keys.delete(key);
    keys.set(key, found);
    return found;
  }

  function verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
    const native = signature.length === 64 ? nativeKey(key) : null;
    return native !== null && nativeVerify(null, message, native, signature);
  }

  /** One after the other; a key not seen before costs as much as ten signatures. */
  async function verifyInline(items: readonly SignedItem[]): Promise<readonly boolean[]> {
    const verdicts: boolean[] = [];
    let spent = 0;
    for (const { key, message, signature } of items) {
      spent += keys.has(key) ? 1 : 10;
      if (spent > inlineSlice) {
        await nextTurn();
        spent = 0;
      }
      verdicts.push(verify(key, message, signature));
    }
    return verdicts;
  }

  /** Keeps a few native verifications in the thread pool until all items have a verdict. */
  async function verifyPooled(items: readonly SignedItem[]): Promise<readonly boolean[]> {
    const verdicts = new Array<boolean>(items.length).fill(false);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < items.length) {
        const index = next++;
        const { key, message, signature } = items[index] as SignedItem;
        if (!keys.has(key)) await nextTurn();
        const native = signature.length === 64 ? nativeKey(key) : null;
        if (native !== null) verdicts[index] = await verifyInPool(native, message, signature);
      }
    };
    await Promise.all(Array.from({ length: inFlightMax }, lane));
    return verdicts;
  }

  return {
    isAdmissible: (key) => nativeKey(key) !== null,
    verify,
    verifyMany: (items) => (parallelism === 1 || items.length < pooledFrom ? verifyInline(items) : verifyPooled(items)),
    verifyVrf: async (key, input, proof) => {
      if (nativeKey(key) === null) return null;
      // Milliseconds of arithmetic: let what already waits on the loop go first.
      await nextTurn();
      return vrfVerify(fromHex(key), input, proof);
    },
  };
}

function verifyInPool(key: KeyObject, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    nativeVerify(null, message, key, signature, (error, holds) => {
      if (error === null) resolve(holds);
      else reject(error);
    });
  });
}
