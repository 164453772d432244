/** One block a height, whoever tells it and however often. */
import type { Digest } from '../../../protocols/shared/brands.ts';
import type { Checker, FinalBlock } from './checker.ts';

export class Agreement implements Checker {
  readonly name = 'agreement' as const;
  readonly #digests = new Map<number, { readonly digest: Digest; readonly node: number }>();
  #highest = 0;

  get highest(): number {
    return this.#highest;
  }

  onFinal({ node, height, digest }: Pick<FinalBlock, 'node' | 'height' | 'digest'>): string | null {
    const known = this.#digests.get(height);
    if (known === undefined) {
      this.#digests.set(height, { digest, node });
      this.#highest = Math.max(this.#highest, height);
      return null;
    }
    if (known.digest === digest) return null;
    return `height ${height}: validator ${known.node} finalised ${known.digest}, validator ${node} ${digest}`;
  }
}
