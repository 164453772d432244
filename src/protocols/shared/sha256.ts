/**
 * SHA-256 (FIPS 180-4). OpenSSL's where the program runs on Node, else @noble/hashes: the same function either way, 1.3
 * times as fast on 65 bytes, 8 times on 100 kB. Asked for at run time and not imported, so that this folder still runs in
 * a browser. See docs/decisions/0017-sha-256-of-the-platform.md.
 */
import { sha256 as portable } from '@noble/hashes/sha2.js';

type OneShot = (algorithm: 'sha256', data: Uint8Array, encoding: 'buffer') => Uint8Array;
type BuiltinModules = (name: 'node:crypto') => { readonly hash?: OneShot } | undefined;

function findNative(): OneShot | undefined {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: BuiltinModules } };
  return process?.getBuiltinModule?.('node:crypto')?.hash;
}

const native = findNative();

/** 32 bytes. */
export const sha256: (data: Uint8Array) => Uint8Array =
  native === undefined
    ? (data) => portable(data)
    : (data) => {
        const { buffer, byteOffset, length } = native('sha256', data, 'buffer');
        return new Uint8Array(buffer, byteOffset, length);
      };
