/**
 * Goal: a value has exactly one encoding, any msgpack library reads it, and every other byte string is refused with a
 * code, before anything is allocated for it. Method: random shapes; every single-byte change, cut and insertion of
 * random encodings; hand-made non-canonical forms; msgpackr as an outside decoder and encoder.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import {
  boolean,
  bytesExact,
  bytesMax,
  type Codec,
  CodecError,
  decode,
  embedded,
  encode,
  list,
  nullable,
  struct,
  textMax,
  tryDecode,
  uint,
  uint64,
  uintMax,
  variant,
} from '../../../src/protocols/shared/codec.ts';
import { equalBytes, fromHex, toHex } from '../../../src/protocols/shared/bytes.ts';

interface Sample {
  readonly small: number;
  readonly large: bigint;
  readonly flag: boolean;
  readonly raw: Uint8Array;
  readonly key: Uint8Array;
  readonly text: string;
  readonly maybe: number | null;
  readonly items: readonly { readonly id: number; readonly name: string }[];
  readonly shape: { readonly type: 'dot' } | { readonly type: 'circle'; readonly radius: number };
}

type Shape = Sample['shape'];
const shape = variant<Shape>({ dot: struct<object>({}), circle: struct<{ radius: number }>({ radius: uint }) });
const sampleCodec: Codec<Sample> = struct<Sample>({
  small: uint,
  large: uint64,
  flag: boolean,
  raw: bytesMax(70_000),
  key: bytesExact(4),
  text: textMax(70_000),
  maybe: nullable(uint),
  items: list(struct<{ id: number; name: string }>({ id: uint, name: textMax(100) }), 70_000),
  shape,
});

const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
const edges = [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER];
const anyUint = fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat());
const sample: fc.Arbitrary<Sample> = fc.record({
  small: anyUint,
  large: fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), anyUint.map(BigInt)),
  flag: fc.boolean(),
  raw: fc.uint8Array({ maxLength: 300 }),
  key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  text: fc.oneof(
    anyText,
    fc.constantFrom('', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255), 'x'.repeat(256), 'ü'.repeat(20)),
  ),
  maybe: fc.option(fc.nat()),
  items: fc.array(
    fc.record({ id: fc.nat(), name: anyText.filter((name) => new TextEncoder().encode(name).length <= 100) }),
    {
      maxLength: 20,
    },
  ),
  shape: fc.oneof(
    fc.constant<Shape>({ type: 'dot' }),
    fc.nat().map((radius): Shape => ({ type: 'circle', radius })),
  ),
});

/** The encoding as msgpack values in plain JavaScript. */
function plain(value: Sample): unknown {
  const {
    small,
    large,
    flag,
    raw,
    key,
    text,
    maybe,
    items,
    shape: { type, ...rest },
  } = value;
  return [
    small,
    large,
    flag,
    raw,
    key,
    text,
    maybe,
    items.map(({ id, name }) => [id, name]),
    [type, Object.values(rest)],
  ];
}

const normalised = (value: unknown): unknown => {
  if (typeof value === 'number') return BigInt(value);
  if (value instanceof Uint8Array) return toHex(Uint8Array.from(value));
  return Array.isArray(value) ? value.map(normalised) : value;
};

