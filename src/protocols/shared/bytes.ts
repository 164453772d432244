import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

export { utf8ToBytes as toUtf8 };

/** Up to so many bytes engines keep an array's content beside it; every longer one costs an allocation of its own. */
const inPlaceBytesMax = 64;
const sharedBytesMax = 1024;
const slabBytes = 8192;
let slab = new ArrayBuffer(slabBytes);
let slabUsed = 0;

/**
 * Zeros, to be filled by the caller. Middling lengths are cut from a slab, as Node's own buffers are: eight times as fast,
 * and what one part holds of memory is the whole slab. For what is short-lived: what is to be kept for long, `slice()`.
 */
export function allocateBytes(length: number): Uint8Array {
  if (length <= inPlaceBytesMax || length > sharedBytesMax) return new Uint8Array(length);
  if (slabUsed + length > slabBytes) {
    slab = new ArrayBuffer(slabBytes);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, length);
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

const notHex = 0xff;
/** Values of the hexadecimal digits, by character code. */
const hexValues = new Uint8Array(128).fill(notHex);
for (const digit of '0123456789abcdefABCDEF') hexValues[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

/** Of either case. Throws where the text is not hex. */
export function fromHex(text: string): Uint8Array {
  const { length } = text;
  if (length % 2 !== 0) return hexToBytes(text);
  const bytes = new Uint8Array(length / 2);
  let seen = 0;
  for (let i = 0, at = 0; at < length; i++, at += 2) {
    const high = hexValues[text.charCodeAt(at)] ?? notHex;
    const low = hexValues[text.charCodeAt(at + 1)] ?? notHex;
    seen |= high | low;
    bytes[i] = (high << 4) | low;
  }
  // It says what is wrong.
  return seen > 15 ? hexToBytes(text) : bytes;
}

/** A text of one character a byte: different bytes have different texts. For keys of maps. */
export const toName = (bytes: Uint8Array): string => String.fromCharCode.apply(null, bytes as unknown as number[]);

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

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Big-endian 8-byte key of a non-negative safe integer: sorts as the number does. */
export function uint64Key(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint32(bytes, 0, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, 4, value % 0x1_0000_0000);
  return bytes;
}

export function fromUint64Key(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0));
}
