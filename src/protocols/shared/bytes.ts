import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

export { concatBytes, hexToBytes as fromHex, utf8ToBytes as toUtf8 };

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
