/** What a node told as final is on its disk: it starts again from that height or a later one, unless its disk was lost. */
import type { Checker, FinalBlock } from './checker.ts';

export class FinalityChecker implements Checker {
  readonly name = 'finality' as const;
  readonly #told = new Map<number, number>();

  onFinal({ node, height }: Pick<FinalBlock, 'node' | 'height'>): string | null {
    this.#told.set(node, Math.max(height, this.#told.get(node) ?? 0));
    return null;
  }

  onDiskLost(node: number): void {
    this.#told.delete(node);
  }

  onStart(node: number, height: number): string | null {
    const told = this.#told.get(node) ?? 0;
    return height >= told ? null : `validator ${node} starts at height ${height}; it told that block ${told} is final`;
  }
}
