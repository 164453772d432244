/** The VrfSigner port on the pure ECVRF of RFC 9381. */
import { toHex } from '../../protocols/shared/bytes.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { vrfProve, vrfSecret } from '../../protocols/shared/ecvrf.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import type { VrfSigner } from '../ports/signer.ts';

/** Proves with the key of a 32-byte seed. The scalar stays in memory: big integers cannot be wiped. */
export function createVrfSigner(seed: Uint8Array): VrfSigner {
  if (seed.length !== 32) throw new InvariantError(`a VRF seed is 32 bytes, got ${seed.length}`);
  const secret = vrfSecret(seed);
  return {
    publicKey: toHex(secret.publicKey) as PublicKey,
    prove: async (input) => {
      // Milliseconds of arithmetic: let what already waits on the loop go first.
      await new Promise<void>((resolve) => setImmediate(resolve));
      return vrfProve(secret, input);
    },
  };
}
