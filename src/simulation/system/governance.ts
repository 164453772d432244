/**
 * Governors who propose changes of the chain's parameters, sound ones and others, and validators who vote: for them,
 * against them, or not at all, until the proposal lapses.
 */
import { membersAt } from '../../protocols/ledger/queries.ts';
import { transactionHash } from '../../protocols/ledger/transaction.ts';
import type { ChainId, Digest } from '../../protocols/shared/brands.ts';
import type { Clock, TimerHandle } from '../../runtime/ports/clock.ts';
import type { Signer } from '../../runtime/ports/signer.ts';
import type { Draw } from '../draw.ts';
import { isReachable, signedTransaction, submit } from './client.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface GovernanceOptions {
  readonly clock: Clock;
  readonly chainId: ChainId;
  /** Named by genesis, and of nobody else. */
  readonly governors: readonly Signer[];
  readonly nodes: readonly ValidatorNode[];
  readonly isCorrect: (node: number) => boolean;
  /** Sends a transaction of a node's own account through the node. */
  readonly send: (node: ValidatorNode, kind: string, body: unknown) => void;
}

const everyMs = 2_500;

interface Change {
  readonly name: string;
  readonly value: number;
}

/** Nothing among it that checkers count on. */
const changesOf = (draw: Draw): readonly Change[] => {
  const blocks = draw.between(900, 1_100);
  return draw.pick<readonly Change[]>([
    [{ name: 'checkpointIntervalBlocks', value: draw.between(3, 20) }],
    [{ name: 'voteLapseBlocks', value: draw.between(6, 60) }],
    [
      { name: 'evidenceAgeBlocks', value: blocks },
      { name: 'trustPeriodBlocks', value: blocks - draw.between(0, 50) },
      { name: 'unbondingBlocks', value: blocks + draw.between(-5, 50) },
    ],
    [{ name: 'finalityThreshold', value: draw.between(90, 110) }],
    [{ name: 'protocolVersion', value: 1 }],
    [{ name: 'colour', value: 7 }],
  ]);
};

export class Governance {
  readonly #options: GovernanceOptions;

  constructor(options: GovernanceOptions) {
    this.#options = options;
  }

  /** Returns what ends it. */
  begin(draw: Draw): () => void {
    const { clock, nodes } = this.#options;
    let timer: TimerHandle | null = null;
    const next = (): void => {
      const node = draw.pick(nodes);
      if (isReachable(node)) this.#propose(node, draw);
      timer = clock.setTimer(everyMs, next);
    };
    next();
    return () => timer?.cancel();
  }

  #propose(node: ValidatorNode, draw: Draw): void {
    const { chainId, governors, clock } = this.#options;
    const signer = draw.pick(governors);
    const { publicKey: sender } = signer;
    const { chain, wiring } = node.parts as NonNullable<typeof node.parts>;
    const body = {
      changes: changesOf(draw),
      activationHeight: draw.chance(0.5) ? 0 : chain.tip.height + draw.between(1, 12),
    };
    const nonce = wiring.pool.nextNonce(sender);
    const bytes = signedTransaction({ chainId, sender, nonce, kind: 'governance.propose-parameter', body }, signer);
    const share = draw.pick([0, 0.5, 1]);
    const votes = new Map(
      this.#options.nodes.map(({ index }) => [index, draw.chance(share) ? draw.chance(0.85) : null] as const),
    );
    node.enter(() => submit(node, [bytes], () => undefined));
    clock.setTimer(2 * everyMs, () => this.#vote(transactionHash(bytes), votes));
  }

  /** `votes`: what each node says of it; null: nothing. Whom the proposal has not reached votes in vain. */
  #vote(proposal: Digest, votes: ReadonlyMap<number, boolean | null>): void {
    const { nodes, isCorrect, send } = this.#options;
    for (const node of nodes) {
      const approve = votes.get(node.index) ?? null;
      if (approve === null || !isCorrect(node.index) || !isReachable(node)) continue;
      const state = node.parts?.chain.state;
      if (state !== undefined && membersAt(state).has(node.key)) send(node, 'governance.vote', { proposal, approve });
    }
  }
}
