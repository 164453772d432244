/**
 * Goal: the hash under everything is SHA-256. Method: the examples of FIPS 180-4's companion document, every length
 * around the block boundaries and any split into parts against an independent implementation.
 */
import { sha256 as reference } from '@noble/hashes/sha2.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { sha256, sha256Of } from '../../../src/protocols/shared/sha256.ts';

describe('SHA-256', () => {
  const examples: readonly (readonly [string, string])[] = [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ];
  for (const [text, digest] of examples) {
    it(`is that of the published example of ${text.length} bytes`, () => {
      expect(toHex(sha256(toUtf8(text)))).equal(digest);
    });
  }

  it('agrees with another implementation on every length up to five blocks', () => {
    const bytes = Uint8Array.from({ length: 320 }, (_, i) => (i * 37 + 11) % 256);
    for (let length = 0; length <= bytes.length; length++) {
      const part = bytes.subarray(0, length);
      expect(toHex(sha256(part)), `${length} bytes`).equal(toHex(reference(part)));
    }
  });

  it('of parts is that of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(300), (bytes, a, b) => {
        const [from, to] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
        const expected = toHex(reference(bytes));
        expect(toHex(sha256Of(bytes.subarray(0, from), bytes.subarray(from)))).equal(expected);
        const parts = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)] as const;
        expect(toHex(sha256Of(...parts))).equal(expected);
      }),
    );
  });

  it('leaves what it gave before as it was', () => {
    const first = sha256(toUtf8('first'));
    const kept = toHex(first);
    sha256(toUtf8('second'));
    expect(toHex(first)).equal(kept);
  });
});
