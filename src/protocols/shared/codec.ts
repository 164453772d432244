/**
 * The one canonical encoding of everything that is hashed or signed: msgpack restricted to arrays with a fixed field
 * order, minimal unsigned integers, byte strings, UTF-8 strings, booleans and nil. No maps, no floats, no extensions.
 * A value has exactly one encoding, and the decoder refuses every other: non-minimal lengths and integers, invalid
 * UTF-8, wrong arity, trailing bytes. Limits are checked before anything is allocated.
 *
 * Source: the msgpack specification (formats nil, bool, uint, bin, str, array). Any msgpack library reads what is
 * written here.
 */
import type { ChainId, Digest, Height, PublicKey, Round } from './brands.ts';
import { fromHex } from './bytes.ts';
import { CodecError, fail, Reader, Writer } from './msgpack.ts';

export { CodecError, type CodecErrorCode } from './msgpack.ts';

/** How one shape of value is written and read. `decode(encode(v))` equals v, and `encode(decode(b))` equals b. */
export interface Codec<T> {
  readonly write: (writer: Writer, value: T) => void;
  readonly read: (reader: Reader) => T;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

/** A writer that nobody uses: most values are small, and a buffer for each costs more than writing them. */
let idleWriter: Writer | null = null;
const keptBytesMax = 64 * 1024;

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  // Taken away meanwhile: a codec may encode within its own writing, and may throw.
  const writer = idleWriter ?? new Writer();
  idleWriter = null;
  codec.write(writer, value);
  const bytes = writer.finish();
  if (writer.capacityBytes <= keptBytesMax) idleWriter = writer;
  return bytes;
}

/** The value of exactly these bytes. Throws {@link CodecError}. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.end();
  return value;
}

/** Like {@link decode} for bytes from outside: a refusal is a value, not a throw. */
export function tryDecode<T>(codec: Codec<T>, bytes: Uint8Array): { value: T } | { error: CodecError } {
  try {
    return { value: decode(codec, bytes) };
  } catch (error) {
    if (error instanceof CodecError) return { error };
    throw error;
  }
}

export const uint: Codec<number> = { write: (w, v) => w.uint(v), read: (r) => r.uint() };
export const uint64: Codec<bigint> = { write: (w, v) => w.uint64(v), read: (r) => r.uint64() };
export const boolean: Codec<boolean> = { write: (w, v) => w.boolean(v), read: (r) => r.boolean() };

export const uintMax = (max: number): Codec<number> => ({
  write: (w, v) => {
    if (v > max) fail('out-of-range', `${v} above ${max}`);
    w.uint(v);
  },
  read: (r) => {
    const value = r.uint();
    return value > max ? fail('out-of-range', `${value} above ${max}`) : value;
  },
});

/** Byte string of at most `max` bytes. What is read is a copy, safe to keep. */
export const bytesMax = (max: number): Codec<Uint8Array> => ({
  write: (w, v) => {
    if (v.length > max) fail('too-long', `${v.length} bytes, at most ${max} allowed`);
    w.bytes(v);
  },
  read: (r) => r.bytes(max),
});

/** Byte string of exactly `size` bytes. */
export const bytesExact = (size: number): Codec<Uint8Array> => ({
  write: (w, v) => {
    if (v.length !== size) fail('out-of-range', `${v.length} bytes where ${size} are needed`);
    w.bytes(v);
  },
  read: (r) => {
    const value = r.bytes(size);
    return value.length === size ? value : fail('out-of-range', `${value.length} bytes where ${size} are needed`);
  },
});

const textEncoder = new TextEncoder();

export const textMax = (maxBytes: number): Codec<string> => ({
  write: (w, v) => {
    // A UTF-16 code unit takes at most three bytes.
    const mayBeTooLong = v.length * 3 > maxBytes;
    if (mayBeTooLong && textEncoder.encode(v).length > maxBytes) fail('too-long', `text longer than ${maxBytes} bytes`);
    w.text(v);
  },
  read: (r) => r.text(maxBytes),
});

const hexOf = <T extends string>(size: number): Codec<T> => {
  const raw = bytesExact(size);
  return {
    write: (w, v) => raw.write(w, fromHex(v)),
    read: (r) => {
      const text = r.hex(size);
      if (text.length !== 2 * size) fail('out-of-range', `${text.length / 2} bytes where ${size} are needed`);
      return text as T;
    },
  };
};

