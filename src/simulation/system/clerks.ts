/**
 * Clients with other business than transfers. Each has one transaction under way at a time and sends the very same bytes
 * to another validator until it sees them in a block, as a careful client does.
 */
import { rotationSigningBytes } from '../../protocols/ledger/modules/accounts.ts';
import { transactionHash } from '../../protocols/ledger/transaction.ts';
import type { ChainId, Digest } from '../../protocols/shared/brands.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Draw } from '../draw.ts';
import { isReachable, signedTransaction, submit } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface ClerksOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  readonly accounts: readonly Signer[];
  readonly nodes: readonly ValidatorNode[];
  readonly draw: Draw;
  readonly createSigner: () => Signer;
  readonly untilMs: number;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

interface Clerk {
  readonly number: number;
  readonly account: Signer;
  /** Signs for the account at present. */
  signer: Signer;
  /** Takes over when the pending transaction is in a block. */
  nextSigner: Signer;
  nonce: number;
  isRegistered: boolean;
  pending: { readonly bytes: Uint8Array; readonly hash: Digest; readonly kind: string; sentAtMs: number } | null;
}

const everyMs = 1_000;
const againAfterMs = 8_000;

export class Clerks {
  readonly #options: ClerksOptions;
  readonly #clerks: readonly Clerk[];

  constructor(options: ClerksOptions) {
    this.#options = options;
    this.#clerks = options.accounts.map((account, number) => ({
      ...{ number, account, signer: account, nextSigner: account },
      ...{ nonce: 0, isRegistered: false, pending: null },
    }));
  }

  start(): void {
    const { clock } = this.#options;
    const next = (): void => {
      for (const clerk of this.#clerks) this.#work(clerk);
      clock.setTimer(everyMs, next);
    };
    clock.setTimer(everyMs, next);
  }

  #work(clerk: Clerk): void {
    const { clock, draw, nodes, untilMs } = this.#options;
    const node = draw.pick(nodes);
    if (!isReachable(node)) return;
    const { pending } = clerk;
    if (pending !== null && node.parts?.wiring.reader.place(pending.hash) !== undefined) this.#done(clerk);
    const nowMs = clock.monotonicMs();
    if (clerk.pending === null && nowMs < untilMs && draw.chance(0.5)) this.#begin(clerk);
    const due = clerk.pending;
    if (due === null || nowMs < due.sentAtMs + againAfterMs) return;
    due.sentAtMs = nowMs;
    node.enter(() => {
      submit(node, [due.bytes], (outcomes) => {
        const outcome = outcomes?.[0];
        if (outcome?.outcome === 'accepted') this.#options.onAcknowledged(outcome.hash, node.index);
      });
    });
  }

  #done(clerk: Clerk): void {
    if (clerk.pending?.kind === 'registry.register') clerk.isRegistered = true;
    if (clerk.pending?.kind === 'registry.deregister') clerk.isRegistered = false;
    clerk.signer = clerk.nextSigner;
    clerk.nonce += 1;
    clerk.pending = null;
  }

  #begin(clerk: Clerk): void {
    const { chainId } = this.#options;
    const { account, nonce, signer } = clerk;
    const { kind, body } = this.#business(clerk);
    const bytes = signedTransaction({ chainId, sender: account.publicKey, nonce, kind, body }, signer);
    clerk.pending = { bytes, hash: transactionHash(bytes), kind, sentAtMs: -againAfterMs };
  }

  /** Some of it is refused when it is executed, as an unbonding of what is not bonded: that too is a result. */
  #business(clerk: Clerk): { readonly kind: string; readonly body: unknown } {
    const { draw, chainId, createSigner } = this.#options;
    const { account, number } = clerk;
    const description = { endpoints: [`service-${number}:80`], region: 'here', leaseMs: draw.between(2_000, 30_000) };
    const id = `service-${number}`;
    switch (draw.between(0, 5)) {
      case 0:
        return { kind: 'accounts.bond', body: { amount: BigInt(draw.between(1, 1_000)) } };
      case 1:
        return { kind: 'accounts.unbond', body: { amount: BigInt(draw.between(1, 500)) } };
      case 2: {
        clerk.nextSigner = createSigner();
        const newKey = clerk.nextSigner.publicKey;
        const possession = clerk.nextSigner.sign(rotationSigningBytes(chainId, account.publicKey, newKey));
        return { kind: 'accounts.rotate-key', body: { newKey, possession } };
      }
      case 3:
        return { kind: 'accounts.transfer', body: { to: createSigner().publicKey, amount: 7n } };
      case 4:
        return clerk.isRegistered && draw.chance(0.3)
          ? { kind: 'registry.deregister', body: { id } }
          : { kind: 'registry.register', body: { id, kind: 'court', node: account.publicKey, ...description } };
      default:
        return { kind: 'registry.update', body: { id, ...description } };
    }
  }
}
