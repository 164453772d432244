// Goal: one verdict on every signature. Method: outside vectors (RFC 8032, the 914 edge cases), and the native verifier
// against the reference on random, mutated and torsion-laden signatures.
import { expect } from 'chai';
import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { publicKey, type PublicKey } from '../../../src/protocols/shared/brands.ts';
import { concatBytes, fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import {
  createSigner,
  createVerifier,
  isAdmissibleKey,
  verifyReference,
} from '../../../src/runtime/adapters/ed25519.ts';
import type { SignedItem } from '../../../src/runtime/ports/signer.ts';

// RFC 8032, section 7.1 (TEST 1024 left out for its length).
const rfc8032 = [
  {
    name: 'TEST 1',
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'TEST 2',
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'TEST 3',
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    name: 'TEST SHA(abc)',
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    key: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

const Point = ed25519.Point;
const order = Point.Fn.ORDER;
const toScalar = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes.slice().reverse())}`);
const scalarBytes = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0')).reverse();

/** A point of order eight, found by multiplying points with the subgroup's order. */
function pointOfOrderEight(): typeof Point.BASE {
  for (let y = 2; ; y++) {
    try {
      const candidate = Point.fromBytes(scalarBytes(BigInt(y)));
      const torsion = candidate.multiplyUnsafe(order - 1n).add(candidate);
      if (!torsion.double().double().is0()) return torsion;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** All that a cheat with the secret scalar can do: torsion added to A, to R, or both, and a signature made to fit. */
function signWithTorsion(seed: Uint8Array, message: Uint8Array, keyTorsion: number, rTorsion: number): SignedItem {
  const torsion = pointOfOrderEight();
  const { scalar, prefix, point } = ed25519.utils.getExtendedPublicKey(seed);
  const times = (count: number): typeof Point.BASE => torsion.multiplyUnsafe(BigInt(count));
  const key = point.add(times(keyTorsion)).toBytes();
  const nonce = toScalar(sha512(concatBytes(prefix, message))) % order;
  const r = Point.BASE.multiply(nonce).add(times(rTorsion)).toBytes();
  const challenge = toScalar(sha512(concatBytes(r, key, message))) % order;
  const signature = concatBytes(r, scalarBytes((nonce + challenge * scalar) % order));
  return { key: toHex(key) as PublicKey, message, signature };
}

describe('ed25519 under the one verification rule', () => {
  const verifier = createVerifier();
  const agreed = ({ key, message, signature }: SignedItem): boolean => {
    const native = verifier.verify(key, message, signature);
    expect(verifyReference(key, message, signature), 'native and reference').to.equal(native);
    return native;
  };
  const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });

  for (const vector of rfc8032) {
    it(`signs and verifies RFC 8032 ${vector.name}`, () => {
      const signer = createSigner(fromHex(vector.seed));
      const message = fromHex(vector.message);
      expect(signer.publicKey).to.equal(vector.key);
      expect(toHex(signer.sign(message))).to.equal(vector.signature);
      expect(agreed({ key: publicKey(vector.key), message, signature: fromHex(vector.signature) })).to.equal(true);
    });
  }

  it('gives the verdict of the reference on all 914 edge cases', function () {
    const path = new URL('../../../../shared/vectors/ed25519/ed25519vectors.json', import.meta.url);
    if (!existsSync(path)) {
      console.log('      skipped: ../shared/vectors/ed25519 is not present');
      this.skip();
    }
    const vectors = JSON.parse(readFileSync(path, 'utf8')) as {
      key: string;
      sig: string;
      msg: string;
      flags: string[] | null;
    }[];
    expect(vectors).to.have.length(914);
    const refusing = [
      'low_order_A',
      'low_order_component_A',
      'non_canonical_A',
      'low_order_component_R',
      'non_canonical_R',
    ];
    let valid = 0;
    for (const { key, sig, msg, flags } of vectors) {
      const holds = agreed({ key: publicKey(key), message: toUtf8(msg), signature: fromHex(sig) });
      if (holds) valid += 1;
      const named = (flags ?? []).filter((flag) => refusing.includes(flag));
      if (holds) expect(named, `accepted ${key} ${sig}`).to.deep.equal([]);
    }
    expect(valid).to.be.greaterThan(0);
  });

  it('agrees with the reference on honest and on mutated signatures', () => {
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 100 }), fc.nat(1023), (seed, message, at) => {
        const signer = createSigner(seed);
        const signature = signer.sign(message);
        expect(agreed({ key: signer.publicKey, message, signature })).to.equal(true);
        const mutant = signature.slice();
        mutant[(at >> 3) % 64]! ^= 1 << (at & 7);
        expect(agreed({ key: signer.publicKey, message, signature: mutant })).to.equal(false);
        expect(agreed({ key: signer.publicKey, message: concatBytes(message, seed), signature })).to.equal(false);
      }),
      { numRuns: 20 },
    );
  });

  it('agrees with the reference on torsion in A, in R and in both, and refuses all of it', () => {
    fc.assert(
      fc.property(bytes(32), bytes(8), fc.nat(7), fc.nat(7), (seed, message, keyTorsion, rTorsion) => {
        const item = signWithTorsion(seed, message, keyTorsion, rTorsion);
        expect(agreed(item)).to.equal(keyTorsion === 0 && rTorsion === 0);
      }),
      { numRuns: 25 },
    );
  });

  it('agrees with the reference on S + L, which satisfies the equation and is refused', () => {
    const signer = createSigner(new Uint8Array(32).fill(7));
    const signature = signer.sign(toUtf8('malleable'));
    const shifted = concatBytes(signature.subarray(0, 32), scalarBytes(toScalar(signature.subarray(32)) + order));
    expect(agreed({ key: signer.publicKey, message: toUtf8('malleable'), signature: shifted })).to.equal(false);
  });

  it('agrees with the reference on keys and signatures of random bytes', () => {
    fc.assert(
      fc.property(bytes(32), bytes(64), (key, signature) => {
        agreed({ key: toHex(key) as PublicKey, message: key, signature });
      }),
      { numRuns: 30 },
    );
  });

  it('refuses malformed keys and lengths without throwing', () => {
    const signer = createSigner(new Uint8Array(32).fill(1));
    const message = toUtf8('m');
    const signature = signer.sign(message);
    for (const size of [0, 63, 65])
      expect(verifier.verify(signer.publicKey, message, new Uint8Array(size))).to.equal(false);
    for (const key of ['', 'zz', signer.publicKey.toUpperCase(), `${signer.publicKey}00`]) {
      expect(verifier.verify(key as PublicKey, message, signature)).to.equal(false);
      expect(verifyReference(key as PublicKey, message, signature)).to.equal(false);
    }
    expect(() => createSigner(new Uint8Array(31))).to.throw(InvariantError);
  });

  it('admits no small-order, torsioned or non-canonical key', () => {
    const torsion = pointOfOrderEight();
    for (let multiple = 0; multiple < 8; multiple++) {
      const small = toHex(torsion.multiplyUnsafe(BigInt(multiple)).toBytes()) as PublicKey;
      expect(isAdmissibleKey(small), small).to.equal(false);
      expect(verifier.isAdmissible(small)).to.equal(false);
    }
    // y = p + 1 encodes the identity a second time, y = p the point of order four.
    for (const low of ['ee', 'ed']) {
      expect(isAdmissibleKey(publicKey(`${low}${'ff'.repeat(30)}7f`))).to.equal(false);
    }
    expect(isAdmissibleKey(toHex(Point.BASE.add(torsion).toBytes()) as PublicKey)).to.equal(false);
    expect(isAdmissibleKey(toHex(Point.BASE.toBytes()) as PublicKey)).to.equal(true);
  });

  it('gives the same verdicts in batches of every size, pooled and inline, in order', async () => {
    const items: SignedItem[] = [];
    for (let i = 0; i < 70; i++) {
      const signer = createSigner(new Uint8Array(32).fill(i % 9));
      const message = toUtf8(`message ${i}`);
      const signature = signer.sign(message);
      if (i % 3 === 1) signature[i % 64]! ^= 0x10;
      const key = i % 7 === 3 ? ('00'.repeat(32) as PublicKey) : signer.publicKey;
      items.push({ key, message, signature: i % 11 === 5 ? signature.subarray(1) : signature });
    }
    const expected = items.map(({ key, message, signature }) => verifier.verify(key, message, signature));
    expect(new Set(expected).size).to.equal(2);
    for (const parallelism of [1, 2]) {
      for (const size of [0, 1, 7, 8, 70]) {
        const batches = createVerifier({ parallelism, pooledFrom: 8 });
        expect(await batches.verifyMany(items.slice(0, size))).to.deep.equal(expected.slice(0, size));
      }
    }
  });

  it('keeps its verdicts when its key cache overflows', () => {
    const small = createVerifier({ keysMax: 2 });
    const signers = [1, 2, 3, 4].map((fill) => createSigner(new Uint8Array(32).fill(fill)));
    for (const signer of [...signers, ...signers.toReversed()]) {
      const message = toUtf8(signer.publicKey);
      expect(small.verify(signer.publicKey, message, signer.sign(message))).to.equal(true);
      expect(small.isAdmissible('00'.repeat(32) as PublicKey)).to.equal(false);
    }
  });
});
