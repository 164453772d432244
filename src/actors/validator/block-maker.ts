/** The slow parts of a block, off the consensus path: its beacon, its candidates, and the signatures of someone else's. */
import { firstProposerIndex } from '../../protocols/ibft/proposer.ts';
import { beaconInput } from '../../protocols/ledger/beacon.ts';
import type { DecodedTransaction, SignedTransaction } from '../../protocols/ledger/admission.ts';
import { decodeTransaction } from '../../protocols/ledger/admission.ts';
import type { Beacon, Block } from '../../protocols/ledger/block.ts';
import { sealsToVerify } from '../../protocols/ledger/block-limits.ts';
import { transactionSigningBytes } from '../../protocols/ledger/transaction.ts';
import { height as toHeight } from '../../protocols/shared/brands.ts';
import { equalBytes } from '../../protocols/shared/bytes.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import type { SignedItem, Verifier, VrfSigner } from '../../runtime/ports/signer.ts';
import type { Chain, ExecutedBlock } from '../chain/chain.ts';

/** How far a proposal's time may be ahead of this node's clock. */
export const clockToleranceMs = 500;

/** What a proposer needs beside the state. */
export interface Ingredients {
  readonly beacon: Beacon;
  readonly candidates: readonly SignedTransaction[];
}

export type Examination =
  | { readonly transactions: readonly SignedTransaction[]; readonly refusal: null }
  | { readonly transactions: readonly []; readonly refusal: string };

interface VerifiedCache {
  /** The key under which this transaction's signature was verified before, if it was. */
  signerOf(hash: string): string | undefined;
}

/** Seals that came as commit messages are not verified again. */
export interface VerifiedSeals {
  isKnown(seal: SignedItem): boolean;
}

export interface MakerDependencies {
  readonly chain: Chain;
  readonly vrf: VrfSigner;
  readonly verifier: Verifier;
  /** Candidates for the next block, best first. Never rejects; empty where the mempool does not answer. */
  readonly candidates: () => Promise<readonly SignedTransaction[]>;
  readonly verifiedTransactions?: VerifiedCache;
}

export class BlockMaker {
  readonly #dependencies: MakerDependencies;
  readonly #verified: VerifiedSeals;
  #beacon: { readonly height: number; readonly proof: Promise<Beacon> } | null = null;

  constructor(dependencies: MakerDependencies, verified: VerifiedSeals) {
    this.#dependencies = dependencies;
    this.#verified = verified;
  }

  /** Round 0's proposer proves the beacon ahead: it takes milliseconds, and the others seldom need theirs. */
  prepareTurn(): void {
    const { chain, vrf } = this.#dependencies;
    const { set, proposer } = chain.tip;
    if (set.validators[firstProposerIndex(set, proposer)]?.vrfPublicKey === vrf.publicKey) void this.#proveBeacon();
  }

  /** Of the next block; begun once a height. */
  #proveBeacon(): Promise<Beacon> {
    const { chain, vrf } = this.#dependencies;
    const height = chain.tip.height + 1;
    if (this.#beacon?.height !== height) {
      const proof = vrf.prove(beaconInput(chain.chainId, toHeight(height), chain.tip.beaconOutput));
      // Whoever needs it awaits it and sees the failure.
      proof.catch(() => undefined);
      this.#beacon = { height, proof };
    }
    return this.#beacon.proof;
  }

  async gather(): Promise<Ingredients> {
    const [beacon, candidates] = await Promise.all([this.#proveBeacon(), this.#dependencies.candidates()]);
    return { beacon, candidates };
  }

  /** Checks every signature in a block on the tip: transactions, the parent's seals, the beacon. */
  async examine(block: Block): Promise<Examination> {
    const refuse = (refusal: string): Examination => ({ transactions: [], refusal });
    const decoded = block.transactions.map(decodeTransaction);
    if (!decoded.every((transaction) => transaction !== undefined)) return refuse('transaction-malformed');
    const signers = this.#dependencies.chain.signersOf(decoded);
    const signed: SignedTransaction[] = [];
    const items: SignedItem[] = [];
    for (const [index, transaction] of decoded.entries()) {
      const signer = signers[index];
      if (signer === undefined) return refuse('transaction-unknown-account');
      signed.push({ ...transaction, signer });
      if (!this.#isVerified(transaction, signer)) items.push(signedItem(transaction, signer));
    }
    items.push(...this.#lastSeals(block));
    const [verdicts, hasBeacon] = await Promise.all([
      this.#dependencies.verifier.verifyMany(items),
      this.#verifyBeacon(block),
    ]);
    if (verdicts.includes(false)) return refuse('bad-signature');
    if (!hasBeacon) return refuse('bad-beacon');
    return { transactions: signed, refusal: null };
  }

  /** Executes a block that a quorum has decided: it vouches for the signatures in it. */
  executeDecided(block: Block): ExecutedBlock {
    const { chain } = this.#dependencies;
    const decoded = block.transactions.map(decodeTransaction).filter((transaction) => transaction !== undefined);
    const signers = chain.signersOf(decoded);
    const signed = decoded.map((transaction, i) => ({
      ...transaction,
      signer: signers[i] ?? transaction.value.sender,
    }));
    const verdict = chain.check(block, signed);
    if (verdict.kind === 'valid') return verdict.executed;
    throw new InvariantError(`a quorum decided a block that is invalid here: ${verdict.reason} (${verdict.detail})`);
  }

  #isVerified(transaction: DecodedTransaction, signer: string): boolean {
    return this.#dependencies.verifiedTransactions?.signerOf(transaction.hash) === signer;
  }

  #lastSeals(block: Block): readonly SignedItem[] {
    const { chainId, tip } = this.#dependencies.chain;
    if (block.lastCommit === null) return [];
    const seals = sealsToVerify(chainId, tip.height, tip.digest, block.lastCommit);
    return seals.filter((seal) => !this.#verified.isKnown(seal));
  }

  async #verifyBeacon({ header }: Block): Promise<boolean> {
    const { chain, verifier } = this.#dependencies;
    const proposer = chain.tip.set.validators.find(({ publicKey }) => publicKey === header.proposer);
    if (proposer === undefined) return false;
    const input = beaconInput(chain.chainId, toHeight(chain.tip.height + 1), chain.tip.beaconOutput);
    const output = await verifier.verifyVrf(proposer.vrfPublicKey, input, header.beacon.proof);
    return output !== null && equalBytes(output, header.beacon.output);
  }
}

const signedItem = (transaction: DecodedTransaction, signer: SignedTransaction['signer']): SignedItem => ({
  key: signer,
  message: transactionSigningBytes(transaction.value),
  signature: transaction.value.signature,
});
