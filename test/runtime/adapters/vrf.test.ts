// Goal: the two VRF ports fit together. Method: what one proves the other verifies, under the key rule.
import { expect } from 'chai';
import type { PublicKey } from '../../../src/protocols/shared/brands.ts';
import { toUtf8 } from '../../../src/protocols/shared/bytes.ts';
import { InvariantError } from '../../../src/protocols/shared/errors.ts';
import { createSigner, createVerifier } from '../../../src/runtime/adapters/ed25519.ts';
import { createVrfSigner } from '../../../src/runtime/adapters/vrf.ts';

describe('the VRF adapters', () => {
  const seed = new Uint8Array(32).fill(5);

  it('verify what they prove and give the same output', async () => {
    const signer = createVrfSigner(seed);
    const { output, proof } = await signer.prove(toUtf8('height 1'));
    const verifier = createVerifier();
    expect(await verifier.verifyVrf(signer.publicKey, toUtf8('height 1'), proof)).to.deep.equal(output);
    expect(await verifier.verifyVrf(signer.publicKey, toUtf8('height 2'), proof)).to.equal(null);
    expect(await verifier.verifyVrf('00'.repeat(32) as PublicKey, toUtf8('height 1'), proof)).to.equal(null);
  });

  it('use the key that ed25519 derives from the seed', () => {
    expect(createVrfSigner(seed).publicKey).to.equal(createSigner(seed).publicKey);
    expect(() => createVrfSigner(new Uint8Array(33))).to.throw(InvariantError);
  });
});
