/**
 * Policy sets of a simulation: a base that the program brings, with deadlines of seconds, and versions of it in which rules
 * are missing. Bytes are to be had by everybody; each set is compiled once for all, because what it compiles to depends on
 * nothing else.
 */
import type { ContentSource, PolicyCompiler } from '../../../actors/policy/policy-library.ts';
import type { GenesisPolicies } from '../../../protocols/ledger/modules/policies/genesis-policies.ts';
import { type Publication, publicationId } from '../../../protocols/ledger/modules/policies/publication.ts';
import { encodeContent, namesOf, type PolicyContent } from '../../../protocols/policy/content.ts';
import type { Day } from '../../../protocols/policy/facts.ts';
import type { InForce } from '../../../protocols/policy/overlay.ts';
import { type PolicySet, readPolicySet } from '../../../protocols/policy/policy-set.ts';
import { type CompileJob, compilePublished, noTightening } from '../../../protocols/policy/published.ts';
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Draw } from '../../draw.ts';

/** Of obligations before a flow is let go, and after. */
const beforeSeconds = 8;
const afterSeconds = 10;

export interface Published {
  readonly publication: Publication;
  readonly id: Digest;
  readonly set: PolicySet;
}

export class PolicyShelf implements ContentSource {
  readonly first: Published;
  readonly #base: PolicyContent;
  readonly #bytes = new Map<Digest, Uint8Array>();
  readonly #compiled = new Map<string, InForce>();

  /** `asOf` is the day on which the chain begins. */
  constructor(base: PolicyContent, asOf: Day) {
    this.#base = { ...base, asOf };
    this.first = this.#put(base.set.version, () => true);
  }

  /** Who proves that obligations are met. */
  get roles(): readonly string[] {
    return [...new Set(this.#base.set.obligations.flatMap(({ proofBy }) => proofBy ?? []))].sort();
  }

  fetch(content: Digest): Promise<Uint8Array | null> {
    return Promise.resolve(this.#bytes.get(content) ?? null);
  }

  readonly compile: PolicyCompiler = (job) => Promise.resolve(this.#compile(job));

  /** What evaluators attest of it. */
  compiledHash({ publication }: Published): Digest {
    const bytes = this.#bytes.get(publication.content) as Uint8Array;
    return this.#compile({ bytes, names: publication, tightening: noTightening }).base.compiledHash;
  }

  /** Another version, in which some rules that decide are missing. */
  another(version: string, draw: Draw): Published {
    const deciding = this.#base.set.rules.filter(({ state }) => state !== null);
    const missing = new Set(
      draw
        .shuffle(deciding)
        .slice(0, draw.between(1, 3))
        .map(({ id }) => id),
    );
    return this.#put(version, (id) => !missing.has(id));
  }

  /** Its first set is in force from the first block on. */
  genesis(author: PublicKey, evaluators: readonly PublicKey[], attestationsMin: number): GenesisPolicies {
    return {
      rule: { evaluators: [...evaluators].sort(), attestationsMin },
      network: { ...this.first.publication, author, compiled: this.compiledHash(this.first) },
    };
  }

  #compile(job: CompileJob): InForce {
    const { names, tightening } = job;
    const key = `${names.content} ${tightening.retiredRules.join()} ${tightening.revokedFacts.join()}`;
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      compiled = compilePublished(job);
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }

  #put(version: string, isKept: (rule: string) => boolean): Published {
    const { set, facts, asOf } = this.#base;
    const obligations = set.obligations.map((obligation) =>
      obligation.deadlineSeconds === null
        ? obligation
        : { ...obligation, deadlineSeconds: obligation.phase === 'before' ? beforeSeconds : afterSeconds },
    );
    const policies = set.rules.filter(({ id }) => isKept(id)).map(({ policy }) => policy);
    const made = readPolicySet({ name: set.name, version, schema: set.schema, obligations, policies });
    const content = { set: made, facts, asOf };
    const bytes = encodeContent(content);
    const publication = { ...namesOf(content, bytes), tenant: null };
    this.#bytes.set(publication.content, bytes);
    return { publication, id: publicationId(publication), set: made };
  }
}
