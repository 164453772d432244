/** Who the nodes of a simulation are. */
import { compareText } from '../../protocols/shared/bytes.ts';
import type { Signer, VrfSigner } from '../../runtime/ports/signer.ts';
import type { SignatureAuthority } from '../../runtime/simulated/signer.ts';

export interface Identity {
  readonly signer: Signer;
  readonly vrf: VrfSigner;
}

/** In the order of their keys, which among validators is that of their turns: the first one proposes first. */
export function createIdentities(authority: SignatureAuthority, count: number): readonly Identity[] {
  const identities = Array.from({ length: count }, () => ({
    signer: authority.createSigner(),
    vrf: authority.createVrfSigner(),
  }));
  return identities.sort((a, b) => compareText(a.signer.publicKey, b.signer.publicKey));
}
