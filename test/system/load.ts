/** Transfers at a steady rate, each handed to a node that runs; what was acknowledged is remembered. */
import { randomBytes } from 'node:crypto';
import { ClientError } from '../../src/client/client-error.ts';
import type { ChainId } from '../../src/protocols/shared/brands.ts';
import type { Signer } from '../../src/runtime/ports/signer.ts';
import { createSigner } from '../../src/runtime/adapters/ed25519.ts';
import { type SignedBytes, transfer } from '../support/transactions.ts';
import type { NodeChild } from './node-child.ts';

export interface LoadOptions {
  readonly chainId: ChainId;
  /** Accounts with a balance; each batch is from one of them. */
  readonly senders: readonly Signer[];
  /** Nodes that may be asked now; never empty. */
  readonly nodes: () => readonly NodeChild[];
  readonly perSecond: number;
}

const batchMs = 250;
/** Batches without an answer; more wait, and are made up for when there is room. */
const openMax = 8;

export class Load {
  /** Hashes of transactions that a node said it had stored. */
  readonly acknowledged: string[] = [];
  /** Reasons of refusals, and how often the node to ask had died. */
  readonly troubles = new Map<string, number>();
  sent = 0;
  readonly #options: LoadOptions;
  readonly #nonces = new Map<Signer, number>();
  /** Not taken, or nobody knows: offered again with the next batch of their sender, so that no nonce stays unused. */
  readonly #again = new Map<Signer, SignedBytes[]>();
  readonly #receiver = createSigner(randomBytes(32)).publicKey;
  #timer: NodeJS.Timeout | null = null;
  readonly #open = new Set<Promise<void>>();
  #batch = 0;
  #startedMs = 0;
  #endedMs = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#due(), batchMs);
  }

  /** Stops, and waits for the answers. Idempotent. */
  async stop(): Promise<void> {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#endedMs = performance.now();
    await Promise.all(this.#open);
  }

  /** Transactions offered a second over the whole time. */
  get rate(): number {
    return (this.sent * 1000) / (this.#endedMs - this.#startedMs);
  }

  /** As many batches as the time that has passed asks for: a turn that was late is made up for. */
  #due(): void {
    const due = Math.floor((performance.now() - this.#startedMs) / batchMs);
    for (; this.#batch < due && this.#open.size < openMax; this.#batch++) {
      const sending: Promise<void> = this.#send(this.#batch).finally(() => this.#open.delete(sending));
      this.#open.add(sending);
    }
  }

  async #send(batch: number): Promise<void> {
    const { senders, nodes, perSecond } = this.#options;
    const sender = senders[batch % senders.length];
    const candidates = nodes();
    const node = candidates[batch % candidates.length];
    if (sender === undefined || node === undefined) throw new Error('a load needs senders and nodes');
    const again = this.#again.get(sender) ?? [];
    // A sender whose nonces are too far ahead of the chain adds no more.
    const freshCount = again.length === 0 ? Math.ceil((perSecond * batchMs) / 1000) : 0;
    const fresh = Array.from({ length: freshCount }, () => this.#next(sender));
    const offered = [...again, ...fresh];
    this.#again.set(sender, []);
    this.sent += fresh.length;
    try {
      const results = await node.client.submitBatch(offered.map(({ bytes }) => bytes));
      results.forEach(({ outcome, reason }, index) => {
        const transaction = offered[index];
        if (transaction === undefined) return;
        if (outcome === 'rejected') this.#failed(sender, [transaction], reason ?? 'no reason');
        else this.acknowledged.push(transaction.hash);
      });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.#failed(sender, offered, error.reason === '' ? error.code : error.reason);
    }
  }

  #failed(sender: Signer, transactions: readonly SignedBytes[], reason: string): void {
    this.#again.get(sender)?.push(...transactions);
    this.#trouble(reason);
  }

  #trouble(name: string): void {
    this.troubles.set(name, (this.troubles.get(name) ?? 0) + 1);
  }

  #next(sender: Signer): SignedBytes {
    const nonce = this.#nonces.get(sender) ?? 0;
    this.#nonces.set(sender, nonce + 1);
    return transfer(this.#options.chainId, sender, nonce, this.#receiver);
  }
}
