/** The chain that a simulation starts: its validators, and accounts for its load. */
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { possessionSigningBytes } from '../../protocols/ledger/possession.ts';
import { compareText } from '../../protocols/shared/bytes.ts';
import type { Signer, VrfSigner } from '../../runtime/ports/signer.ts';
import type { SignatureAuthority } from '../../runtime/simulated/signer.ts';

export interface Identity {
  readonly name: string;
  readonly signer: Signer;
  readonly vrf: VrfSigner;
}

export interface ChainOptions {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly blockTimeMs: number;
  readonly roundTimeoutBaseMs: number;
}

const chainName = 'simulation';
const accountBalance = 1_000_000_000n;

/** In the order of their keys, which is that of their turns: validator 0 proposes first. */
export function createIdentities(authority: SignatureAuthority, count: number): readonly Identity[] {
  const keys = Array.from({ length: count }, () => ({
    signer: authority.createSigner(),
    vrf: authority.createVrfSigner(),
  }));
  keys.sort((a, b) => compareText(a.signer.publicKey, b.signer.publicKey));
  return keys.map((pair, index) => ({ ...pair, name: `validator-${index}` }));
}

export function createGenesis(
  identities: readonly Identity[],
  accounts: readonly Signer[],
  { time, blockTimeMs, roundTimeoutBaseMs }: ChainOptions,
): Genesis {
  return {
    chainName,
    time,
    protocolVersion: 1,
    parameters: {
      ...{ blockTimeMs, roundTimeoutBaseMs },
      emptyBlockPeriodMs: 1000,
      finalityThreshold: 67,
      roundTimeoutMaxMs: 60_000,
      voteLapseBlocks: 100,
      evidenceAgeBlocks: 1000,
      unbondingBlocks: 1000,
      trustPeriodBlocks: 1000,
      checkpointIntervalBlocks: 10,
    },
    validators: identities.map(({ name, signer, vrf }) => ({
      name,
      publicKey: signer.publicKey,
      vrfPublicKey: vrf.publicKey,
      possession: signer.sign(possessionSigningBytes(chainName, signer.publicKey, vrf.publicKey)),
      bond: 1_000_000n,
    })),
    accounts: accounts
      .map(({ publicKey }) => ({ publicKey, balance: accountBalance }))
      .sort((a, b) => compareText(a.publicKey, b.publicKey)),
    governors: [],
    networkAuthority: null,
    previous: null,
  };
}
