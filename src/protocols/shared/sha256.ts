/**
 * SHA-256 (FIPS 180-4). OpenSSL's where the program runs on Node, else @noble/hashes: the same function either way, 1.3
 * times as fast on 65 bytes, 8 times on 100 kB. Asked for at run time and not imported, so that this folder still runs in
 * a browser. See docs/decisions/0017-sha-256-of-the-platform.md.
 */
import { sha256 as portable } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';

type OneShot = (algorithm: 'sha256', data: Uint8Array, encoding: 'latin1' | 'hex') => string;
type BuiltinModules = (name: 'node:crypto') => { readonly hash?: OneShot } | undefined;

function findNative(): OneShot | undefined {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: BuiltinModules } };
  return process?.getBuiltinModule?.('node:crypto')?.hash;
}

const native = findNative();

const digestBytes = 32;

/** 32 bytes. Node hands out a text three times as fast as a buffer, which takes an allocation outside the heap. */
export const sha256: (data: Uint8Array) => Uint8Array =
  native === undefined
    ? (data) => portable(data)
    : (data) => {
        const text = native('sha256', data, 'latin1');
        const digest = new Uint8Array(digestBytes);
        for (let i = 0; i < digestBytes; i++) digest[i] = text.charCodeAt(i);
        return digest;
      };

/** The same in lower-case hex. */
export const sha256Hex: (data: Uint8Array) => string =
  native === undefined ? (data) => toHex(portable(data)) : (data) => native('sha256', data, 'hex');
