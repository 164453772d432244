/**
 * The duty of an evaluator: each published set that waits is compiled, checked against its schema and compared with Cedar, off the
 * hot path; what it compiles to is attested by a transaction of the service's own key. A set that is wrong is never attested.
 */
import {
  type ActiveSet,
  attestationRule,
  hasAttested,
  readPending,
} from '../../protocols/ledger/modules/policies/policies.ts';
import type { ReadView } from '../../protocols/ledger/view.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import type { Digest, PublicKey } from '../../protocols/shared/brands.ts';
import { type CheckReport, type PolicyWorkshop, WorkshopError } from './workshop.ts';

/** What was found of a publication. */
export interface Judged {
  readonly publication: Digest;
  /** null: it is not attested. */
  readonly compiled: Digest | null;
  readonly problem: string | null;
  /** Whether looking again may give another answer. */
  readonly isFinal: boolean;
}

export interface AttestingOptions {
  readonly evaluator: PublicKey;
  readonly workshop: PolicyWorkshop;
  readonly bytesOf: (content: Digest) => Promise<Uint8Array>;
  /** Random inputs on which the set is compared with Cedar. */
  readonly random: number;
}

const shownMax = 3;
const refusedMax = 100;

function problemOf({ invalid, mismatches, names }: CheckReport, published: ActiveSet): string | null {
  if (names.policySet !== published.policySet || names.factSet !== published.factSet || names.asOf !== published.asOf)
    return 'the bytes are not what was published';
  const found = [...invalid, ...mismatches];
  return found.length === 0 ? null : found.slice(0, shownMax).join('; ');
}

export class Attesting {
  readonly #options: AttestingOptions;
  #isUnderWay = false;
  readonly #refused = new Map<Digest, string>();
  /** Of what could not be judged: whoever publishes what is nowhere to be had keeps nobody waiting. */
  readonly #attempts = new Map<Digest, number>();

  constructor(options: AttestingOptions) {
    this.#options = options;
  }

  get refused(): readonly { readonly publication: Digest; readonly problem: string }[] {
    return [...this.#refused].map(([publication, problem]) => ({ publication, problem }));
  }

  isEvaluator(view: ReadView): boolean {
    return attestationRule(view)?.evaluators.includes(this.#options.evaluator) === true;
  }

  /** One publication that waits for this evaluator, the least tried and oldest first; null: nothing to do, or one is under way. */
  next(view: ReadView): Promise<Judged> | null {
    if (this.#isUnderWay || !this.isEvaluator(view)) return null;
    const { evaluator } = this.#options;
    const tried = ({ id }: ActiveSet): number => this.#attempts.get(id) ?? 0;
    const waiting = readPending(view).filter(({ id }) => !this.#refused.has(id) && !hasAttested(view, id, evaluator));
    const [first] = waiting.sort((a, b) => tried(a) - tried(b) || a.publishedAt - b.publishedAt);
    const isPending = new Set(waiting.map(({ id }) => id));
    for (const id of this.#attempts.keys()) if (!isPending.has(id)) this.#attempts.delete(id);
    if (first === undefined) return null;
    this.#isUnderWay = true;
    this.#attempts.set(first.id, tried(first) + 1);
    return this.#judge(first);
  }

  /** The work on the publication is over: its transaction is final, or there is none. */
  done({ publication, problem, isFinal }: Judged): void {
    this.#isUnderWay = false;
    if (problem === null || !isFinal) return;
    this.#refused.set(publication, problem);
    const [first] = this.#refused.keys();
    if (this.#refused.size > refusedMax && first !== undefined) this.#refused.delete(first);
  }

  async #judge(published: ActiveSet): Promise<Judged> {
    const { bytesOf, workshop, random } = this.#options;
    const { id: publication, content } = published;
    try {
      const bytes = await bytesOf(content);
      const report = await workshop.do('check', { bytes, random, seed: 1 });
      const problem = report.names.content === content ? problemOf(report, published) : 'the bytes are others';
      return { publication, compiled: problem === null ? report.compiledHash : null, problem, isFinal: true };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // Bytes that are not to be had now may be later; what is no policy set, or too much for a thread, stays so.
      const isFinal =
        error instanceof PolicyError
          ? error.place !== content
          : error instanceof WorkshopError && error.code !== 'overload';
      return { publication, compiled: null, problem, isFinal };
    }
  }
}
