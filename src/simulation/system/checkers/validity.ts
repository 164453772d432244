/**
 * What becomes final is a block that a member of its set proposed, on its parent, not before the block time has passed
 * since, and not while its time lies ahead of every correct validator's clock by more than what is tolerated; and its
 * beacon is what its proposer's proof leads to. That its contents lead to its roots is the ledger's checker's.
 */
import { clockToleranceMs } from '../../../actors/validator/block-maker.ts';
import { beaconInput, genesisBeaconOutput } from '../../../protocols/ledger/beacon.ts';
import type { BlockHeader } from '../../../protocols/ledger/block.ts';
import type { ValidatorSet } from '../../../protocols/ledger/validator-set.ts';
import type { Digest } from '../../../protocols/shared/brands.ts';
import { equalBytes } from '../../../protocols/shared/bytes.ts';
import type { CheckedRun, Checker, FinalBlock } from './checker.ts';

interface Seen {
  readonly digest: Digest;
  readonly time: number;
  /** Output of its beacon. */
  readonly beacon: Uint8Array;
}

export class Validity implements Checker {
  readonly name = 'validity' as const;
  readonly #run: CheckedRun;
  readonly #seen = new Map<number, Seen>();

  constructor(run: CheckedRun) {
    this.#run = run;
    const { chainId, genesis } = run;
    this.#seen.set(0, { digest: chainId as string as Digest, time: genesis.time, beacon: genesisBeaconOutput });
  }

  onFinal({ height, digest, header, nowMs, aheadMsMax }: FinalBlock): string | null {
    if (this.#seen.has(height)) return null;
    this.#seen.set(height, { digest, time: header.time, beacon: header.beacon.output });
    const parent = this.#seen.get(height - 1);
    if (header.height !== height) return `block ${height} says that it is block ${header.height}`;
    if (parent !== undefined && header.parent !== parent.digest) return `block ${height} is not on block ${height - 1}`;
    const { blockTimeMs } = this.#run.genesis.parameters;
    if (parent !== undefined && header.time < parent.time + blockTimeMs) {
      return `block ${height} is ${header.time - parent.time} ms after its parent, the block time is ${blockTimeMs} ms`;
    }
    const aheadMs = header.time - nowMs;
    if (aheadMs > clockToleranceMs + aheadMsMax) {
      return `block ${height} was final ${aheadMs} ms before its time; clocks were at most ${aheadMsMax} ms ahead`;
    }
    const set = this.#run.setAt(height);
    return set === undefined ? null : this.#proposerProblem(header, set, parent);
  }

  #proposerProblem(header: BlockHeader, { validators }: ValidatorSet, parent: Seen | undefined): string | null {
    const { height, proposer, beacon } = header;
    const member = validators.find(({ publicKey }) => publicKey === proposer);
    if (member === undefined) return `block ${height} was proposed by ${proposer}, no member of its set`;
    if (parent === undefined) return null;
    const input = beaconInput(this.#run.chainId, height, parent.beacon);
    const output = this.#run.vrfOutput(member.vrfPublicKey, input, beacon.proof);
    if (output !== null && equalBytes(output, beacon.output)) return null;
    return `block ${height} has another beacon than its proposer's proof leads to`;
  }
}
