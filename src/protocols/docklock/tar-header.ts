/** One header block of a tar archive: POSIX.1-1988 (ustar), what came before it (v7), and GNU's numbers. */
import { LayerError } from './layer-error.ts';

export const blockBytes = 512;

export interface TarHeader {
  /** Bytes as they stand, up to the first NUL. */
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  /** `0` for a file whichever way the header says it. */
  readonly type: string;
  readonly size: number;
  /** Twelve bits. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
}

const space = 0x20;
const invalid = (message: string): LayerError => new LayerError('tar-header-invalid', message);

export const isZeroBlock = (block: Uint8Array): boolean => block.every((byte) => byte === 0);

/** Up to the first NUL or the end of the field. */
function textField(block: Uint8Array, from: number, length: number): Uint8Array {
  const end = block.subarray(from, from + length).indexOf(0);
  return block.slice(from, from + (end === -1 ? length : end));
}

/** GNU: the first bit of a field says that its other bits are a big-endian number; two's complement, which only times use. */
function binaryNumber(field: Uint8Array, what: string): number {
  const isNegative = (field[0] ?? 0) >= 0xc0;
  let value = 0n;
  for (const [at, byte] of field.entries()) value = (value << 8n) | BigInt(at === 0 ? byte & 0x7f : byte);
  if (isNegative) value -= 1n << BigInt(field.length * 8 - 1);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw invalid(`${what} is beyond 2^53`);
  return Number(value);
}

/** Octal digits between spaces, ended by a space, a NUL or the end of the field; nothing is 0. */
function octalNumber(field: Uint8Array, what: string): number {
  let at = 0;
  while (field[at] === space) at += 1;
  let value = 0;
  for (; at < field.length; at += 1) {
    const byte = field[at] ?? 0;
    if (byte === 0 || byte === space) break;
    if (byte < 0x30 || byte > 0x37) throw invalid(`${what} is not a number`);
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function numberField(block: Uint8Array, from: number, length: number, what: string): number {
  const field = block.subarray(from, from + length);
  return ((field[0] ?? 0) & 0x80) === 0 ? octalNumber(field, what) : binaryNumber(field, what);
}

function naturalField(block: Uint8Array, from: number, length: number, what: string): number {
  const value = numberField(block, from, length, what);
  if (value < 0) throw invalid(`${what} is negative`);
  return value;
}

/** Of all bytes with the checksum's own as spaces. Some old writers added signed bytes. */
function checkSum(block: Uint8Array): void {
  const said = naturalField(block, 148, 8, 'checksum');
  let unsigned = 0;
  let signed = 0;
  for (const [at, own] of block.entries()) {
    const byte = at >= 148 && at < 156 ? space : own;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  if (said !== unsigned && said !== signed) throw invalid('the checksum of a header is wrong');
}

const magicOf = (block: Uint8Array): string => String.fromCharCode(...block.subarray(257, 265));

/** `block` is 512 bytes, not all zero. Throws LayerError `tar-header-invalid`. */
export function readTarHeader(block: Uint8Array): TarHeader {
  checkSum(block);
  const isPosix = magicOf(block).startsWith('ustar\0');
  const isGnu = magicOf(block) === 'ustar  \0';
  const lastName = textField(block, 0, 100);
  // GNU keeps times where POSIX has the beginning of a long name.
  const firstNames = isPosix ? textField(block, 345, 155) : new Uint8Array();
  const name = firstNames.length === 0 ? lastName : new Uint8Array([...firstNames, '/'.charCodeAt(0), ...lastName]);
  const typeByte = block[156] ?? 0;
  const type = typeByte === 0 || typeByte === 0x37 ? '0' : String.fromCharCode(typeByte);
  if (!isPosix && !isGnu && type > '2') throw invalid('a type of entry that its kind of archive does not have');
  return {
    name,
    linkName: textField(block, 157, 100),
    type,
    size: naturalField(block, 124, 12, 'size'),
    mode: naturalField(block, 100, 8, 'mode') & 0o7777,
    owner: naturalField(block, 108, 8, 'owner'),
    group: naturalField(block, 116, 8, 'group'),
    modifiedAt: numberField(block, 136, 12, 'time'),
  };
}
