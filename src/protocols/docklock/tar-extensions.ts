/** What may stand before an entry and change it: pax records (POSIX.1-2001) and GNU's long names. */
import { LayerError } from './layer-error.ts';

/** What the records say of the next entry; absent where they say nothing of it. */
export interface TarOverrides {
  readonly path?: Uint8Array | undefined;
  readonly linkPath?: Uint8Array | undefined;
  readonly size?: number | undefined;
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
  readonly modifiedAt?: number | undefined;
  /** Extended attributes or access lists. */
  readonly hasAttributes?: true;
}

const invalid = (message: string): LayerError => new LayerError('tar-extension-invalid', message);

function lengthDigits(body: Uint8Array, from: number): { readonly length: number; readonly end: number } {
  let at = from;
  let length = 0;
  for (; at < body.length && at - from < 8; at += 1) {
    const digit = (body[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  if (at === from || body[at] !== 0x20) throw invalid('a pax record without a length');
  return { length, end: at + 1 };
}

function* records(body: Uint8Array): Generator<readonly [key: string, value: Uint8Array]> {
  for (let at = 0; at < body.length; ) {
    const { length, end } = lengthDigits(body, at);
    const next = at + length;
    if (next > body.length || next <= end || body[next - 1] !== 0x0a) throw invalid('a pax record of a wrong length');
    const record = body.subarray(end, next - 1);
    const equals = record.indexOf(0x3d);
    if (equals < 1) throw invalid('a pax record without a key');
    yield [new TextDecoder().decode(record.subarray(0, equals)), record.slice(equals + 1)];
    at = next;
  }
}

function natural(value: Uint8Array): number {
  const text = new TextDecoder().decode(value);
  const number = Number(text);
  if (!/^[0-9]{1,16}$/u.test(text) || !Number.isSafeInteger(number)) throw invalid('a size or owner that is no number');
  return number;
}

/** Seconds with a fraction, which is dropped. */
function seconds(value: Uint8Array): number {
  const match = /^(-?[0-9]{1,15})(?:\.[0-9]*)?$/u.exec(new TextDecoder().decode(value));
  if (match === null) throw invalid('a time that is no number');
  return Number(match[1]);
}

const attributeKey = /^(?:SCHILY\.(?:xattr|acl)\.|LIBARCHIVE\.xattr\.|RHT\.security\.)/u;

function checkedName(value: Uint8Array): Uint8Array {
  if (value.includes(0)) throw new LayerError('name-has-nul', 'a pax name with a NUL byte');
  return value;
}

/** The body of a pax header for the next entry. An empty value takes back what an earlier record said, as POSIX has it. */
export function readPaxOverrides(body: Uint8Array): TarOverrides {
  const found: { -readonly [Key in keyof TarOverrides]: TarOverrides[Key] } = {};
  const unlessEmpty = <T>(value: Uint8Array, read: (value: Uint8Array) => T): T | undefined =>
    value.length === 0 ? undefined : read(value);
  for (const [key, value] of records(body)) {
    if (key.startsWith('GNU.sparse.')) throw new LayerError('sparse-unsupported', 'a sparse file');
    if (attributeKey.test(key)) found.hasAttributes = true;
    if (key === 'path') found.path = unlessEmpty(value, checkedName);
    else if (key === 'linkpath') found.linkPath = unlessEmpty(value, checkedName);
    else if (key === 'size') found.size = unlessEmpty(value, natural);
    else if (key === 'uid') found.owner = unlessEmpty(value, natural);
    else if (key === 'gid') found.group = unlessEmpty(value, natural);
    else if (key === 'mtime') found.modifiedAt = unlessEmpty(value, seconds);
  }
  return found;
}

const namesOfEntries = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime']);

/**
 * The body of a pax header for all entries that follow. Readers disagree about what it does to an entry, so one that
 * would do anything is refused; comments, which version control systems write, are not.
 */
export function checkPaxGlobals(body: Uint8Array): void {
  for (const [key] of records(body))
    if (namesOfEntries.has(key) || key.startsWith('GNU.sparse.') || attributeKey.test(key))
      throw invalid(`a ${key} for all entries`);
}

/** The body of GNU's `L` and `K`: a name, ended by NUL. */
export function readLongName(body: Uint8Array): Uint8Array {
  const end = body.indexOf(0);
  if (end === -1) return body;
  if (body.subarray(end).some((byte) => byte !== 0))
    throw new LayerError('name-has-nul', 'a long name with a NUL byte');
  return body.slice(0, end);
}
