/**
 * Nothing that a correct validator sends is refused by another one: each rule is kept by those who check it. But for a
 * transaction that is signed with a key which its account has since, or not yet, at the receiver's height.
 */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { CheckedRun, Checker } from './checker.ts';

const matterOfHeights = 'transaction-bad-signature';

export class Innocence implements Checker {
  readonly name = 'innocence' as const;
  readonly #liars: ReadonlySet<PublicKey>;

  constructor({ liars }: Pick<CheckedRun, 'liars'>) {
    this.#liars = liars;
  }

  onReport(node: number, peer: PublicKey, reason: string): string | null {
    if (this.#liars.has(peer) || reason === matterOfHeights) return null;
    return `validator ${node} refuses what ${peer} sent, which never lied: ${reason}`;
  }
}
