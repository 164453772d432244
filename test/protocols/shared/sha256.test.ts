// Goal: one SHA-256, whoever computes it. Method: the examples of FIPS 180-4, and both implementations on random bytes.
import { expect } from 'chai';
import fc from 'fast-check';
import { toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { sha256 } from '../../../src/protocols/shared/sha256.ts';

/** The module as it is where Node's own modules cannot be had. */
async function loadPortable(): Promise<typeof sha256> {
  const builtin: unknown = Reflect.get(process, 'getBuiltinModule');
  Reflect.set(process, 'getBuiltinModule', undefined);
  try {
    const file = '../../../src/protocols/shared/sha256.ts?portable';
    return ((await import(file)) as { readonly sha256: typeof sha256 }).sha256;
  } finally {
    Reflect.set(process, 'getBuiltinModule', builtin);
  }
}

const examples: readonly (readonly [name: string, input: Uint8Array, digest: string])[] = [
  ['nothing', new Uint8Array(0), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['one block', toUtf8('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'two blocks',
    toUtf8('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    'a million',
    new Uint8Array(1_000_000).fill(0x61),
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  ],
];

describe('SHA-256', () => {
  for (const [name, input, digest] of examples) {
    it(`of ${name} is that of FIPS 180-4, native and portable`, async () => {
      const portable = await loadPortable();
      expect(portable).not.to.equal(sha256);
      expect(toHex(sha256(input))).to.equal(digest);
      expect(toHex(portable(input))).to.equal(digest);
    });
  }

  it('is the same, native and portable, for all bytes, and gives plain arrays that nothing else refers to', async () => {
    const portable = await loadPortable();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const [first, second] = [sha256(bytes), sha256(bytes)];
        expect(first.constructor).to.equal(Uint8Array);
        expect(first.buffer).not.to.equal(second.buffer);
        expect(toHex(first)).to.equal(toHex(portable(bytes)));
      }),
    );
  });
});
