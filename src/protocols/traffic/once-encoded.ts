/**
 * Values that come again and again in log entries: a byte string of their canonical bytes, made once an object. The bytes are
 * those of the plain codec within a byte string, whether they were remembered or not; values are never changed.
 */
import { bytesMax, type Codec, decode, encode } from '../shared/codec.ts';

const bytesOf = new WeakMap<object, Uint8Array>();

/** Canonical bytes of the value. */
export function encodeOnce<T extends object>(codec: Codec<T>, value: T): Uint8Array {
  let bytes = bytesOf.get(value);
  if (bytes === undefined) {
    // A copy: short encodings are cut from a slab that would be kept as long as the value.
    bytes = encode(codec, value).slice();
    bytesOf.set(value, bytes);
  }
  return bytes;
}

export function onceEncoded<T extends object>(codec: Codec<T>, max: number): Codec<T> {
  const raw = bytesMax(max);
  return {
    write: (w, value) => raw.write(w, encodeOnce(codec, value)),
    read: (r) => decode(codec, raw.read(r)),
  };
}
