/**
 * Reading and writing of canonical msgpack, below the level of shapes (codec.ts): minimal unsigned integers, byte strings,
 * UTF-8 strings, booleans, nil and arrays. The reader refuses every other encoding.
 */
import { allocateBytes } from './bytes.ts';
import { CodedError } from './errors.ts';

export type CodecErrorCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'wrong-type'
  | 'not-minimal'
  | 'too-long'
  | 'out-of-range'
  | 'invalid-utf8'
  | 'wrong-arity'
  | 'unknown-variant';

/** Bytes that are not the canonical encoding of a value of the expected shape. */
export class CodecError extends CodedError<CodecErrorCode> {
  override readonly name = 'CodecError';
}

export const fail = (code: CodecErrorCode, message: string): never => {
  throw new CodecError(code, message);
};

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const shortText = 64;

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Appends canonical msgpack to a growing buffer. */
export class Writer {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  #reserve(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, start));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return start;
  }

  #byte(value: number): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  #sized(tag8: number, length: number): void {
    if (length < 0x100) {
      const at = this.#reserve(2);
      this.#buffer[at] = tag8;
      this.#buffer[at + 1] = length;
    } else if (length < 0x10000) {
      const at = this.#reserve(3);
      this.#buffer[at] = tag8 + 1;
      this.#view.setUint16(at + 1, length);
    } else {
      const at = this.#reserve(5);
      this.#buffer[at] = tag8 + 2;
      this.#view.setUint32(at + 1, length);
    }
  }

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** A non-negative safe integer. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) fail('out-of-range', `not a non-negative safe integer: ${value}`);
    if (value < 0x80) this.#byte(value);
    else if (value <= 0xffffffff) this.#sized(0xcc, value);
    else this.uint64(BigInt(value));
  }

  /** An unsigned 64-bit integer. */
  uint64(value: bigint): void {
    if (value < 0n || value > 0xffffffffffffffffn) fail('out-of-range', `not an unsigned 64-bit integer: ${value}`);
    if (value <= 0xffffffffn) {
      this.uint(Number(value));
      return;
    }
    const at = this.#reserve(9);
    this.#buffer[at] = 0xcf;
    this.#view.setBigUint64(at + 1, value);
  }

  bytes(value: Uint8Array): void {
    this.#sized(0xc4, value.length);
    // Reserved first: the buffer may be replaced by a larger one.
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
  }

  text(value: string): void {
    // Most text here is short ASCII, for which a native encoder costs more than it saves.
    if (value.length <= shortText && isAscii(value)) {
      this.#textHead(value.length);
      const at = this.#reserve(value.length);
      for (let i = 0; i < value.length; i++) this.#buffer[at + i] = value.charCodeAt(i);
      return;
    }
    const bytes = textEncoder.encode(value);
    this.#textHead(bytes.length);
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #textHead(byteLength: number): void {
    if (byteLength < 32) this.#byte(0xa0 | byteLength);
    else this.#sized(0xd9, byteLength);
  }

  array(length: number): void {
    if (length < 16) this.#byte(0x90 | length);
    else if (length < 0x10000) {
      const at = this.#reserve(3);
      this.#buffer[at] = 0xdc;
      this.#view.setUint16(at + 1, length);
    } else {
      const at = this.#reserve(5);
      this.#buffer[at] = 0xdd;
      this.#view.setUint32(at + 1, length);
    }
  }

  /** A copy of what was written; the writer is then empty again. */
  finish(): Uint8Array {
    const bytes = allocateBytes(this.#length);
    bytes.set(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  /** Of the buffer that it keeps for what is written next. */
  get capacityBytes(): number {
    return this.#buffer.length;
  }
}

/** Reads canonical msgpack and refuses everything else with a {@link CodecError}. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  // Byte by byte: a view of its own for every reader costs more than it saves.
  #uint16(): number {
    const at = this.#take(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #uint32(): number {
    return this.#uint16() * 0x1_0000 + this.#uint16();
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) fail('truncated', `${count} bytes wanted at ${at} of ${this.#bytes.length}`);
    this.#at = at + count;
    return at;
  }

  #tag(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  #size(tag: number, tag8: number, minimum8: number): number {
    if (tag === tag8) {
      const size = this.#bytes[this.#take(1)] as number;
      if (size < minimum8) fail('not-minimal', `size ${size} in two bytes`);
      return size;
    }
    if (tag === tag8 + 1) {
      const size = this.#uint16();
      if (size < 0x100) fail('not-minimal', `size ${size} in three bytes`);
      return size;
    }
    if (tag === tag8 + 2) {
      const size = this.#uint32();
      if (size < 0x10000) fail('not-minimal', `size ${size} in five bytes`);
      return size;
    }
    return fail('wrong-type', `unexpected tag 0x${tag.toString(16)} at ${this.#at - 1}`);
  }

  /** True and consumed where the next value is nil. */
  tryNil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  boolean(): boolean {
    const tag = this.#tag();
    if (tag === 0xc3) return true;
    if (tag === 0xc2) return false;
    return fail('wrong-type', `a boolean expected at ${this.#at - 1}`);
  }

  uint64(): bigint {
    if (this.#bytes[this.#at] !== 0xcf) return BigInt(this.#small());
    this.#at += 1;
    const value = (BigInt(this.#uint32()) << 32n) | BigInt(this.#uint32());
    if (value <= 0xffffffffn) fail('not-minimal', `integer ${value} in nine bytes`);
    return value;
  }

  uint(): number {
    if (this.#bytes[this.#at] !== 0xcf) return this.#small();
    const value = this.uint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) fail('out-of-range', `integer ${value} beyond 2^53`);
    return Number(value);
  }

  #small(): number {
    const tag = this.#tag();
    if (tag < 0x80) return tag;
    return this.#size(tag, 0xcc, 0x80);
  }

  /** A copy, safe to keep, of at most `max` bytes. */
  bytes(max: number): Uint8Array {
    const size = this.#size(this.#tag(), 0xc4, 0);
    if (size > max) fail('too-long', `${size} bytes, at most ${max} allowed`);
    const at = this.#take(size);
    return this.#bytes.slice(at, at + size);
  }

  text(maxBytes: number): string {
    const tag = this.#tag();
    const size = tag >= 0xa0 && tag <= 0xbf ? tag & 0x1f : this.#size(tag, 0xd9, 32);
    if (size > maxBytes) fail('too-long', `${size} bytes of text, at most ${maxBytes} allowed`);
    const at = this.#take(size);
    try {
      return textDecoder.decode(this.#bytes.subarray(at, at + size));
    } catch (cause) {
      throw new CodecError('invalid-utf8', `text at ${at} is not UTF-8`, { cause });
    }
  }

  /** The length of an array of at most `max` elements; the elements follow. */
  array(max: number): number {
    const tag = this.#tag();
    let length: number;
    if (tag >= 0x90 && tag <= 0x9f) length = tag & 0x0f;
    else if (tag === 0xdc) {
      length = this.#uint16();
      if (length < 16) fail('not-minimal', `array of ${length} in three bytes`);
    } else if (tag === 0xdd) {
      length = this.#uint32();
      if (length < 0x10000) fail('not-minimal', `array of ${length} in five bytes`);
    } else return fail('wrong-type', `an array expected at ${this.#at - 1}`);
    if (length > max) fail('too-long', `array of ${length}, at most ${max} allowed`);
    // Every element takes at least one byte: refuse before anything is allocated for them.
    if (length > this.#bytes.length - this.#at) fail('truncated', `array of ${length} in too few bytes`);
    return length;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) fail('trailing-bytes', `${left} bytes after the value`);
  }
}
