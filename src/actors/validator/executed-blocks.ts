/** Blocks of the present height that were built or executed here, by digest. The oldest go first. */
import type { Digest } from '../../protocols/shared/brands.ts';
import type { ExecutedBlock } from '../chain/chain.ts';

/** The current proposal, an older prepared one, and some slack. */
const kept = 8;

export class ExecutedBlocks {
  readonly #blocks = new Map<Digest, ExecutedBlock>();

  keep(executed: ExecutedBlock): void {
    this.#blocks.set(executed.digest, executed);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= kept) break;
      this.#blocks.delete(oldest);
    }
  }

  has(digest: Digest): boolean {
    return this.#blocks.has(digest);
  }

  get(digest: Digest): ExecutedBlock | undefined {
    return this.#blocks.get(digest);
  }

  clear(): void {
    this.#blocks.clear();
  }
}
