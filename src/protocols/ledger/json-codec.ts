/**
 * Canonical codecs that also convert to and from JSON for people: amounts as decimal strings, keys, digests and bytes
 * as lower-case hex, counts as numbers. Reading JSON is strict (unknown and missing fields are problems) and names every
 * problem, not the first only.
 */
import { type Digest, isHex64, type PublicKey } from '../shared/brands.ts';
import { fromHex, toHex } from '../shared/bytes.ts';
import {
  boolean,
  bytesExact,
  bytesMax,
  type Codec,
  CodecError,
  digest32,
  list,
  nullable,
  publicKey32,
  struct,
  structWithTails,
  textMax,
  uint64,
  uintMax,
  variant,
} from '../shared/codec.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Something wrong in a JSON document. `path` is like `validators[2].bond`; empty for the document itself. */
export interface JsonProblem {
  readonly path: string;
  readonly message: string;
}

export interface JsonCodec<T> extends Codec<T> {
  toJson(value: T): Json;
  /** The value, or undefined with at least one problem added. */
  fromJson(json: unknown, path: string, problems: JsonProblem[]): T | undefined;
}

/** The value of a JSON document, or everything that is wrong with it. */
export function readJson<T>(codec: JsonCodec<T>, json: unknown): { value: T } | { problems: readonly JsonProblem[] } {
  const problems: JsonProblem[] = [];
  const value = codec.fromJson(json, '', problems);
  return value === undefined || problems.length > 0 ? { problems } : { value };
}

const describe = (json: unknown): string => {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'a list';
  if (typeof json === 'string') return JSON.stringify(json.length > 80 ? `${json.slice(0, 77)}…` : json);
  if (typeof json === 'number' || typeof json === 'boolean') return String(json);
  return json === undefined ? 'nothing' : `a value of type ${typeof json}`;
};

function scalar<T>(
  codec: Codec<T>,
  expected: string,
  toJson: (value: T) => Json,
  parse: (json: unknown) => T | undefined,
): JsonCodec<T> {
  return {
    ...codec,
    toJson,
    fromJson(json, path, problems) {
      const value = parse(json);
      if (value === undefined) problems.push({ path, message: `${expected} expected, found ${describe(json)}` });
      return value;
    },
  };
}

const hexText = (json: unknown, sizeMin: number, sizeMax: number): string | undefined =>
  typeof json === 'string' &&
  json.length % 2 === 0 &&
  json.length >= sizeMin * 2 &&
  json.length <= sizeMax * 2 &&
  /^[0-9a-f]*$/.test(json)
    ? json
    : undefined;

const parseHex64 = (json: unknown): string | undefined =>
  typeof json === 'string' && isHex64(json) ? json : undefined;

export const jsonKey: JsonCodec<PublicKey> = scalar(
  publicKey32,
  'a public key (64 lower-case hex digits)',
  (value) => value,
  (json) => parseHex64(json) as PublicKey | undefined,
);

export const jsonDigest: JsonCodec<Digest> = scalar(
  digest32,
  'a digest (64 lower-case hex digits)',
  (value) => value,
  (json) => parseHex64(json) as Digest | undefined,
);

export const jsonBytesExact = (size: number): JsonCodec<Uint8Array> =>
  scalar(bytesExact(size), `${size} bytes in lower-case hex`, toHex, (json) => {
    const hex = hexText(json, size, size);
    return hex === undefined ? undefined : fromHex(hex);
  });

export const jsonBytesMax = (max: number): JsonCodec<Uint8Array> =>
  scalar(bytesMax(max), `at most ${max} bytes in lower-case hex`, toHex, (json) => {
    const hex = hexText(json, 0, max);
    return hex === undefined ? undefined : fromHex(hex);
  });

/** Minor units, 0 to 2^64 − 1, as decimal text. */
export const jsonAmount: JsonCodec<bigint> = scalar(
  uint64,
  'an amount (decimal string of minor units below 2^64)',
  (value) => value.toString(),
  (json) => {
    if (typeof json !== 'string' || !/^(0|[1-9][0-9]{0,19})$/.test(json)) return undefined;
    const value = BigInt(json);
    return value <= 0xffffffffffffffffn ? value : undefined;
  },
);

