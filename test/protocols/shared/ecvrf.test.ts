// Goal: the ECVRF of RFC 9381, bit for bit. Method: its test vectors, and properties against forged proofs.
import { expect } from 'chai';
import fc from 'fast-check';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concatBytes, fromHex, toHex, toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { vrfProve, vrfSecret, vrfVerify } from '../../../src/protocols/shared/ecvrf.ts';

// RFC 9381, appendix B.3, examples 16 to 18.
const vectors = [
  {
    example: 16,
    secret: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    input: '',
    proof:
      '8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805',
    output:
      '90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae',
  },
  {
    example: 17,
    secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    input: '72',
    proof:
      'f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02',
    output:
      'eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031',
  },
  {
    example: 18,
    secret: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    input: 'af82',
    proof:
      '9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e',
    output:
      '645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f',
  },
];

describe('ECVRF-EDWARDS25519-SHA512-TAI', () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

  for (const { example, secret, key, input, proof, output } of vectors) {
    it(`proves and verifies RFC 9381 example ${example}`, () => {
      const expanded = vrfSecret(fromHex(secret));
      expect(toHex(expanded.publicKey)).to.equal(key);
      const made = vrfProve(expanded, fromHex(input));
      expect(toHex(made.proof)).to.equal(proof);
      expect(toHex(made.output)).to.equal(output);
      const checked = vrfVerify(fromHex(key), fromHex(input), fromHex(proof));
      expect(checked && toHex(checked)).to.equal(output);
    });
  }

  it('accepts its own proofs and refuses every flipped bit, other inputs and other keys', () => {
    fc.assert(
      fc.property(bytes32, bytes32, fc.uint8Array({ maxLength: 200 }), fc.nat(639), (seed, other, input, at) => {
        const secret = vrfSecret(seed);
        const { output, proof } = vrfProve(secret, input);
        expect(vrfVerify(secret.publicKey, input, proof)).to.deep.equal(output);
        const mutant = proof.slice();
        mutant[at >> 3]! ^= 1 << (at & 7);
        expect(vrfVerify(secret.publicKey, input, mutant)).to.equal(null);
        expect(vrfVerify(secret.publicKey, concatBytes(input, Uint8Array.of(0)), proof)).to.equal(null);
        fc.pre(toHex(other) !== toHex(seed));
        expect(vrfVerify(vrfSecret(other).publicKey, input, proof)).to.equal(null);
      }),
      { numRuns: 15 },
    );
  });

  it('refuses wrong lengths, a scalar of L or more, points off the curve and keys of small order', () => {
    const secret = vrfSecret(new Uint8Array(32).fill(3));
    const input = toUtf8('input');
    const { proof } = vrfProve(secret, input);
    for (const size of [0, 79]) expect(vrfVerify(secret.publicKey, input, proof.subarray(0, size))).to.equal(null);
    expect(vrfVerify(secret.publicKey, input, concatBytes(proof, Uint8Array.of(0)))).to.equal(null);
    expect(vrfVerify(secret.publicKey.subarray(1), input, proof)).to.equal(null);

    let s = 0n;
    for (let i = 79; i >= 48; i--) s = (s << 8n) | BigInt(proof[i]!);
    const shifted = proof.slice();
    shifted.set(fromHex((s + ed25519.Point.Fn.ORDER).toString(16).padStart(64, '0')).reverse(), 48);
    expect(vrfVerify(secret.publicKey, input, shifted)).to.equal(null);

    const offCurve = proof.slice();
    offCurve.fill(0xff, 0, 32);
    expect(vrfVerify(secret.publicKey, input, offCurve)).to.equal(null);
    // The identity as key: c·Y vanishes, so that any s proves anything.
    expect(vrfVerify(Uint8Array.of(1, ...new Uint8Array(31)), input, proof)).to.equal(null);
  });

  it('gives one output a key and input, whatever torsion a cheating prover adds to Gamma', () => {
    const secret = vrfSecret(new Uint8Array(32).fill(9));
    const input = toUtf8('input');
    const { output, proof } = vrfProve(secret, input);
    // (0, −1) has order two; it survives in Gamma only where c is even, and the output clears it.
    const orderTwo = ed25519.Point.fromBytes(fromHex(`ec${'ff'.repeat(30)}7f`));
    const gamma = ed25519.Point.fromBytes(proof.subarray(0, 32)).add(orderTwo).toBytes();
    const twisted = vrfVerify(secret.publicKey, input, concatBytes(gamma, proof.subarray(32)));
    expect(twisted === null || toHex(twisted) === toHex(output)).to.equal(true);
  });
});
