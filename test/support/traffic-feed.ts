/** A chain in memory as a service follows it: its own transactions are in the next block that the test makes. */
import type { ChainFeed, FollowedState, Sent } from '../../src/actors/traffic/chain-feed.ts';
import { proveTransaction } from '../../src/actors/chain/proofs.ts';
import { bodyCodec } from '../../src/protocols/ledger/application.ts';
import { readJson } from '../../src/protocols/ledger/json-codec.ts';
import { proofBundleCodec } from '../../src/protocols/ledger/proof-bundle.ts';
import { resultCodec } from '../../src/protocols/ledger/results.ts';
import { transactionHash } from '../../src/protocols/ledger/transaction.ts';
import { decode } from '../../src/protocols/shared/codec.ts';
import type { Digest } from '../../src/protocols/shared/brands.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import type { MemoryChain } from './memory-chain.ts';
import type { SignedBytes } from './transactions.ts';

interface Waiting {
  readonly transaction: SignedBytes;
  readonly resolve: (sent: Sent) => void;
}

export class MemoryFeed implements ChainFeed {
  readonly #chain: MemoryChain;
  readonly #signer: Signer;
  readonly #nonces = new Map<Signer, number>();
  readonly #listeners = new Set<(state: FollowedState) => void>();
  #waiting: Waiting[] = [];
  /** Kinds that were sent, in order. */
  readonly sent: string[] = [];
  /** The chain is followed no more: nothing that happens is told. */
  isStalled = false;

  constructor(chain: MemoryChain, signer: Signer) {
    this.#chain = chain;
    this.#signer = signer;
  }

  get chainId(): ChainFeed['chainId'] {
    return this.#chain.chain.chainId;
  }

  current(): FollowedState {
    const { tip, state } = this.#chain.chain;
    return { height: tip.height, time: tip.time, reader: state };
  }

  subscribe(listener: (state: FollowedState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(kind: string, body: unknown): Promise<Sent> {
    this.sent.push(kind);
    const codec = bodyCodec(kind);
    const read = codec === undefined ? { problems: [{ path: '', message: 'unknown kind' }] } : readJson(codec, body);
    if ('problems' in read) return Promise.reject(new Error(JSON.stringify(read.problems)));
    const transaction = this.transaction(this.#signer, kind, read.value);
    return new Promise((resolve) => this.#waiting.push({ transaction, resolve }));
  }

  proof(hash: string): Promise<unknown> {
    const bundle = proveTransaction(this.#chain.chain, this.#chain.reader, null, hash as Digest);
    return Promise.resolve(bundle === null ? null : proofBundleCodec.toJson(bundle));
  }

  transaction(by: Signer, kind: string, body: unknown): SignedBytes {
    const nonce = this.#nonces.get(by) ?? 0;
    this.#nonces.set(by, nonce + 1);
    return this.#chain.transaction(by, nonce, kind, body);
  }

  /** Makes a block of what was sent and these. */
  block(...others: readonly SignedBytes[]): void {
    const waiting = this.#waiting.splice(0);
    const height = this.#chain.block(...waiting.map(({ transaction }) => transaction), ...others);
    for (const { transaction, resolve } of waiting) {
      const hash = transactionHash(transaction.bytes);
      const place = this.#chain.reader.place(hash);
      const leaf = this.#chain.reader.facts(height)!.firstLeaf + (place?.index ?? 0);
      resolve({ hash, code: decode(resultCodec, this.#chain.reader.leaf(leaf)!.leaf.result).code });
    }
    if (this.isStalled) return;
    for (const listener of this.#listeners) listener(this.current());
  }
}
