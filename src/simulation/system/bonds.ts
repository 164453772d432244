/**
 * Operators who bond more than they must and ask for it back bit by bit, so that at any time some of it is on its way. Who
 * is punished meanwhile loses that too.
 */
import { accountAt } from '../../protocols/ledger/queries.ts';
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';
import type { Draw } from '../draw.ts';
import { isReachable } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface BondsOptions {
  readonly clock: Clock;
  readonly nodes: readonly ValidatorNode[];
  /** Sends a transaction of a node's own account through the node. */
  readonly send: (node: ValidatorNode, kind: string, body: unknown) => void;
}

const everyMs = 1_500;
const amountMax = 10_000;

export class Bonds {
  readonly #options: BondsOptions;

  constructor(options: BondsOptions) {
    this.#options = options;
  }

  /** Returns what ends it. */
  begin(index: number, draw: Draw): () => void {
    const { clock, nodes } = this.#options;
    const node = nodes[index] as ValidatorNode;
    let timer: TimerHandle | null = null;
    const next = (): void => {
      if (isReachable(node)) this.#move(node, draw);
      timer = clock.setTimer(everyMs, next);
    };
    next();
    return () => timer?.cancel();
  }

  #move(node: ValidatorNode, draw: Draw): void {
    const state = node.parts?.chain.state;
    const account = state === undefined ? undefined : accountAt(state, node.key);
    if (account === undefined) return;
    const spare = Number(account.bonded - account.locked);
    if (spare > 0 && draw.chance(0.5)) {
      this.#options.send(node, 'accounts.unbond', { amount: BigInt(draw.between(1, spare)) });
    } else {
      this.#options.send(node, 'accounts.bond', { amount: BigInt(draw.between(1, amountMax)) });
    }
  }
}
