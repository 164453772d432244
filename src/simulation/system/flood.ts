/**
 * Clients that send one node more than it can want: bursts of sound transactions among all sorts of unsound ones. At times
 * crowds of accounts come into being.
 */
import { encodeBody } from '../../protocols/ledger/application.ts';
import { nonceWindow, transactionBytesMax, transactionCodec } from '../../protocols/ledger/transaction.ts';
import { type ChainId, height, type PublicKey, publicKey } from '../../protocols/shared/brands.ts';
import { encode } from '../../protocols/shared/codec.ts';
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Draw } from '../draw.ts';
import { isReachable, lastingHeight, signedTransaction, submit } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface FloodOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  /** Of nobody else. */
  readonly accounts: readonly Signer[];
  readonly nodes: readonly ValidatorNode[];
  readonly createSigner: () => Signer;
  readonly onAcknowledged: (hash: string, node: number) => void;
}

interface Client {
  readonly signer: Signer;
  nonce: number;
  /** Waits for an answer. */
  isBusy: boolean;
}

/** Another key than this one, whichever it is. */
const nobodyLike = (key: PublicKey): PublicKey => publicKey(`${key.slice(0, 62)}${key.endsWith('00') ? '01' : '00'}`);

const everyMs = 100;
const soundPerBurst = 8;
/** For the last of so many milliseconds, all sound transfers are to accounts that do not exist yet. */
const crowdEveryMs = 6_000;
const crowdForMs = 1_000;

export class Flood {
  readonly #options: FloodOptions;
  readonly #clients: readonly Client[];

  constructor(options: FloodOptions) {
    this.#options = options;
    this.#clients = options.accounts.map((signer) => ({ signer, nonce: 0, isBusy: false }));
  }

  /** Returns what ends it. */
  begin(node: number, perSecond: number, draw: Draw): () => void {
    const { clock, nodes } = this.#options;
    const target = nodes[node] as ValidatorNode;
    const count = Math.max(1, Math.round((perSecond * everyMs) / 1000));
    let timer: TimerHandle | null = null;
    const burst = (): void => {
      if (isReachable(target)) target.enter(() => this.#burst(target, count, draw));
      timer = clock.setTimer(everyMs, burst);
    };
    burst();
    return () => timer?.cancel();
  }

  #burst(target: ValidatorNode, count: number, draw: Draw): void {
    const idle = this.#clients.filter(({ isBusy }) => !isBusy);
    if (idle.length > 0) this.#sound(target, draw.pick(idle), Math.min(soundPerBurst, count));
    const unsound = Array.from({ length: Math.max(0, count - soundPerBurst) }, () => this.#unsound(target, draw));
    if (unsound.length > 0) submit(target, unsound, () => undefined);
  }

  /** A run of nonces at once. Those refused, as beyond the window, come again. */
  #sound(target: ValidatorNode, client: Client, count: number): void {
    const { chainId, accounts, clock, createSigner, onAcknowledged } = this.#options;
    const isCrowd = clock.monotonicMs() % crowdEveryMs >= crowdEveryMs - crowdForMs;
    const bytes = Array.from({ length: count }, (_, at) => {
      const to = isCrowd ? createSigner() : accounts[0];
      const body = { to: to?.publicKey, amount: 1n };
      const of = { chainId, sender: client.signer.publicKey, nonce: client.nonce + at };
      return signedTransaction({ ...of, kind: 'accounts.transfer', body }, client.signer);
    });
    client.isBusy = true;
    submit(target, bytes, (outcomes) => {
      // No answer: what became of these nonces is unknown, and the client gives up.
      if (outcomes === null) return;
      client.isBusy = false;
      for (const outcome of outcomes) {
        if (outcome.outcome === 'rejected') {
          // Others may have what its disk refused: what became of it is unknown.
          client.isBusy = outcome.reason.startsWith('store-');
          break;
        }
        client.nonce += 1;
        if (outcome.outcome === 'accepted') onAcknowledged(outcome.hash, target.index);
      }
    });
  }

  #unsound(target: ValidatorNode, draw: Draw): Uint8Array {
    const { chainId, accounts } = this.#options;
    const signer = draw.pick(accounts);
    const other = draw.pick(accounts);
    const nonce = draw.between(0, 40);
    const body = { to: other.publicKey, amount: 1n };
    const sound = { chainId, sender: signer.publicKey, nonce, kind: 'accounts.transfer', body };
    const tip = target.parts?.chain.tip.height ?? 0;
    switch (draw.between(0, 7)) {
      case 0:
        // Signed by somebody else, unless chance will have it otherwise.
        return signer === other ? new Uint8Array(3) : signedTransaction(sound, other);
      case 1:
        return signedTransaction({ ...sound, nonce: 1_000_000 + nonceWindow }, signer);
      case 2:
        return signedTransaction({ ...sound, expiryHeight: Math.max(0, tip - 1) }, signer);
      case 3:
        return signedTransaction({ ...sound, chainId: signer.publicKey as string as ChainId }, signer);
      case 4:
        return new Uint8Array(draw.between(0, transactionBytesMax + 2_000));
      case 5: {
        const content = {
          ...sound,
          kind: 'accounts.mint',
          expiryHeight: lastingHeight,
          body: encodeBody('accounts.transfer', body),
        };
        return encode(transactionCodec, { ...content, signature: new Uint8Array(64) });
      }
      case 6:
        return signedTransaction({ ...sound, sender: nobodyLike(signer.publicKey) }, signer);
      default:
        return signedTransaction({ ...sound, expiryHeight: height(tip + 1), nonce: nonce + 1_000 }, signer);
    }
  }
}
