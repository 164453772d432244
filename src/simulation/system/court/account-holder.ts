/**
 * Somebody with an account and one transaction under way at a time, who sends the very same bytes to another validator
 * until they are in a block. What is done in time may so be done too late.
 */
import { transactionHash } from '../../../protocols/ledger/transaction.ts';
import type { ChainId, Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import { signedTransaction, submit } from '../client.ts';
import type { ValidatorNode } from '../validator-node.ts';

export interface AccountHolderOptions {
  readonly chainId: ChainId;
  readonly signer: Signer;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

const againAfterMs = 4_000;

export class AccountHolder {
  readonly #options: AccountHolderOptions;
  #nonce = 0;
  #pending: { readonly bytes: Uint8Array; readonly hash: Digest; sentAtMs: number } | null = null;

  constructor(options: AccountHolderOptions) {
    this.#options = options;
  }

  get account(): PublicKey {
    return this.#options.signer.publicKey;
  }

  get isBusy(): boolean {
    return this.#pending !== null;
  }

  /** Not while it is busy. */
  begin(kind: string, body: unknown): void {
    const { chainId, signer } = this.#options;
    const bytes = signedTransaction({ chainId, sender: this.account, nonce: this.#nonce, kind, body }, signer);
    this.#nonce += 1;
    this.#pending = { bytes, hash: transactionHash(bytes), sentAtMs: -againAfterMs };
  }

  /** Looks whether the transaction is in a block, and sends it again where it is time to. The node runs. */
  carryOn(node: ValidatorNode, nowMs: number): void {
    const pending = this.#pending;
    if (pending === null || node.parts === null) return;
    if (node.parts.wiring.reader.place(pending.hash) !== undefined) {
      this.#pending = null;
      return;
    }
    if (nowMs < pending.sentAtMs + againAfterMs) return;
    pending.sentAtMs = nowMs;
    node.enter(() => {
      submit(node, [pending.bytes], (outcomes) => {
        const outcome = outcomes?.[0];
        if (outcome?.outcome === 'accepted') this.#options.onAcknowledged(outcome.hash, node.index);
      });
    });
  }
}