export const digest32: Codec<Digest> = hexOf(32);
export const publicKey32: Codec<PublicKey> = hexOf(32);
export const chainId32: Codec<ChainId> = hexOf(32);
export const signature64: Codec<Uint8Array> = bytesExact(64);
export const heightNumber: Codec<Height> = uint as unknown as Codec<Height>;
/** Rounds are below 2^31 (consensus.md, bounds). */
export const roundNumber: Codec<Round> = uintMax(0x7fffffff) as unknown as Codec<Round>;

/** nil for `null`. */
export const nullable = <T>(codec: Codec<T>): Codec<T | null> => ({
  write: (w, v) => (v === null ? w.nil() : codec.write(w, v)),
  read: (r) => (r.tryNil() ? null : codec.read(r)),
});

export const list = <T>(codec: Codec<T>, max: number): Codec<readonly T[]> => ({
  write: (w, v) => {
    if (v.length > max) fail('too-long', `list of ${v.length}, at most ${max} allowed`);
    w.array(v.length);
    for (const item of v) codec.write(w, item);
  },
  read: (r) => {
    const length = r.array(max);
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(codec.read(r));
    return items;
  },
});

/** An array of the fields in the order in which they are given here. */
export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][];
  return {
    write: (w, v) => {
      w.array(entries.length);
      for (const [name, codec] of entries) codec.write(w, v[name]);
    },
    read: (r) => {
      const length = r.array(entries.length);
      if (length !== entries.length) fail('wrong-arity', `${length} fields where ${entries.length} are needed`);
      const value = {} as T;
      for (const [name, codec] of entries) value[name] = codec.read(r);
      return value;
    },
  };
}

/**
 * A {@link struct} with more fields at its end, which may be absent: then it is as if there were no such fields, byte for
 * byte. One that is there needs those before it.
 */
export function structWithTails<T extends object, Tail extends keyof T>(
  fields: { readonly [K in Exclude<keyof T, Tail>]-?: Codec<T[K]> },
  tails: { readonly [K in Tail]-?: Codec<Exclude<T[K], undefined>> },
): Codec<T> {
  type AnyCodec = Codec<T[keyof T]>;
  const entries = Object.entries(fields) as unknown as [keyof T, AnyCodec][];
  const all = [...entries, ...(Object.entries(tails) as unknown as [keyof T, AnyCodec][])];
  return {
    write: (w, v) => {
      const missing = all.findIndex(([name], index) => index >= entries.length && v[name] === undefined);
      const present = missing < 0 ? all : all.slice(0, missing);
      const later = all.slice(present.length).find(([name]) => v[name] !== undefined);
      if (later !== undefined) fail('wrong-arity', `${String(later[0])} needs the fields before it`);
      w.array(present.length);
      for (const [name, codec] of present) codec.write(w, v[name]);
    },
    read: (r) => {
      const length = r.array(all.length);
      if (length < entries.length) fail('wrong-arity', `${length} fields where ${entries.length} are needed`);
      const value = {} as T;
      for (const [name, codec] of all.slice(0, length)) value[name] = codec.read(r);
      return value;
    },
  };
}

/** A two-element array [tag, value]; the tag is the text of `type`. Unknown tags are refused. */
export function variant<T extends { readonly type: string }>(
  variants: {
    readonly [Tag in T['type']]: Codec<Omit<Extract<T, { type: Tag }>, 'type'>>;
  },
): Codec<T> {
  const table = new Map(Object.entries(variants) as [string, Codec<object>][]);
  return {
    write: (w, v) => {
      const codec = table.get(v.type);
      if (codec === undefined) throw new CodecError('unknown-variant', `unknown variant ${v.type}`);
      w.array(2);
      w.text(v.type);
      codec.write(w, v);
    },
    read: (r) => {
      if (r.array(2) !== 2) fail('wrong-arity', 'a variant is [tag, value]');
      const type = r.text(64);
      const codec = table.get(type);
      if (codec === undefined) throw new CodecError('unknown-variant', `unknown variant ${JSON.stringify(type)}`);
      return { type, ...codec.read(r) } as unknown as T;
    },
  };
}

/** A nested canonical value, carried as a byte string, so that its exact bytes can be hashed without encoding again. */
export const embedded = <T>(codec: Codec<T>, max: number): Codec<{ readonly bytes: Uint8Array; readonly value: T }> => {
  const raw = bytesMax(max);
  return {
    write: (w, v) => raw.write(w, v.bytes),
    read: (r) => {
      const bytes = raw.read(r);
      return { bytes, value: decode(codec, bytes) };
    },
  };
};
