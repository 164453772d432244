/** The random beacon's input. Source: ledger design, "Beacon". */
import type { ChainId, Height } from '../shared/brands.ts';
import { bytesExact, encode, heightNumber, struct } from '../shared/codec.ts';
import { signingBytes } from '../shared/hash.ts';

/** The beacon before block 1. */
export const genesisBeaconOutput: Uint8Array = new Uint8Array(64);

const inputCodec = struct<{ height: Height; previous: Uint8Array }>({ height: heightNumber, previous: bytesExact(64) });

/** What the proposer of `height` proves with its VRF key: domain, chain, height, the beacon output of the block before. */
export const beaconInput = (chainId: ChainId, height: Height, previous: Uint8Array): Uint8Array =>
  signingBytes('bpci/beacon/v1', chainId, encode(inputCodec, { height, previous }));
