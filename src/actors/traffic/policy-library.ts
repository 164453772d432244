/**
 * The policy sets that a service holds: fetched by the digest that the chain names, compiled off the hot path before they become
 * active, and kept for a while after, for replays.
 */
import type { ActiveSet, PublishedSet } from '../../protocols/ledger/modules/policies/policies.ts';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import { decodeContent, namesOf, type PolicyContent } from '../../protocols/policy/content.ts';
import { type InForce, type Overlay, putInForce } from '../../protocols/policy/overlay.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { DecisionTables } from '../../protocols/traffic/decide.ts';
import { overlayHash, type PolicyIdentity, type PolicyTables } from '../../protocols/traffic/inputs.ts';

/** Where the bytes of published sets are. */
export interface ContentSource {
  /** null: not known there. Rejects where it cannot be asked. */
  fetch(content: Digest): Promise<Uint8Array | null>;
}

/** Compiles a set under an overlay. May be slow: a worker's job. */
export type PolicyCompiler = (content: PolicyContent, overlay: Overlay) => Promise<InForce>;

/** On the thread of the caller. */
export const compileHere: PolicyCompiler = ({ set, facts, asOf }, overlay) =>
  Promise.resolve(putInForce(set, facts, asOf, overlay));

/** Overlays and sets that are kept. */
const keptMax = 16;

type Tightening = Pick<Overlay, 'retiredRules' | 'revokedFacts'>;

export interface PolicyLibraryOptions {
  readonly source: ContentSource;
  readonly compile: PolicyCompiler;
  /** Something was compiled that was asked for before. */
  readonly onReady: () => void;
  /** Why a set is not here; told once an attempt. */
  readonly onProblem: (content: Digest, problem: string) => void;
}

export class PolicyLibrary {
  readonly #options: PolicyLibraryOptions;
  readonly #contents = new Map<Digest, PolicyContent>();
  /** By content and overlay. */
  readonly #compiled = new Map<string, InForce>();
  readonly #underWay = new Set<string>();

  constructor(options: PolicyLibraryOptions) {
    this.#options = options;
  }

  /** The set under the overlay, as it was attested; null while it is not here, which is then seen to. */
  inForce(published: PublishedSet, tightening: Tightening): InForce | null {
    const key = `${published.content} ${overlayHash({ ...tightening, suspendedTenants: [] })}`;
    const found = this.#compiled.get(key);
    if (found === undefined) {
      if (!this.#underWay.has(key)) void this.#prepare(key, published, tightening);
      return null;
    }
    // What was attested is what decides: a set that compiles to something else here is not in force here.
    return published.compiled === null || found.base.compiledHash === published.compiled ? found : null;
  }

  /** What lights decide with; null while any of it is not here. */
  tables(active: ActiveSet, tenants: readonly ActiveSet[], tightening: Tightening): PolicyTables | null {
    const inForce = this.inForce(active, tightening);
    const none = { retiredRules: [], revokedFacts: [] };
    const tenantSets = new Map<string, CompiledSet>();
    for (const own of tenants) {
      const compiled = this.inForce(own, none);
      if (compiled === null || own.tenant === null) return null;
      tenantSets.set(own.tenant, compiled.base);
    }
    if (inForce === null) return null;
    return { inForce, overlayHash: overlayHash({ ...tightening, suspendedTenants: [] }), tenantSets };
  }

  /** What a decision was made with, where it is still here. */
  tablesOf({ compiledHash, overlayHash: overlay, tenantSetHash }: PolicyIdentity): DecisionTables | null {
    const all = [...this.#compiled];
    const found = all.find(([key, { base }]) => base.compiledHash === compiledHash && key.endsWith(overlay));
    const own = all.find(([, { base }]) => base.compiledHash === tenantSetHash);
    if (found === undefined || (tenantSetHash !== null && own === undefined)) return null;
    return { inForce: found[1], tenantSet: own?.[1].base ?? null };
  }

  async #prepare(key: string, published: PublishedSet, tightening: Tightening): Promise<void> {
    const { onProblem, onReady } = this.#options;
    this.#underWay.add(key);
    try {
      const content = await this.#content(published);
      const overlay = withinContent(content, tightening);
      this.#keep(key, await this.#options.compile(content, overlay));
      onReady();
    } catch (error) {
      onProblem(published.content, error instanceof Error ? error.message : String(error));
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #content(published: PublishedSet): Promise<PolicyContent> {
    const known = this.#contents.get(published.content);
    if (known !== undefined) return known;
    const bytes = await this.#options.source.fetch(published.content);
    if (bytes === null) throw new PolicyError('invalid-policy', published.content, 'the published bytes are not here');
    const content = decodeContent(bytes);
    const names = namesOf(content, bytes);
    const { policySet, factSet, asOf } = published;
    if (
      names.content !== published.content ||
      names.policySet !== policySet ||
      names.factSet !== factSet ||
      names.asOf !== asOf
    )
      throw new PolicyError('invalid-policy', published.content, 'the bytes are not what was published');
    this.#contents.set(published.content, content);
    return content;
  }

  #keep(key: string, inForce: InForce): void {
    this.#compiled.set(key, inForce);
    if (this.#compiled.size <= keptMax) return;
    const [oldest] = this.#compiled.keys();
    if (oldest !== undefined) this.#compiled.delete(oldest);
  }
}

/** The part of the tightening that the content knows and that tightens: what a set does not have cannot be taken from it. */
function withinContent({ set, facts }: PolicyContent, { retiredRules, revokedFacts }: Tightening): Overlay {
  const permits = new Set(set.rules.flatMap(({ id, state }) => (state === 'Green' || state === 'Yellow' ? [id] : [])));
  const grants = new Set(
    facts.facts.flatMap((fact) => (fact.kind === 'certification' || fact.grants ? [fact.id] : [])),
  );
  return {
    retiredRules: retiredRules.filter((id) => permits.has(id)),
    revokedFacts: revokedFacts.filter((id) => grants.has(id)),
    suspendedTenants: [],
  };
}
