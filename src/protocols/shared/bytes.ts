import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

export { hexToBytes as fromHex, utf8ToBytes as toUtf8 };

/** Up to so many bytes engines keep an array's content beside it; every longer one costs an allocation of its own. */
const inPlaceBytesMax = 64;
const sharedBytesMax = 1024;
const slabBytes = 8192;
let slab = new Uint8Array(slabBytes);
let slabUsed = 0;

/**
 * Zeros, to be filled by the caller. Middling lengths are cut from a slab, as Node's own buffers are: eight times as fast,
 * and what one part holds of memory is the whole slab. For what is short-lived: what is to be kept for long, `slice()`.
 */
export function allocateBytes(length: number): Uint8Array {
  if (length <= inPlaceBytesMax || length > sharedBytesMax) return new Uint8Array(length);
  if (slabUsed + length > slabBytes) {
    slab = new Uint8Array(slabBytes);
    slabUsed = 0;
  }
  const bytes = slab.subarray(slabUsed, slabUsed + length);
  slabUsed += length;
  return bytes;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = allocateBytes(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const hexDigits = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Of the text of a key or hash; used again and again. */
const hexCodes = new Array<number>(64).fill(0);

/** Lower-case hex. Keys and hashes become keys of maps, which flattens texts that were made in pieces: theirs are not. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length !== 32) return bytesToHex(bytes);
  for (let i = 0; i < 32; i++) {
    const byte = bytes[i] as number;
    hexCodes[2 * i] = hexDigits[byte >> 4] as number;
    hexCodes[2 * i + 1] = hexDigits[byte & 15] as number;
  }
  return String.fromCharCode(...hexCodes);
}

/** Total order on byte strings: lexicographic, a prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Total order on strings by UTF-16 code unit: the same on every machine and locale. For hex it is the order of the raw bytes. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Big-endian 8-byte key of a non-negative safe integer: sorts as the number does. */
export function uint64Key(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

export function fromUint64Key(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0));
}