describe('canonical codec', () => {
  it('gives back what was written, and the same bytes for it', () => {
    fc.assert(
      fc.property(sample, (value) => {
        const bytes = encode(sampleCodec, value);
        const back = decode(sampleCodec, bytes);
        expect(back).to.deep.equal(value);
        expect(equalBytes(encode(sampleCodec, back), bytes)).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is msgpack: an outside library reads the same values', () => {
    const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });
    fc.assert(
      fc.property(sample, (value) => {
        expect(normalised(packr.unpack(encode(sampleCodec, value)))).to.deep.equal(normalised(plain(value)));
      }),
      { numRuns: 200 },
    );
  });

  it('accepts of all single-byte changes, cuts and insertions only those that are the encoding of what they decode to', () => {
    const small = sample.map((value) => ({ ...value, raw: value.raw.slice(0, 40), items: value.items.slice(0, 3) }));
    fc.assert(
      fc.property(small, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, seed, flip) => {
        const bytes = encode(sampleCodec, value);
        const at = seed % bytes.length;
        const changed = bytes.slice();
        changed[at]! ^= flip;
        const inserted = Uint8Array.from([...bytes.slice(0, at), flip, ...bytes.slice(at)]);
        for (const mutant of [changed, bytes.slice(0, at), inserted, Uint8Array.from([...bytes, 0])]) {
          const read = tryDecode(sampleCodec, mutant);
          if ('value' in read) expect(toHex(encode(sampleCodec, read.value))).to.equal(toHex(mutant));
        }
        expect(tryDecode(sampleCodec, bytes.slice(0, at))).to.have.property('error');
      }),
      { numRuns: 1500 },
    );
  });

  describe('refuses', () => {
    const numbers = list(uint, 100);
    const of =
      <T>(codec: Codec<T>) =>
      (bytes: Uint8Array): string => {
        const read = tryDecode(codec, bytes);
        return 'error' in read ? read.error.code : 'accepted';
      };
    const cases: readonly (readonly [string, codeOf: (bytes: Uint8Array) => string, hex: string, code: string])[] = [
      ['a small integer in two bytes', of(uint), 'cc7f', 'not-minimal'],
      ['a byte in three bytes', of(uint), 'cd00ff', 'not-minimal'],
      ['a short in five bytes', of(uint), 'ce0000ffff', 'not-minimal'],
      ['an integer in nine bytes', of(uint), 'cf00000000ffffffff', 'not-minimal'],
      ['an integer beyond 2^53', of(uint), 'cf0020000000000000', 'out-of-range'],
      ['a negative integer', of(uint), 'ff', 'wrong-type'],
      ['a signed integer', of(uint), 'd005', 'wrong-type'],
      ['a float', of(uint), 'cb3ff0000000000000', 'wrong-type'],
      ['a long form of a short byte string', of(bytesMax(9)), 'c50001aa', 'not-minimal'],
      ['a longest form of a byte string', of(bytesMax(9)), 'c600000001aa', 'not-minimal'],
      ['a byte string that is too long', of(bytesMax(2)), 'c403aabbcc', 'too-long'],
      ['a byte string of the wrong size', of(bytesExact(2)), 'c401aa', 'out-of-range'],
      ['a long form of a short text', of(textMax(99)), 'd90161', 'not-minimal'],
      ['text that is too long', of(textMax(2)), 'a3616161', 'too-long'],
      ['text that is not UTF-8', of(textMax(9)), 'a2c328', 'invalid-utf8'],
      ['an overlong UTF-8 form', of(textMax(9)), 'a2c0af', 'invalid-utf8'],
      ['a surrogate in UTF-8', of(textMax(9)), 'a3eda080', 'invalid-utf8'],
      ['text in the place of bytes', of(bytesMax(9)), 'a161', 'wrong-type'],
      ['bytes in the place of text', of(textMax(9)), 'c40161', 'wrong-type'],
      ['a long form of a short array', of(numbers), 'dc000101', 'not-minimal'],
      ['an array that is too long', of(list(uint, 1)), '920101', 'too-long'],
      ['a huge array in few bytes', of(list(uint, 2 ** 32)), 'ddffffffff', 'truncated'],
      ['a map', of(numbers), '80', 'wrong-type'],
      ['an extension', of(numbers), 'd40100', 'wrong-type'],
      ['nil where it is not allowed', of(uint), 'c0', 'wrong-type'],
      ['a number as a boolean', of(boolean), '01', 'wrong-type'],
      ['bytes after the value', of(uint), '0101', 'trailing-bytes'],
      ['nothing', of(uint), '', 'truncated'],
      ['a field too few', of(struct<{ a: number; b: number }>({ a: uint, b: uint })), '9101', 'wrong-arity'],
      ['a field too many', of(struct<{ a: number }>({ a: uint })), '920101', 'too-long'],
      ['an unknown variant', of(shape), '92a17890', 'unknown-variant'],
      ['a number above its bound', of(uintMax(5)), '06', 'out-of-range'],
      ['a nested value that is not canonical', of(embedded(uint, 9)), 'c402cc01', 'not-minimal'],
    ];
    for (const [name, codeOf, hex, code] of cases) {
      it(`${name}: ${code}`, () => {
        expect(codeOf(fromHex(hex))).to.equal(code);
      });
    }
  });

  it('refuses to write what it would not read', () => {
    const writes: readonly (() => Uint8Array)[] = [
      () => encode(uint, -1),
      () => encode(uint, 1.5),
      () => encode(uint, Number.NaN),
      () => encode(uint, 2 ** 53),
      () => encode(uint64, -1n),
      () => encode(uint64, 2n ** 64n),
      () => encode(bytesMax(1), new Uint8Array(2)),
      () => encode(bytesExact(2), new Uint8Array(1)),
      () => encode(textMax(1), 'ü'),
      () => encode(list(uint, 1), [1, 2]),
    ];
    for (const write of writes) expect(write).to.throw(CodecError);
  });

  it('writes values of any size, whatever was written before them', () => {
    for (const size of [0, 200, 255, 256, 300, 65_535, 65_536, 69_999]) {
      const raw = new Uint8Array(size).fill(7);
      const codec = list(bytesMax(70_000), 3);
      expect(decode(codec, encode(codec, [raw, raw]))).to.deep.equal([raw, raw]);
      const text = 'y'.repeat(size);
      const texts = list(textMax(70_000), 3);
      expect(decode(texts, encode(texts, [text, text]))).to.deep.equal([text, text]);
    }
  });

  it('keeps nothing of the input: what was read does not change with the buffer', () => {
    const bytes = encode(bytesMax(9), Uint8Array.of(1, 2, 3));
    const value = decode(bytesMax(9), bytes);
    bytes.fill(0);
    expect(value).to.deep.equal(Uint8Array.of(1, 2, 3));
  });
});