export const jsonUint = (max: number = Number.MAX_SAFE_INTEGER, min = 0): JsonCodec<number> => {
  const codec = uintMax(max);
  const read = (value: number): number => {
    if (value < min) throw new CodecError('out-of-range', `${value} below ${min}`);
    return value;
  };
  return scalar(
    { write: (w, v) => codec.write(w, read(v)), read: (r) => read(codec.read(r)) },
    `a whole number from ${min} to ${max}`,
    (value) => value,
    (json) => (typeof json === 'number' && Number.isSafeInteger(json) && json >= min && json <= max ? json : undefined),
  );
};

export const jsonBoolean: JsonCodec<boolean> = scalar(
  boolean,
  'true or false',
  (value) => value,
  (json) => (typeof json === 'boolean' ? json : undefined),
);

/** Lone surrogates have no UTF-8 and would be replaced silently. */
const isWellFormed = (text: string): boolean =>
  !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);

export const jsonText = (maxBytes: number): JsonCodec<string> =>
  scalar(
    textMax(maxBytes),
    `text of at most ${maxBytes} bytes`,
    (value) => value,
    (json) =>
      typeof json === 'string' && isWellFormed(json) && new TextEncoder().encode(json).length <= maxBytes
        ? json
        : undefined,
  );

/** Text that matches a pattern, in both forms. */
export const jsonPattern = (pattern: RegExp, maxBytes: number): JsonCodec<string> => {
  const codec = textMax(maxBytes);
  const check = (value: string): string => {
    if (!pattern.test(value))
      throw new CodecError('out-of-range', `${JSON.stringify(value)} does not match ${pattern.source}`);
    return value;
  };
  return scalar(
    { write: (w, v) => codec.write(w, check(v)), read: (r) => check(codec.read(r)) },
    `text matching ${pattern.source} of at most ${maxBytes} bytes`,
    (value) => value,
    (json) => (typeof json === 'string' && json.length <= maxBytes && pattern.test(json) ? json : undefined),
  );
};

/** One of these texts. */
export const jsonChoice = <T extends string>(...choices: readonly [T, ...T[]]): JsonCodec<T> =>
  jsonPattern(new RegExp(`^(${choices.join('|')})$`), 64) as unknown as JsonCodec<T>;

export const jsonNullable = <T>(codec: JsonCodec<T>): JsonCodec<T | null> => ({
  ...nullable(codec),
  toJson: (value) => (value === null ? null : codec.toJson(value)),
  fromJson: (json, path, problems) => (json === null ? null : codec.fromJson(json, path, problems)),
});

export const jsonList = <T>(codec: JsonCodec<T>, max: number): JsonCodec<readonly T[]> => ({
  ...list(codec, max),
  toJson: (value) => value.map((item) => codec.toJson(item)),
  fromJson(json, path, problems) {
    if (!Array.isArray(json) || json.length > max) {
      const found = Array.isArray(json) ? `one of ${json.length}` : describe(json);
      problems.push({ path, message: `a list of at most ${max} expected, found ${found}` });
      return undefined;
    }
    const items = json.map((item, index) => codec.fromJson(item, `${path}[${index}]`, problems));
    return items.includes(undefined) ? undefined : (items as T[]);
  },
});

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const within = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** An object in JSON, an array of the fields in this order in canonical bytes. */
export function jsonStruct<T extends object>(fields: { readonly [K in keyof T]-?: JsonCodec<T[K]> }): JsonCodec<T> {
  const entries = Object.entries(fields) as [keyof T & string, JsonCodec<T[keyof T]>][];
  return {
    ...struct<T>(fields),
    toJson: (value) => Object.fromEntries(entries.map(([name, codec]) => [name, codec.toJson(value[name])])),
    fromJson(json, path, problems) {
      if (!isObject(json)) {
        problems.push({ path, message: `an object expected, found ${describe(json)}` });
        return undefined;
      }
      const before = problems.length;
      const value: Partial<T> = {};
      for (const [name, codec] of entries) {
        if (!Object.hasOwn(json, name)) problems.push({ path: within(path, name), message: 'missing' });
        else {
          const field = codec.fromJson(json[name], within(path, name), problems);
          if (field !== undefined) value[name] = field as T[keyof T & string];
        }
      }
      for (const name of Object.keys(json)) {
        if (!Object.hasOwn(fields, name)) problems.push({ path: within(path, name), message: 'unknown field' });
      }
      return problems.length === before ? (value as T) : undefined;
    },
  };
}

