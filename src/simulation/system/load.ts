/** Clients that transfer money through the validators' mempools, and remember what they were told. */
import type { ChainId } from '../../protocols/shared/brands.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Draw } from '../draw.ts';
import { signedTransaction, submit } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface LoadOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly accounts: readonly Signer[];
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly perSecond: number;
  readonly untilMs: number;
  /** A validator said that it has stored the transaction durably. */
  readonly onAcknowledged: (hash: string, node: number) => void;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #nonces: number[];
  #submitted = 0;
  #rejected = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#nonces = options.accounts.map(() => 0);
  }

  get submitted(): number {
    return this.#submitted;
  }

  get rejected(): number {
    return this.#rejected;
  }

  /** One transfer after the other, at random moments of this rate. */
  start(): void {
    const { clock, draw, perSecond, untilMs } = this.#options;
    if (perSecond === 0) return;
    const meanUs = 1_000_000 / perSecond;
    const next = (): void => {
      if (clock.monotonicMs() >= untilMs) return;
      this.#submit();
      clock.setTimer(draw.between(0, 2 * meanUs) / 1000, next);
    };
    clock.setTimer(draw.between(0, 2 * meanUs) / 1000, next);
  }

  #submit(): void {
    const { draw, nodes, accounts } = this.#options;
    const from = draw.between(0, accounts.length - 1);
    const to = draw.between(0, accounts.length - 1);
    const amount = BigInt(draw.between(1, 1000));
    const node = draw.pick(nodes);
    // A client whose validator does not answer asks another one; here it lets it be.
    if (node.isDown || node.isPaused) return;
    node.enter(() => this.#send(node, from, this.#transfer(from, to, amount)));
  }

  #send(node: ValidatorNode, from: number, bytes: Uint8Array): void {
    if (node.parts === null) return;
    this.#submitted += 1;
    this.#nonces[from] = (this.#nonces[from] ?? 0) + 1;
    // Without an answer the client knows nothing of it, and nothing was promised.
    submit(node, [bytes], (outcomes) => {
      const outcome = outcomes?.[0];
      if (outcome?.outcome === 'accepted') this.#options.onAcknowledged(outcome.hash, node.index);
      else if (outcome?.outcome === 'rejected') this.#rejected += 1;
    });
  }

  #transfer(from: number, to: number, amount: bigint): Uint8Array {
    const { accounts, chainId } = this.#options;
    const sender = accounts[from] as Signer;
    const body = { to: (accounts[to] as Signer).publicKey, amount };
    const nonce = this.#nonces[from] ?? 0;
    return signedTransaction({ chainId, sender: sender.publicKey, nonce, kind: 'accounts.transfer', body }, sender);
  }
}
