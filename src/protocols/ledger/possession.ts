/** Proof that a validator holds the key under which it joins a set. */
import type { ChainId, PublicKey } from '../shared/brands.ts';
import { concatBytes, fromHex, toHex, toUtf8 } from '../shared/bytes.ts';
import { sha256, signingBytes } from '../shared/hash.ts';

/**
 * What a validator signs with its signing key: the chain's name and both keys. The hash of the name stands where other
 * signatures have the chain id, which is not known before genesis.
 */
export const possessionSigningBytes = (chainName: string, publicKey: PublicKey, vrfPublicKey: PublicKey): Uint8Array =>
  signingBytes(
    'bpci/validator-possession/v1',
    toHex(sha256(toUtf8(chainName))) as ChainId,
    concatBytes(fromHex(publicKey), fromHex(vrfPublicKey)),
  );
