/**
 * Who contradicts itself where one correct validator sees it is punished on chain, for that height; and nobody else is
 * ever accused. A validator that dies right after it saw may take what it saw with it.
 */
import type { PublicKey } from '../../../protocols/shared/brands.ts';
import type { Accusation, CheckedRun, Checker, FinalNode, RunEnd } from './checker.ts';

/** From seeing a contradiction until the transaction is durable, with a slow disk. */
const writtenWithinMs = 5_000;
/** Before the end of a run: what was seen since may not be in a block yet. */
const includedWithinMs = 15_000;

export class EvidenceChecker implements Checker {
  readonly name = 'evidence' as const;
  readonly #liars: ReadonlySet<PublicKey>;
  #accusations: Accusation[] = [];
  /** By node: when it died last. */
  readonly #diedAtMs = new Map<number, number>();

  constructor({ liars }: Pick<CheckedRun, 'liars'>) {
    this.#liars = liars;
  }

  onAccusation(accusation: Accusation): string | null {
    const { node, offender, height, atMs } = accusation;
    // What it comes to in the moment of its death it cannot act on any more.
    if (this.#diedAtMs.get(node) !== atMs) this.#accusations.push(accusation);
    if (this.#liars.has(offender)) return null;
    return `validator ${node} accuses ${offender} at height ${height}, which never lied`;
  }

  onCrash(node: number, atMs: number): void {
    this.#diedAtMs.set(node, atMs);
    this.#accusations = this.#accusations.filter((seen) => seen.node !== node || atMs - seen.atMs > writtenWithinMs);
  }

  onDiskLost(node: number): void {
    this.#accusations = this.#accusations.filter((seen) => seen.node !== node);
  }

  onEnd({ whole, atMs }: Pick<RunEnd, 'whole' | 'atMs'>): string | null {
    if (whole === null) return null;
    const punished = punishmentsIn(whole);
    const innocent = punished.find(({ offender }) => !this.#liars.has(offender as PublicKey));
    if (innocent !== undefined) return `block ${innocent.block} punishes ${innocent.offender}, which never lied`;
    return this.missing(new Set(punished.map(({ place }) => place)), atMs);
  }

  isOutstanding({ whole }: Pick<RunEnd, 'whole'>): boolean {
    if (this.#accusations.length === 0) return false;
    const punished = whole === null ? [] : punishmentsIn(whole);
    return this.missing(new Set(punished.map(({ place }) => place)), Number.POSITIVE_INFINITY) !== null;
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

/** `place`: `offender/height`, of the contradiction. */
function punishmentsIn({ reader }: FinalNode): readonly { block: number; offender: string; place: string }[] {
  return [...reader.eventHeights(1)].flatMap(([block, events]) =>
    events.flatMap(({ module, kind, attributes }) => {
      if (module !== 'validators' || kind !== 'punished') return [];
      const valueOf = (name: string): string => attributes.find((attribute) => attribute.name === name)?.value ?? '';
      const offender = valueOf('offender');
      return [{ block, offender, place: `${offender}/${valueOf('height')}` }];
    }),
  );
}
