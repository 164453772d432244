/** What must hold in every run. Checkers see what nodes tell and do, and the chain that they agree on; no actor's state. */
import { applySynced } from '../../actors/chain/apply-synced.ts';
import { Chain } from '../../actors/chain/chain.ts';
import type { ChainReader } from '../../actors/chain/chain-reader.ts';
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import { payloadSigningBytes } from '../../protocols/ibft/messages.ts';
import type { Genesis } from '../../protocols/ledger/genesis.ts';
import { accountAt } from '../../protocols/ledger/queries.ts';
import { chainId, type ChainId, type Digest, type PublicKey } from '../../protocols/shared/brands.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import type { Verifier } from '../../runtime/ports/signer.ts';
import { MemoryDisk } from '../../runtime/simulated/memory-store.ts';

export const checkerNames = [
  'agreement',
  'signatures',
  'transactions',
  'value',
  'liveness',
  'recovery',
  'no-failures',
  'sealed-off',
] as const;
export type CheckerName = (typeof checkerNames)[number];

/** Those that look at every step; the others need a run to its end. */
export const continuousCheckers: readonly CheckerName[] = ['agreement', 'signatures', 'sealed-off'];

/** One block a height, whoever tells it and however often. */
export class Agreement {
  readonly #digests = new Map<number, { readonly digest: Digest; readonly node: number }>();
  #highest = 0;

  get highest(): number {
    return this.#highest;
  }

  /** Returns what is wrong, or null. */
  onFinal(node: number, height: number, digest: Digest): string | null {
    const known = this.#digests.get(height);
    if (known === undefined) {
      this.#digests.set(height, { digest, node });
      this.#highest = Math.max(this.#highest, height);
      return null;
    }
    if (known.digest === digest) return null;
    return `height ${height}: validator ${known.node} finalised ${known.digest}, validator ${node} ${digest}`;
  }
}

/** No validator ever signs two different things of one kind for one height and round, nor forgets a round it committed in. */
export class Signatures {
  readonly #chainId: ChainId;
  readonly #contents = new Map<string, Uint8Array>();
  /** Rounds of commits by validator and height. */
  readonly #commits = new Map<string, number>();

  constructor(chain: ChainId) {
    this.#chainId = chain;
  }

  onSigned(node: number, payload: UnsignedPayload): string | null {
    const { kind, height, round } = payload;
    const content = payloadSigningBytes(this.#chainId, payload);
    const key = `${node}/${height}/${round}/${kind}`;
    const known = this.#contents.get(key);
    if (known !== undefined && !equalBytes(known, content)) {
      return `validator ${node} signed two different ${kind}s at height ${height}, round ${round}`;
    }
    this.#contents.set(key, content);
    const committed = this.#commits.get(`${node}/${height}`);
    if (kind === 'commit') this.#commits.set(`${node}/${height}`, Math.max(round, committed ?? 0));
    if (kind !== 'round-change' || committed === undefined || round <= committed) return null;
    if (payload.preparedRound !== null && payload.preparedRound >= committed) return null;
    return `validator ${node} committed at height ${height}, round ${committed}, and forgot it in its round change to ${round}`;
  }
}

/** What a validator said that it has stored gets into the chain, unless that validator lost its disk. */
export class Acknowledgements {
  readonly #hashes = new Map<string, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  onAcknowledged(hash: string, node: number): void {
    this.#hashes.set(hash, node);
    this.#count += 1;
  }

  /** Its disk is gone, or older than what it has acknowledged: that is not promised any more. */
  onDiskLost(node: number): void {
    for (const [hash, by] of this.#hashes) if (by === node) this.#hashes.delete(hash);
  }

  check(reader: ChainReader): string | null {
    for (const [hash, node] of this.#hashes) {
      if (reader.place(hash as Digest) === undefined)
        return `transaction ${hash}, stored by validator ${node}, is lost`;
    }
    return null;
  }
}

export interface LedgerCheckOptions {
  readonly genesis: Genesis;
  readonly verifier: Verifier;
  readonly accounts: readonly PublicKey[];
  readonly nowMs: number;
}

/** Replays the chain from genesis: every seal and result must hold again, and no value may appear or vanish. */
export function checkLedger(chain: Chain, reader: ChainReader, options: LedgerCheckOptions): string | null {
  const { genesis, verifier, accounts, nowMs } = options;
  const store = new MemoryDisk().open({ kind: 'chain', version: 1, chainId: chainId(chain.chainId) });
  const replayed = new Chain({ store, genesis, signatures: verifier, historyBlocks: chain.historyBlocks });
  for (let height = 1; height <= chain.tip.height; height++) {
    const block = reader.sealedBlock(height);
    if (block === undefined) break; // it began with a snapshot: an older validator's chain is whole
    const refusal = applySynced(replayed, verifier, [block], nowMs);
    if (refusal !== null) return `block ${height} does not replay: ${refusal.reason}`;
  }
  if (replayed.tip.digest !== chain.tip.digest) return `replayed to height ${replayed.tip.height} only`;
  const supply =
    genesis.accounts.reduce((sum, { balance }) => sum + balance, 0n) +
    genesis.validators.reduce((sum, { bond }) => sum + bond, 0n);
  const keys = [...accounts, ...genesis.validators.map(({ publicKey }) => publicKey)];
  const held = keys.reduce((sum, key) => {
    const account = accountAt(chain.state, key);
    return account === undefined ? sum : sum + account.balance + account.bonded;
  }, 0n);
  return held === supply ? null : `the accounts hold ${held}, the genesis gave ${supply}`;
}
