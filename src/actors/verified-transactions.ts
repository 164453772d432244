/** Which transactions' signatures this node has verified, so that a block's are not verified again. Bounded: the oldest go first. */
import type { Digest, PublicKey } from '../protocols/shared/brands.ts';

export class VerifiedTransactions {
  readonly #capacity: number;
  readonly #signers = new Map<Digest, PublicKey>();

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  /** The key under which this transaction's signature was verified, if it was. */
  signerOf(hash: Digest): PublicKey | undefined {
    return this.#signers.get(hash);
  }

  /** The signature of this transaction holds under `signer`. */
  add(hash: Digest, signer: PublicKey): void {
    this.#signers.delete(hash);
    this.#signers.set(hash, signer);
    if (this.#signers.size <= this.#capacity) return;
    const oldest = this.#signers.keys().next();
    if (oldest.done !== true) this.#signers.delete(oldest.value);
  }
}
