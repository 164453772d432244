/**
 * Every block of a chain against the one before it and against the seals that made it final, by counting: that a quorum
 * of the set that decides a height really signed that very block in one round, that times rise, that heads of the log do.
 */
import { type Block, blockDigest, type Commit, commitSigningBytes } from '../../../protocols/ledger/block.ts';
import type { Genesis } from '../../../protocols/ledger/genesis.ts';
import type { ValidatorSet } from '../../../protocols/ledger/validator-set.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Verifier } from '../../../runtime/ports/signer.ts';

export interface SealedChainOptions {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  /** The set that decides a height. */
  readonly setOf: (height: number) => ValidatorSet;
}

interface Parent {
  readonly digest: string;
  readonly time: number;
  readonly logSize: number;
}

export class SealedChain {
  readonly #options: SealedChainOptions;
  #parent: Parent;
  #height = 0;

  constructor(options: SealedChainOptions) {
    this.#options = options;
    this.#parent = { digest: options.chainId, time: options.genesis.time, logSize: 0 };
  }

  /** The next block and the seals stored with it. Returns what is wrong, or null. */
  add(block: Block, commit: Commit): string | null {
    const { header, transactions, lastCommit } = block;
    const parent = this.#parent;
    this.#height += 1;
    const digest = blockDigest(header);
    const at = `block ${this.#height}`;
    this.#parent = { digest, time: header.time, logSize: header.logSize };
    if (header.height !== this.#height) return `${at} says that it is ${header.height}`;
    if (header.parent !== parent.digest) return `${at} does not follow block ${this.#height - 1}`;
    if (header.time < parent.time + this.#options.genesis.parameters.blockTimeMs) return `${at} comes too early`;
    if (header.logSize !== parent.logSize + transactions.length) return `${at}: the log has ${header.logSize} leaves`;
    if (!this.#setOf(this.#height).has(header.proposer)) return `${at} was proposed by a stranger`;
    const sealed = this.#sealProblem(this.#height, digest, commit);
    if (sealed !== null) return `${at}: ${sealed}`;
    if (this.#height === 1) return lastCommit === null ? null : `${at} carries seals of nothing`;
    if (lastCommit === null) return `${at} carries no seals of its parent`;
    const carried = this.#sealProblem(this.#height - 1, parent.digest as Digest, lastCommit);
    return carried === null ? null : `${at} carries for its parent: ${carried}`;
  }

  /** What is wrong with the seals that somebody else stored with the block added last, or null. */
  otherSeals(commit: Commit): string | null {
    return this.#sealProblem(this.#height, this.#parent.digest as Digest, commit);
  }

  #setOf(height: number): ReadonlySet<PublicKey> {
    return new Set(this.#options.setOf(height).validators.map(({ publicKey }) => publicKey));
  }

  #sealProblem(height: number, digest: Digest, { round, seals }: Commit): string | null {
    const { chainId, verifier, genesis } = this.#options;
    const members = this.#setOf(height);
    const authors = new Set<PublicKey>();
    const message = commitSigningBytes(chainId, height as Block['header']['height'], round, digest);
    for (const { validator, signature } of seals) {
      if (!members.has(validator)) return `a seal of ${validator}, which does not decide height ${height}`;
      if (!verifier.verify(validator, message, signature)) return `a seal that ${validator} did not make`;
      authors.add(validator);
    }
    const needed = leastQuorum(members.size, genesis.parameters.finalityThreshold);
    return authors.size >= needed ? null : `${authors.size} of ${needed} seals`;
  }
}

/** By trying one after the other. */
function leastQuorum(members: number, thresholdPercent: number): number {
  let votes = 0;
  while (3 * votes < 2 * members || 100 * votes < thresholdPercent * members) votes += 1;
  return votes;
}
