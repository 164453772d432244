/**
 * Nothing that a correct validator sends is refused by another one: each rule is kept by those who check it. But for a
 * transaction that is signed with a key which its account has since, or not yet, at the receiver's height; and but for
 * what cannot be read where frames overtake each other: links name a target once a connection and number it from then on,
 * so that two names that change places lead to the wrong actors. TCP delivers in order, or not at all.
 */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { CheckedRun, Checker } from './checker.ts';

const matterOfHeights = 'transaction-bad-signature';
const misled = /^undecodable /;

export class Innocence implements Checker {
  readonly name = 'innocence' as const;
  readonly #liars: ReadonlySet<PublicKey>;
  readonly #isDisorderly: boolean;

  constructor({ liars, isDisorderly }: Pick<CheckedRun, 'liars' | 'isDisorderly'>) {
    this.#liars = liars;
    this.#isDisorderly = isDisorderly;
  }

  onReport(node: number, peer: PublicKey, reason: string): string | null {
    if (this.#liars.has(peer) || reason === matterOfHeights) return null;
    if (this.#isDisorderly && misled.test(reason)) return null;
    return `validator ${node} refuses what ${peer} sent, which never lied: ${reason}`;
  }
}
