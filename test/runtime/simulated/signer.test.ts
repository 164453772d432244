/** Goal: what an authority has signed holds, and nothing else. Method: signatures moved, changed and made up. */
import { expect } from 'chai';
import fc from 'fast-check';
import { SeededRandom } from '../../../src/runtime/simulated/seeded-random.ts';
import { SignatureAuthority } from '../../../src/runtime/simulated/signer.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('a simulated signer', () => {
  const authority = new SignatureAuthority(new SeededRandom('signer'));
  const { verifier } = authority;
  const [signer, other] = [authority.createSigner(), authority.createSigner()];

  it('signs the same message the same way, and the signature holds for that message and key only', () => {
    fc.assert(
      fc.property(bytes, bytes, (message, another) => {
        const signature = signer.sign(message);
        expect(signature).to.have.length(64);
        expect(signer.sign(message)).to.deep.equal(signature);
        expect(verifier.verify(signer.publicKey, message, signature)).to.equal(true);
        expect(verifier.verify(other.publicKey, message, signature)).to.equal(false);
        const isSame = Buffer.compare(message, another) === 0;
        expect(verifier.verify(signer.publicKey, another, signature)).to.equal(isSame);
      }),
    );
  });

  it('refuses whatever it has not issued', () => {
    const message = Uint8Array.of(1, 2, 3);
    const signature = signer.sign(message);
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = signature.slice();
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(verifier.verify(signer.publicKey, message, changed)).to.equal(false);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (made) => {
        expect(verifier.verify(signer.publicKey, message, made)).to.equal(false);
      }),
    );
    const stranger = new SignatureAuthority(new SeededRandom('stranger'));
    expect(stranger.verifier.verify(signer.publicKey, message, signature)).to.equal(false);
    expect(stranger.verifier.isAdmissible(signer.publicKey)).to.equal(false);
    expect(verifier.isAdmissible(signer.publicKey)).to.equal(true);
  });

  it('gives one output a key and input, and only with its proof', async () => {
    const [vrf, otherVrf] = [authority.createVrfSigner(), authority.createVrfSigner()];
    const input = Uint8Array.of(7);
    const { output, proof } = await vrf.prove(input);
    expect(output).to.have.length(64);
    expect(proof).to.have.length(80);
    expect(await vrf.prove(input)).to.deep.equal({ output, proof });
    expect((await otherVrf.prove(input)).output).not.to.deep.equal(output);
    expect(await verifier.verifyVrf(vrf.publicKey, input, proof)).to.deep.equal(output);
    expect(await verifier.verifyVrf(otherVrf.publicKey, input, proof)).to.equal(null);
    expect(await verifier.verifyVrf(vrf.publicKey, Uint8Array.of(8), proof)).to.equal(null);
    expect(verifier.verify(vrf.publicKey, input, proof)).to.equal(false);
  });

  it('judges many at once as it judges each', async () => {
    const message = Uint8Array.of(9);
    const signature = signer.sign(message);
    const items = [signer, other].map(({ publicKey }) => ({ key: publicKey, message, signature }));
    expect(await verifier.verifyMany(items)).to.deep.equal([true, false]);
  });
});
