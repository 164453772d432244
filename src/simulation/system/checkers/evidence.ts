/**
 * Who contradicts itself where one correct validator sees it is punished on chain, for that height; and nobody else is
 * ever accused. A validator that dies right after it saw may take what it saw with it.
 */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { Accusation, CheckedRun, Checker, RunEnd } from './checker.ts';

/** From seeing a contradiction until the transaction is durable, with a slow disk. */
const writtenWithinMs = 5_000;
/** Before the end of a run: what was seen since may not be in a block yet. */
const includedWithinMs = 15_000;

export class EvidenceChecker implements Checker {
  readonly name = 'evidence' as const;
  readonly #liars: ReadonlySet<PublicKey>;
  #accusations: Accusation[] = [];

  constructor({ liars }: Pick<CheckedRun, 'liars'>) {
    this.#liars = liars;
  }

  onAccusation(accusation: Accusation): string | null {
    this.#accusations.push(accusation);
    const { node, offender, height } = accusation;
    if (this.#liars.has(offender)) return null;
    return `validator ${node} accuses ${offender} at height ${height}, which never lied`;
  }

  onCrash(node: number, atMs: number): void {
    this.#accusations = this.#accusations.filter((seen) => seen.node !== node || atMs - seen.atMs > writtenWithinMs);
  }

  onDiskLost(node: number): void {
    this.#accusations = this.#accusations.filter((seen) => seen.node !== node);
  }

  onEnd({ whole, atMs }: Pick<RunEnd, 'whole' | 'atMs'>): string | null {
    if (whole === null) return null;
    const punished = new Set<string>();
    for (const [height, events] of whole.reader.eventHeights(1)) {
      for (const { module, kind, attributes } of events) {
        if (module !== 'validators' || kind !== 'punished') continue;
        const valueOf = (name: string): string => attributes.find((attribute) => attribute.name === name)?.value ?? '';
        const offender = valueOf('offender');
        if (!this.#liars.has(offender as PublicKey)) return `block ${height} punishes ${offender}, which never lied`;
        punished.add(`${offender}/${valueOf('height')}`);
      }
    }
    return this.missing(punished, atMs);
  }

  /** @param punished `offender/height` */
  missing(punished: ReadonlySet<string>, atMs: number): string | null {
    const lost = this.#accusations.find(
      ({ offender, height, atMs: seenAtMs }) =>
        atMs - seenAtMs > includedWithinMs && !punished.has(`${offender}/${height}`),
    );
    if (lost === undefined) return null;
    const { node, offender, height } = lost;
    return `validator ${node} saw ${offender} contradict itself at height ${height}, and no block punishes it`;
  }
}
