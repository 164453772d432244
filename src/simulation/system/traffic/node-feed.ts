/** The chain as a service on a simulated node follows it: that node's own chain, and transactions through its mempool. */
import type { ChainFeed, FollowedState, Sent } from '../../../actors/traffic/chain-feed.ts';
import { proveTransaction } from '../../../actors/chain/proofs.ts';
import { bodyCodec } from '../../../protocols/ledger/application.ts';
import { readJson } from '../../../protocols/ledger/json-codec.ts';
import { proofBundleCodec } from '../../../protocols/ledger/proof-bundle.ts';
import { resultCodec } from '../../../protocols/ledger/results.ts';
import { transactionHash } from '../../../protocols/ledger/transaction.ts';
import { type ChainId, type Digest } from '../../../protocols/shared/brands.ts';
import { decode } from '../../../protocols/shared/codec.ts';
import { CodedError } from '../../../protocols/shared/errors.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import { signedTransaction, submit } from '../client.ts';
import type { ValidatorNode, ValidatorProgram } from '../validator-node.ts';

/** What has not become final within so many blocks never does. */
const expiryBlocksDefault = 20;

/** `expired` or `refused`: the transaction is in no block. */
class FeedError extends CodedError<'expired' | 'refused'> {
  override readonly name = 'FeedError';
}

interface Waiting {
  readonly hash: Digest;
  readonly expiryHeight: number;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (error: unknown) => void;
}

/** Of one life of a node. */
export class NodeFeed implements ChainFeed {
  readonly chainId: ChainId;
  readonly #node: ValidatorNode;
  readonly #program: ValidatorProgram;
  readonly #signer: Signer;
  #waiting: readonly Waiting[] = [];

  readonly #expiryBlocks: number;

  constructor(
    node: ValidatorNode,
    program: ValidatorProgram,
    signer: Signer,
    expiryBlocks: number = expiryBlocksDefault,
  ) {
    this.#expiryBlocks = expiryBlocks;
    this.#node = node;
    this.#program = program;
    this.#signer = signer;
    this.chainId = program.chain.chainId;
    program.wiring.finality.subscribe((height) => this.#settle(height));
  }

  current(): FollowedState {
    const { tip, state } = this.#program.chain;
    return { height: tip.height, time: tip.time, reader: state };
  }

  subscribe(listener: (state: FollowedState) => void): () => void {
    return this.#program.wiring.finality.subscribe(() => listener(this.current()));
  }

  send(kind: string, json: unknown): Promise<Sent> {
    const codec = bodyCodec(kind);
    const read = codec === undefined ? null : readJson(codec, json);
    if (read === null || !('value' in read)) return Promise.reject(new FeedError('refused', `no body of ${kind}`));
    const { chain, wiring } = this.#program;
    const sender = this.#signer.publicKey;
    const expiryHeight = chain.tip.height + this.#expiryBlocks;
    const content = { chainId: this.chainId, sender, nonce: wiring.pool.nextNonce(sender), kind, body: read.value };
    const bytes = signedTransaction({ ...content, expiryHeight }, this.#signer);
    return new Promise((resolve, reject) => {
      this.#waiting = [...this.#waiting, { hash: transactionHash(bytes), expiryHeight, resolve, reject }];
      // Without an answer it may be in a block nevertheless: time tells.
      submit(this.#node, [bytes], () => undefined);
    });
  }

  proof(hash: string): Promise<unknown> {
    const { chain, wiring } = this.#program;
    const bundle = proveTransaction(chain, wiring.reader, null, hash as Digest);
    return Promise.resolve(bundle === null ? null : proofBundleCodec.toJson(bundle));
  }

  #settle(height: number): void {
    const { reader } = this.#program.wiring;
    const left: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { hash, expiryHeight, resolve, reject } = waiting;
      const place = reader.place(hash);
      const facts = place === undefined ? undefined : reader.facts(place.height);
      const leaf = place === undefined || facts === undefined ? undefined : reader.leaf(facts.firstLeaf + place.index);
      if (leaf !== undefined) resolve({ hash, code: decode(resultCodec, leaf.leaf.result).code });
      else if (height > expiryHeight) reject(new FeedError('expired', `${hash} is in no block`));
      else left.push(waiting);
    }
    this.#waiting = left;
  }
}
