/**
 * Policy sets of a simulation: a base that the program brings, with deadlines of seconds, versions of it in which rules are
 * missing, and sets of tenants, in which rules of the base say something else. Each set is compiled once for all, because
 * what it compiles to depends on nothing else.
 */
import type { ActiveSet } from '../../../protocols/ledger/modules/policies/policies.ts';
import type { GenesisPolicies } from '../../../protocols/ledger/modules/policies/genesis-policies.ts';
import { type Publication, publicationId } from '../../../protocols/ledger/modules/policies/publication.ts';
import { type Analysis, analyse } from '../../../protocols/policy/analysis.ts';
import type { CompiledSet } from '../../../protocols/policy/compile.ts';
import { encodeContent, namesOf, type PolicyContent } from '../../../protocols/policy/content.ts';
import type { Day } from '../../../protocols/policy/facts.ts';
import type { InForce } from '../../../protocols/policy/overlay.ts';
import { type PolicySet, readPolicySet } from '../../../protocols/policy/policy-set.ts';
import {
  type CompileJob,
  compilePublished,
  noTightening,
  type Tightening,
} from '../../../protocols/policy/published.ts';
import type { CedarPolicyJson, PolicyState, Rule } from '../../../protocols/policy/rules.ts';
import type { Digest, PublicKey } from '../../../protocols/shared/brands.ts';
import type { Draw } from '../../draw.ts';
import type { KnownPolicies } from '../checkers/told-decisions.ts';

/** Of obligations before a flow is let go, and after. */
const beforeSeconds = 8;
const afterSeconds = 10;

export interface Published {
  readonly publication: Publication;
  readonly id: Digest;
  readonly set: PolicySet;
}

/** Rules of the base that decide flows which are asked about. */
export const askedRules: readonly string[] = ['2', '3', '4', '12'];

/** Rules of the base that rest on a group of countries alone. */
const rulesOfGroup: Readonly<Record<string, readonly string[]>> = { 'gdpr-adequate': ['3'] };
const nothing = { rules: [], countries: [] };

export class PolicyShelf implements KnownPolicies {
  readonly first: Published;
  readonly #base: PolicyContent;
  readonly #bytes = new Map<Digest, Uint8Array>();
  /** By the content that publications name. */
  readonly #published = new Map<Digest, Published>();
  readonly #unsound = new Set<Digest>();
  readonly #compiled = new Map<string, InForce>();
  readonly #analyses = new Map<Digest, Analysis>();

  /** `asOf` is the day on which the chain begins. */
  constructor(base: PolicyContent, asOf: Day) {
    this.#base = { ...base, asOf };
    const policies = base.set.rules.map(({ policy }) => policy);
    this.first = this.#put(base.set.version, policies, null);
  }

  /** Who proves that obligations are met. */
  get roles(): readonly string[] {
    return [...new Set(this.#base.set.obligations.flatMap(({ proofBy }) => proofBy ?? []))].sort();
  }

  bytesOf(content: Digest): Uint8Array | null {
    return this.#bytes.get(content) ?? null;
  }

  inForce(published: ActiveSet, tightening: Tightening): InForce {
    return this.compile({ bytes: this.#bytes.get(published.content) as Uint8Array, names: published, tightening });
  }

  rulesOf({ content }: ActiveSet): readonly Rule[] {
    return this.#published.get(content)?.set.rules ?? [];
  }

  restingOn(fact: string): ReturnType<KnownPolicies['restingOn']> {
    const found = this.#base.facts.facts.find(({ id }) => id === fact);
    return found?.kind === 'group' ? { rules: rulesOfGroup[found.group] ?? [], countries: found.countries } : nothing;
  }

  isSound({ content, policySet }: ActiveSet): boolean {
    return this.#published.get(content)?.publication.policySet === policySet && !this.#unsound.has(content);
  }

  /** Whether Cedar would take it. */
  isTaken(content: Digest): boolean {
    return !this.#unsound.has(content);
  }

  readonly compile = (job: CompileJob): InForce => {
    const { names, tightening } = job;
    const key = `${names.content} ${names.policySet} ${tightening.retiredRules.join()} ${tightening.revokedFacts.join()}`;
    const compiled = this.#compiled.get(key) ?? compilePublished(job);
    this.#compiled.set(key, compiled);
    return compiled;
  };

  /** The same for each content: made once. */
  analysisOf(compiled: CompiledSet): Analysis {
    const analysis = this.#analyses.get(compiled.compiledHash) ?? analyse(compiled);
    this.#analyses.set(compiled.compiledHash, analysis);
    return analysis;
  }

  /** What evaluators attest of it. */
  compiledHash({ publication }: Published): Digest {
    const bytes = this.#bytes.get(publication.content) as Uint8Array;
    const { publication: names } = this.#published.get(publication.content) as Published;
    return this.compile({ bytes, names, tightening: noTightening }).base.compiledHash;
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
    const policies = this.#base.set.rules.filter(({ id }) => !missing.has(id)).map(({ policy }) => policy);
    return this.#put(version, policies, null);
  }

  /** A tenant's own: some rules of the base, each with a state of the tenant's choice. */
  ofTenant(version: string, tenant: PublicKey, draw: Draw): Published {
    const deciding = this.#base.set.rules.filter(({ id, state }) => state !== null && !askedRules.includes(id));
    const chosen = this.#base.set.rules.filter(({ id }) => askedRules.includes(id) && draw.chance(0.6));
    const rules = [...chosen, ...draw.shuffle(deciding).slice(0, 2)];
    const policies = rules.map(({ policy, regime }) =>
      saying(policy, regime === 'control' ? 'Red' : draw.pick(['Green', 'Yellow', 'Red'])),
    );
    return this.#put(version, policies, tenant);
  }

  /** Something is wrong with it: Cedar does not take it, or it is published under the name of another. */
  unsound(version: string, draw: Draw): Published {
    const made = this.another(version, draw);
    if (draw.chance(0.5)) {
      this.#unsound.add(made.publication.content);
      return made;
    }
    const publication = { ...made.publication, policySet: this.first.publication.policySet };
    return { ...made, publication, id: publicationId(publication) };
  }

  /** Its first set is in force from the first block on. */
  genesis(author: PublicKey, evaluators: readonly PublicKey[], attestationsMin: number): GenesisPolicies {
    return {
      rule: { evaluators: [...evaluators].sort(), attestationsMin },
      network: { ...this.first.publication, author, compiled: this.compiledHash(this.first) },
    };
  }

  #put(version: string, policies: readonly CedarPolicyJson[], tenant: PublicKey | null): Published {
    const { set, facts, asOf } = this.#base;
    const obligations = set.obligations.map((obligation) =>
      obligation.deadlineSeconds === null
        ? obligation
        : { ...obligation, deadlineSeconds: obligation.phase === 'before' ? beforeSeconds : afterSeconds },
    );
    const made = readPolicySet({ name: set.name, version, schema: set.schema, obligations, policies });
    const content = { set: made, facts, asOf };
    const bytes = encodeContent(content);
    const publication = { ...namesOf(content, bytes), tenant };
    this.#bytes.set(publication.content, bytes);
    const published = { publication, id: publicationId(publication), set: made };
    this.#published.set(publication.content, published);
    return published;
  }
}

/** The policy, with another word of what it leads to. */
function saying(policy: CedarPolicyJson, state: PolicyState): CedarPolicyJson {
  const { obligation = null, ...annotations } = policy.annotations ?? {};
  return {
    ...policy,
    effect: state === 'Red' ? 'forbid' : 'permit',
    annotations: { ...annotations, obligation: obligation ?? 'log', state: state.toLowerCase() },
  };
}
