/**
 * Liveness: once the faults are over and a quorum is pairwise linked, the next block is decided within two block times and
 * (f + 1) round time-outs, whatever rounds had been reached. Source: consensus design, "Recovery".
 */
import { faultyCountMax, type ValidatorSet } from '../../protocols/ledger/validator-set.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface RecoveryOptions {
  readonly clock: Clock;
  readonly nodes: readonly ValidatorNode[];
  /** Whether a node never lies: nobody has to rely on the others. */
  readonly isCorrect: (node: number) => boolean;
  readonly blockTimeMs: number;
  readonly roundTimeoutBaseMs: number;
  /** For messages and syncs, which the bound of the design does not count. */
  readonly slackMs: number;
  readonly highest: () => number;
  readonly onViolation: (detail: string) => void;
}

const everyMs = 50;
/** Redials within 10 s, a handshake that was under way may take its 5 s. */
const linkedWithinMs = 20_000;

export class Recovery {
  readonly #options: RecoveryOptions;
  #tookMs: number | null = null;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** From a linked quorum to the next block, ms; null where it has not come to that. */
  get tookMs(): number | null {
    return this.#tookMs;
  }

  /** Called when the last fault has ended. */
  start(): void {
    this.#awaitLinks(this.#options.clock.monotonicMs());
  }

  #awaitLinks(sinceMs: number): void {
    const { clock, highest, onViolation } = this.#options;
    clock.setTimer(everyMs, () => {
      if (this.#isQuorumLinked()) this.#awaitBlock(clock.monotonicMs(), highest());
      else if (clock.monotonicMs() - sinceMs < linkedWithinMs) this.#awaitLinks(sinceMs);
      else onViolation(`no quorum was linked and ready to vote within ${linkedWithinMs} ms after the last fault`);
    });
  }

  #awaitBlock(sinceMs: number, height: number): void {
    const { clock, highest, onViolation } = this.#options;
    clock.setTimer(everyMs, () => {
      const passedMs = clock.monotonicMs() - sinceMs;
      if (highest() > height) this.#tookMs = passedMs;
      else if (passedMs < this.#boundMs) this.#awaitBlock(sinceMs, height);
      else onViolation(`no block after height ${height} within ${this.#boundMs} ms of a linked quorum`);
    });
  }

  get #boundMs(): number {
    const { blockTimeMs, roundTimeoutBaseMs, slackMs } = this.#options;
    return 2 * blockTimeMs + (faultyCountMax(this.#set.validators.length) + 1) * roundTimeoutBaseMs + slackMs;
  }

  /** The set that decides the next block, as far as any correct node knows. */
  get #set(): ValidatorSet {
    const { nodes, isCorrect } = this.#options;
    const tips = nodes.flatMap(({ index, parts }) => (parts === null || !isCorrect(index) ? [] : [parts.chain.tip]));
    const latest = tips.reduce<(typeof tips)[number] | undefined>(
      (best, tip) => (best === undefined || tip.height > best.height ? tip : best),
      undefined,
    );
    return latest?.set ?? { validators: [], quorum: 1 };
  }

  /** Whether a quorum of those that may vote are pairwise linked, found by leaving out the least linked. */
  #isQuorumLinked(): boolean {
    const { nodes, isCorrect } = this.#options;
    const { validators, quorum } = this.#set;
    let left = nodes.filter(
      ({ index, key, parts }) =>
        isCorrect(index) &&
        validators.some(({ publicKey }) => publicKey === key) &&
        parts !== null &&
        parts.wiring.trouble() === null,
    );
    while (left.length >= quorum) {
      const counts = left.map((node) => linkedAmong(node, left));
      const fewest = Math.min(...counts);
      if (fewest === left.length - 1) return true;
      left = left.filter((_, index) => index !== counts.indexOf(fewest));
    }
    return false;
  }
}

function linkedAmong(node: ValidatorNode, others: readonly ValidatorNode[]): number {
  const live = node.parts?.wiring.livePeers() ?? [];
  return others.filter(({ key }) => live.includes(key)).length;
}
