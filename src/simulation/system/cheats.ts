/**
 * Clients that cheat: what they send is well formed and signed as it should be, and breaks a rule that only a ledger can
 * know: nonces used before or skipped, the same bytes again, two transactions of one nonce through two nodes, money that
 * is not there, transactions that have expired or soon will. What a sound client would send is among it.
 */
import type { ChainId } from '../../protocols/shared/brands.ts';
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Draw } from '../draw.ts';
import { isReachable, lastingHeight, signedTransaction, submit } from './client.ts';
import { accountBalance } from './genesis.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface CheatsOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  /** Of nobody else. */
  readonly accounts: readonly Signer[];
  readonly nodes: readonly ValidatorNode[];
}

/** Beside the lowest nonce that the node would take: often that one, or one that leaves gaps or is too far, or one used before. */
const nonceOffsets = [0, 0, 0, 0, 1, 2, 7, 40, 64, -1, -1, -2, -20];
/** Blocks from the last one to the expiry; null: it lasts. */
const expiryOffsets = [null, null, null, null, 0, 1, 2];
/** Of what is sent, that the same bytes were sent before. */
const repeatedShare = 0.15;
const rememberedMax = 200;
const hugeAmount = 2n ** 63n;

interface Business {
  readonly kind: string;
  readonly body: unknown;
}

export class Cheats {
  readonly #options: CheatsOptions;
  #sent: readonly Uint8Array[] = [];

  constructor(options: CheatsOptions) {
    this.#options = options;
  }

  /** Returns what ends it. */
  begin(perSecond: number, draw: Draw): () => void {
    const { clock } = this.#options;
    let timer: TimerHandle | null = null;
    const next = (): void => {
      this.#cheat(draw);
      timer = clock.setTimer(draw.between(0, 2_000_000 / perSecond) / 1000, next);
    };
    next();
    return () => timer?.cancel();
  }

  #cheat(draw: Draw): void {
    const reachable = this.#options.nodes.filter(isReachable);
    if (reachable.length === 0) return;
    const node = draw.pick(reachable);
    if (this.#sent.length > 0 && draw.chance(repeatedShare)) {
      this.#send(node, draw.pick(this.#sent));
      return;
    }
    const signer = draw.pick(this.#options.accounts);
    const lowest = node.parts?.wiring.pool.nextNonce(signer.publicKey) ?? 0;
    const nonce = Math.max(0, lowest + draw.pick(nonceOffsets));
    this.#send(node, this.#transaction(node, signer, nonce, draw));
    // The same nonce through another node, for something else.
    if (draw.chance(0.2)) {
      const other = draw.pick(reachable);
      this.#send(other, this.#transaction(other, signer, nonce, draw));
    }
  }

  #send(node: ValidatorNode, bytes: Uint8Array): void {
    this.#sent = [...this.#sent.slice(1 - rememberedMax), bytes];
    // Which of two that exclude each other gets into a block is nobody's promise.
    node.enter(() => submit(node, [bytes], () => undefined));
  }

  #transaction(node: ValidatorNode, signer: Signer, nonce: number, draw: Draw): Uint8Array {
    const { chainId } = this.#options;
    const { kind, body } = this.#business(signer, draw);
    const offset = draw.pick(expiryOffsets);
    const tip = node.parts?.chain.tip.height ?? 0;
    const expiryHeight = offset === null ? lastingHeight : tip + offset;
    return signedTransaction({ chainId, sender: signer.publicKey, nonce, kind, body, expiryHeight }, signer);
  }

  /** Half of the balance goes through once or twice, all that there ever was seldom, more never. */
  #business(signer: Signer, draw: Draw): Business {
    const { accounts } = this.#options;
    const other = draw.pick(accounts).publicKey;
    const amount = draw.pick([0n, 1n, accountBalance / 2n, accountBalance, 2n * accountBalance, hugeAmount]);
    switch (draw.between(0, 4)) {
      case 0:
        return { kind: 'accounts.bond', body: { amount } };
      case 1:
        return { kind: 'accounts.unbond', body: { amount } };
      case 2:
        // No key that anybody can sign with.
        return { kind: 'accounts.transfer', body: { to: `${signer.publicKey.slice(0, 60)}0000`, amount } };
      default:
        return { kind: 'accounts.transfer', body: { to: other, amount } };
    }
  }
}