/** A {@link jsonStruct} with more fields at its end, which may be absent in JSON and in canonical bytes. */
export function jsonStructWithTails<T extends object, Tail extends keyof T & string>(
  fields: { readonly [K in Exclude<keyof T, Tail>]-?: JsonCodec<T[K]> },
  tails: { readonly [K in Tail]-?: JsonCodec<Exclude<T[K], undefined>> },
): JsonCodec<T> {
  const tailEntries = Object.entries(tails) as [Tail, JsonCodec<T[Tail]>][];
  /** With as many of the tails as there are. */
  const forms = Array.from({ length: tailEntries.length + 1 }, (_, count) =>
    jsonStruct<T>({ ...fields, ...Object.fromEntries(tailEntries.slice(0, count)) } as unknown as {
      [K in keyof T]-?: JsonCodec<T[K]>;
    }),
  );
  const formOf = (has: (name: Tail) => boolean): JsonCodec<T> =>
    forms[tailEntries.findLastIndex(([name]) => has(name)) + 1] as JsonCodec<T>;
  return {
    ...structWithTails<T, Tail>(fields, tails),
    toJson: (value) => formOf((name) => value[name] !== undefined).toJson(value),
    // Where one is there those before it are needed, and are reported as missing.
    fromJson: (json, path, problems) =>
      formOf((name) => isObject(json) && Object.hasOwn(json, name)).fromJson(json, path, problems),
  };
}

/** `{ type, ...fields }` in JSON, [type, fields] in canonical bytes. */
export function jsonVariant<T extends { readonly type: string }>(
  variants: {
    readonly [Tag in T['type']]: JsonCodec<Omit<Extract<T, { type: Tag }>, 'type'>>;
  },
): JsonCodec<T> {
  const byTag = new Map(Object.entries(variants) as [string, JsonCodec<object>][]);
  const tags = [...byTag.keys()].join(', ');
  return {
    ...variant<T>(variants),
    toJson(value) {
      const fields = byTag.get(value.type)?.toJson(value);
      return { type: value.type, ...(fields as Record<string, Json>) };
    },
    fromJson(json, path, problems) {
      const type = isObject(json) ? json['type'] : undefined;
      const codec = typeof type === 'string' ? byTag.get(type) : undefined;
      if (!isObject(json) || codec === undefined) {
        problems.push({ path: within(path, 'type'), message: `one of ${tags} expected, found ${describe(type)}` });
        return undefined;
      }
      const { type: _type, ...rest } = json;
      const fields = codec.fromJson(rest, path, problems);
      return fields === undefined ? undefined : ({ type, ...fields } as unknown as T);
    },
  };
}

/** Adds a rule, checked in both directions; `check` gives what is wrong, or undefined. */
export function jsonChecked<T>(inner: JsonCodec<T>, check: (value: T) => string | undefined): JsonCodec<T> {
  const verified = (value: T): T => {
    const problem = check(value);
    if (problem !== undefined) throw new CodecError('out-of-range', problem);
    return value;
  };
  return {
    write: (w, v) => inner.write(w, verified(v)),
    read: (r) => verified(inner.read(r)),
    toJson: (value) => inner.toJson(value),
    fromJson(json, path, problems) {
      const value = inner.fromJson(json, path, problems);
      const problem = value === undefined ? undefined : check(value);
      if (problem !== undefined) problems.push({ path, message: problem });
      return problem === undefined ? value : undefined;
    },
  };
}
