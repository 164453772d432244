/** Keys, genesis document and validator set of the fake chain. */
import { createSigner } from '../../../src/runtime/adapters/ed25519.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { chainIdOf, type Genesis } from '../../../src/protocols/ledger/genesis.ts';
import { validatorSet } from '../../../src/protocols/ledger/validator-set.ts';

export const signerOf = (seed: number): Signer => createSigner(new Uint8Array(32).fill(seed));

export const validatorKeys = [1, 2, 3, 4].map(signerOf).sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
export const faucetKey = signerOf(50);
export const aliceKey = signerOf(51);
export const strangerKey = signerOf(60);

export const genesis: Genesis = {
  chainName: 'http-world',
  time: 1_700_000_000_000,
  protocolVersion: 1,
  parameters: {
    blockTimeMs: 200,
    emptyBlockPeriodMs: 0,
    finalityThreshold: 67,
    roundTimeoutBaseMs: 1000,
    roundTimeoutMaxMs: 60_000,
    voteLapseBlocks: 100,
    evidenceAgeBlocks: 1000,
    unbondingBlocks: 2000,
    trustPeriodBlocks: 500,
    checkpointIntervalBlocks: 1,
  },
  validators: validatorKeys.map((key, index) => ({
    publicKey: key.publicKey,
    vrfPublicKey: signerOf(101 + index).publicKey,
    name: `validator-${index + 1}`,
    possession: new Uint8Array(64).fill(index),
    bond: 1_000_000n,
  })),
  accounts: [],
  governors: [],
  networkAuthority: null,
  previous: null,
};

export const chainIdHex: string = chainIdOf(genesis);
export const set = validatorSet(genesis.validators, genesis.parameters.finalityThreshold);
