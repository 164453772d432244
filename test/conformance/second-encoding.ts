/** Encodings of the second verifier: strict JSON, msgpack, and how it refuses. Shares no code with the first. */
import { createHash } from 'node:crypto';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Fields = Record<string, Json>;

export class Refusal extends Error {}
export const refuse = (message: string): never => {
  throw new Refusal(message);
};
export function must(condition: boolean, message: string): asserts condition {
  if (!condition) refuse(message);
}

export const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const tag = (name: string): Buffer => Buffer.from(`${name}\0`);
export const fromHex = (value: string): Buffer => Buffer.from(value, 'hex');

// --- strict JSON ---------------------------------------------------------------------------------------------------

export function fields(json: Json | undefined, names: string[]): Fields {
  must(typeof json === 'object' && json !== null && !Array.isArray(json), 'an object expected');
  must(Object.keys(json).sort().join() === [...names].sort().join(), `fields ${Object.keys(json).join()}`);
  return json;
}
export function items(json: Json | undefined, max: number): Json[] {
  must(Array.isArray(json) && json.length <= max, 'a list expected');
  return json;
}
export function count(json: Json | undefined, max: number = Number.MAX_SAFE_INTEGER): number {
  must(typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 && json <= max, 'a count expected');
  return json;
}
export function hex(json: Json | undefined, size?: number): Buffer {
  must(typeof json === 'string' && /^([0-9a-f]{2})*$/.test(json), 'lower-case hex expected');
  const bytes = Buffer.from(json, 'hex');
  must(size === undefined || bytes.length === size, `${bytes.length} bytes where ${size} are expected`);
  return bytes;
}

// --- msgpack -------------------------------------------------------------------------------------------------------

function sized(tags: [number, number, number], bytes: Uint8Array): Buffer {
  const { length } = bytes;
  if (length < 2 ** 8) return Buffer.concat([Buffer.of(tags[0], length), bytes]);
  if (length < 2 ** 16) return Buffer.concat([Buffer.of(tags[1], length >> 8, length & 255), bytes]);
  const head = Buffer.alloc(5, tags[2]);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
export const bin = (bytes: Uint8Array): Buffer => sized([0xc4, 0xc5, 0xc6], bytes);
export const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return bytes.length < 32 ? Buffer.concat([Buffer.of(0xa0 + bytes.length), bytes]) : sized([0xd9, 0xda, 0xdb], bytes);
};
export function uint(value: number | bigint): Buffer {
  const head = Buffer.alloc(9, 0xcf);
  head.writeBigUInt64BE(BigInt(value), 1);
  if (value < 2 ** 7) return Buffer.of(Number(value));
  if (value < 2 ** 8) return Buffer.of(0xcc, Number(value));
  if (value < 2 ** 16) return Buffer.concat([Buffer.of(0xcd), head.subarray(7)]);
  return value < 2 ** 32 ? Buffer.concat([Buffer.of(0xce), head.subarray(5)]) : head;
}
export function array(...parts: Buffer[]): Buffer {
  const { length } = parts;
  const head = length < 16 ? Buffer.of(0x90 + length) : Buffer.of(0xdc, length >> 8, length & 255);
  return Buffer.concat([head, ...parts]);
}
export const nil = Buffer.of(0xc0);

export type Packed = null | number | string | Uint8Array | Packed[];

/** One msgpack value of the kinds that a transaction is made of. */
export function unpack(bytes: Uint8Array): Packed {
  const data = Buffer.from(bytes);
  let at = 0;
  const take = (size: number): Buffer => {
    must(at + size <= data.length, 'msgpack ends early');
    at += size;
    return data.subarray(at - size, at);
  };
  const number = (size: number): number =>
    size === 8 ? Number(take(8).readBigUInt64BE()) : take(size).readUIntBE(0, size);
  const value = (): Packed => {
    const first = number(1);
    if (first < 0x80) return first;
    if (first >= 0x90 && first <= 0x9f) return Array.from({ length: first - 0x90 }, value);
    if (first >= 0xa0 && first <= 0xbf) return take(first - 0xa0).toString();
    if (first === 0xc0) return null;
    if (first >= 0xc4 && first <= 0xc6) return take(number(2 ** (first - 0xc4)));
    if (first >= 0xcc && first <= 0xcf) return number(2 ** (first - 0xcc));
    if (first >= 0xd9 && first <= 0xdb) return take(number(2 ** (first - 0xd9))).toString();
    return refuse(`msgpack type ${first}`);
  };
  const result = value();
  must(at === data.length, 'bytes after msgpack');
  return result;
}

export function pack(value: Packed): Buffer {
  if (value === null) return nil;
  if (typeof value === 'number') return uint(value);
  if (typeof value === 'string') return text(value);
  return value instanceof Uint8Array ? bin(value) : array(...value.map(pack));
}
