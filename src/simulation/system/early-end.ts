/**
 * Ends a run before its time, as soon as it has shown all that it is to show: blocks came back, every correct validator
 * votes again and is as far as the others, and nothing is outstanding that checkers wait for.
 */
import type { UnsignedPayload } from '../../protocols/ibft/messages.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { ValidatorNode } from './validator-node.ts';

export interface EarlyEndOptions {
  readonly clock: Clock;
  readonly nodes: readonly ValidatorNode[];
  readonly isCorrect: (node: number) => boolean;
  readonly highest: () => number;
  /** Whether the first block after the last fault has come. */
  readonly hasRecovered: () => boolean;
  /** Whether a checker waits for something that a later block may bring. */
  readonly isOutstanding: () => boolean;
  readonly onEnd: () => void;
}

const everyMs = 100;
/** Blocks after which what a validator does is no remnant of before. */
const furtherBlocks = 2;

export class EarlyEnd {
  readonly #options: EarlyEndOptions;
  /** The highest height at which each node has committed. */
  readonly #committed = new Map<number, number>();

  constructor(options: EarlyEndOptions) {
    this.#options = options;
  }

  onSigned(node: number, { kind, height }: UnsignedPayload): void {
    if (kind === 'commit') this.#committed.set(node, height);
  }

  /** From this moment of the run on. */
  start(fromMs: number): void {
    const { clock, highest } = this.#options;
    clock.setTimer(fromMs, () => this.#await(highest() + furtherBlocks));
  }

  #await(height: number): void {
    this.#options.clock.setTimer(everyMs, () => {
      if (this.#hasShownAll(height)) this.#options.onEnd();
      else this.#await(height);
    });
  }

  #hasShownAll(height: number): boolean {
    const { nodes, isCorrect, hasRecovered, isOutstanding } = this.#options;
    const isBack = ({ index, key, parts }: ValidatorNode): boolean => {
      if (parts === null || parts.chain.tip.height < height) return false;
      const isMember = parts.chain.tip.set.validators.some(({ publicKey }) => publicKey === key);
      return !isMember || (this.#committed.get(index) ?? 0) >= height;
    };
    return hasRecovered() && nodes.filter(({ index }) => isCorrect(index)).every(isBack) && !isOutstanding();
  }
}
