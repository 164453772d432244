/** The chain that a simulation starts: its validators, who have money beside their bonds, and accounts for its load. */
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import type { GenesisCourt } from '../../protocols/ledger/modules/court/genesis-court.ts';
import type { GenesisPolicies } from '../../protocols/ledger/modules/policies/genesis-policies.ts';
import { possessionSigningBytes } from '../../protocols/ledger/possession.ts';
import { compareText } from '../../protocols/shared/bytes.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Identity } from './identities.ts';

export interface ChainOptions {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly blockTimeMs: number;
  readonly roundTimeoutBaseMs: number;
  /** Who may propose other parameters. */
  readonly governors: readonly Pick<Signer, 'publicKey'>[];
  /** null: the built-in jurisdictions and nobody who judges. */
  readonly court: GenesisCourt | null;
  /** null: no policy is in force. */
  readonly policies: GenesisPolicies | null;
}

const chainName = 'simulation';
/** Of every account at the start. */
export const accountBalance = 1_000_000_000n;
/** What a validator holds as bond. */
export const memberBond = 1_000_000n;

export function createGenesis(
  identities: readonly Identity[],
  accounts: readonly Pick<Signer, 'publicKey'>[],
  { time, blockTimeMs, roundTimeoutBaseMs, governors, court, policies }: ChainOptions,
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
    validators: identities.map(({ signer, vrf }, index) => ({
      name: `validator-${index}`,
      publicKey: signer.publicKey,
      vrfPublicKey: vrf.publicKey,
      possession: signer.sign(possessionSigningBytes(chainName, signer.publicKey, vrf.publicKey)),
      bond: memberBond,
    })),
    accounts: [...accounts, ...identities.map(({ signer }) => signer)]
      .map(({ publicKey }) => ({ publicKey, balance: accountBalance }))
      .sort((a, b) => compareText(a.publicKey, b.publicKey)),
    governors: governors.map(({ publicKey }) => publicKey).sort(compareText),
    networkAuthority: null,
    previous: null,
    ...(court === null ? {} : { court }),
    // The codec takes no later part of a genesis without the earlier ones.
    ...(policies === null ? {} : { court: court ?? { arbitrators: [], jurisdictions: [] }, policies }),
  };
}
