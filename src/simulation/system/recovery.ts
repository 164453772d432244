/**
 * Liveness: once the faults are over and a quorum is pairwise linked, the next block is decided within two block times and
 * (f + 1) round time-outs, whatever rounds had been reached. Source: consensus design, "Recovery".
 *
 * A time-out is the base one after a quorum of links was lost. Where it was not lost, but everything became slow, rounds
 * ran out and time-outs have rightly grown with them (rule 9): then the bound counts them as long as they may have become.
 */
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
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
  readonly roundTimeoutMaxMs: number;
  /** Whether a fault of this run lets rounds run out while a quorum is linked. */
  readonly isSlowed: boolean;
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
  /** The highest round that a correct node changed to, of the latest height in which one did. */
  #changed = { height: 0, round: 0 };

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** From a linked quorum to the next block, ms; null where it has not come to that. */
  get tookMs(): number | null {
    return this.#tookMs;
  }

  onSigned(node: number, { kind, height, round }: UnsignedPayload): void {
    if (kind !== 'round-change' || height < this.#changed.height || !this.#options.isCorrect(node)) return;
    this.#changed = { height, round: height > this.#changed.height ? round : Math.max(round, this.#changed.round) };
  }

  /** Called when the last fault has ended. */
  start(): void {
    this.#awaitLinks(this.#options.clock.monotonicMs());
  }

  #awaitLinks(sinceMs: number): void {
    const { clock, highest, onViolation } = this.#options;
    clock.setTimer(everyMs, () => {
      if (this.#isQuorumLinked()) this.#awaitBlock(clock.monotonicMs(), highest(), this.#boundMs());
      else if (clock.monotonicMs() - sinceMs < linkedWithinMs) this.#awaitLinks(sinceMs);
      else onViolation(`no quorum was linked and ready to vote within ${linkedWithinMs} ms after the last fault`);
    });
  }

  #awaitBlock(sinceMs: number, height: number, boundMs: number): void {
    const { clock, highest, onViolation } = this.#options;
    clock.setTimer(everyMs, () => {
      const passedMs = clock.monotonicMs() - sinceMs;
      if (highest() > height) this.#tookMs = passedMs;
      else if (passedMs < boundMs) this.#awaitBlock(sinceMs, height, boundMs);
      else onViolation(`no block after height ${height} within ${boundMs} ms of a linked quorum`);
    });
  }

  #boundMs(): number {
    const { blockTimeMs, roundTimeoutBaseMs, roundTimeoutMaxMs, slackMs, isSlowed, highest } = this.#options;
    const faulty = faultyCountMax(this.#set.validators.length);
    const expiries = isSlowed && this.#changed.height === highest() + 1 ? this.#changed.round : 0;
    let boundMs = 2 * blockTimeMs + slackMs;
    for (let more = 0; more <= faulty; more++) {
      boundMs += Math.min(roundTimeoutMaxMs, roundTimeoutBaseMs * 2 ** Math.max(0, expiries + more - faulty));
    }
    return boundMs;
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
