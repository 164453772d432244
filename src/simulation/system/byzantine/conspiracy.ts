/**
 * What the liars of one run agree on: which of the others are to see which of two blocks. All of them vote for the one
 * block towards one camp and for the other towards the other, which is the strongest form of equivocation there is.
 */
import type { EncodedBlock } from '../../../protocols/ibft/messages.ts';
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Draw } from '../../draw.ts';

export type Camp = 'honest' | 'other';

/** Rounds of which the liars remember their plan. */
const plansMax = 64;

export class Conspiracy {
  readonly #draw: Draw;
  /** The block that the other camp sees, by height and round. */
  readonly #others = new Map<string, { readonly block: EncodedBlock; readonly digest: Digest }>();

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  /** Of a peer at a height: it stays the same for all rounds. */
  campOf(height: number, peer: PublicKey): Camp {
    return this.#draw.fork(`${height}/${peer}`).chance(0.5) ? 'honest' : 'other';
  }

  otherBlock(height: number, round: number): { readonly block: EncodedBlock; readonly digest: Digest } | undefined {
    return this.#others.get(`${height}/${round}`);
  }

  agree(height: number, round: number, block: EncodedBlock, digest: Digest): void {
    this.#others.set(`${height}/${round}`, { block, digest });
    for (const oldest of this.#others.keys()) {
      if (this.#others.size <= plansMax) return;
      this.#others.delete(oldest);
    }
  }
}
