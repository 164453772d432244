/** Signed transfers, and the two ways to hand them to a node: one awaited until it is final, many at once. */
import { randomBytes } from 'node:crypto';
import { Pool } from 'undici';
import { transactionBytesMax } from '../../src/protocols/ledger/transaction.ts';
import type { ChainId, PublicKey } from '../../src/protocols/shared/brands.ts';
import { bytesMax, encode, list } from '../../src/protocols/shared/codec.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { transfer } from '../../test/support/transactions.ts';

const batchCodec = list(bytesMax(transactionBytesMax), 1_000);

/** Accounts that send to each other; about 200 bytes a transaction. */
export class TransferSource {
  readonly #signers: readonly Signer[];
  readonly #nonces: number[];
  readonly #stock: Uint8Array[] = [];
  #next = 0;

  constructor(accounts: number) {
    this.#signers = Array.from({ length: accounts }, () => createSigner(randomBytes(32)));
    this.#nonces = this.#signers.map(() => 0);
  }

  get keys(): readonly PublicKey[] {
    return this.#signers.map(({ publicKey }) => publicKey);
  }

  /** Signs until `count` wait. */
  fill(chainId: ChainId, count: number): void {
    while (this.#stock.length < count) {
      const index = this.#next++ % this.#signers.length;
      const from = this.#signers[index] as Signer;
      const to = this.#signers[(index + 1) % this.#signers.length] as Signer;
      const nonce = this.#nonces[index] as number;
      this.#nonces[index] = nonce + 1;
      this.#stock.push(transfer(chainId, from, nonce, to.publicKey).bytes);
    }
  }

  get left(): number {
    return this.#stock.length;
  }

  /** The oldest first: accounts take turns. */
  take(count: number): readonly Uint8Array[] {
    return this.#stock.splice(0, count);
  }
}

export class BpciClient {
  readonly #pool: Pool;

  constructor(endpoint: string) {
    this.#pool = new Pool(endpoint, { connections: 16, pipelining: 1 });
  }

  /** Resolves when the transaction is final on the node. */
  async submitFinal(transaction: Uint8Array): Promise<void> {
    const status = await this.#post('/v1/transactions?wait=final', 'application/octet-stream', transaction);
    if (status !== 200) throw new Error(`the transaction is not final: status ${status}`);
  }

  /** Resolves when all are stored and on their way. At most 1,000. */
  async submitBatch(transactions: readonly Uint8Array[]): Promise<void> {
    const status = await this.#post('/v1/transactions', 'application/msgpack', encode(batchCodec, transactions));
    if (status !== 202) throw new Error(`the batch was not taken: status ${status}`);
  }

  async #post(path: string, type: string, body: Uint8Array): Promise<number> {
    const response = await this.#pool.request({ path, method: 'POST', headers: { 'content-type': type }, body });
    await response.body.dump();
    return response.statusCode;
  }

  /** null where the node has no such block yet. */
  async block(height: number | 'latest'): Promise<BlockSummary | null> {
    const response = await this.#pool.request({ path: `/v1/blocks/${height}`, method: 'GET' });
    if (response.statusCode === 404) {
      await response.body.dump();
      return null;
    }
    return (await response.body.json()) as BlockSummary;
  }

  async height(): Promise<number> {
    const response = await this.#pool.request({ path: '/v1/network', method: 'GET' });
    return ((await response.body.json()) as { readonly height: number }).height;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

export interface BlockSummary {
  readonly height: number;
  readonly header: { readonly time: number };
  readonly transactions: readonly string[];
  readonly commit: { readonly round: number };
  readonly storedAt: number | null;
}
