/**
 * The policy sets that a service holds: fetched by the digest that the chain names, compiled off the hot path before they become
 * active, and kept for a while after, for replays. What the chain says is in force is taken over as a whole or not at all.
 */
import {
  type ActiveSet,
  type PublishedSet,
  readActiveSet,
  readPending,
  readSets,
  readTenantSets,
  readTightening,
} from '../../protocols/ledger/modules/policies/policies.ts';
import type { ReadView } from '../../protocols/ledger/view.ts';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import type { OutsideRules } from '../../protocols/policy/evaluate.ts';
import type { InForce } from '../../protocols/policy/overlay.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import type { PolicySet } from '../../protocols/policy/policy-set.ts';
import { type CompileJob, compilePublished, noTightening, type Tightening } from '../../protocols/policy/published.ts';
import type { Rule } from '../../protocols/policy/rules.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { DecisionTables } from '../../protocols/traffic/decide.ts';
import { overlayHash, type PolicyIdentity, type PolicyTables } from '../../protocols/traffic/inputs.ts';

/** Where the bytes of published sets are. */
export interface ContentSource {
  /** null: not known there. Rejects where it cannot be asked. */
  fetch(content: Digest): Promise<Uint8Array | null>;
}

/** Compiles a set under what tightens it. May be slow: a worker's job. */
export type PolicyCompiler = (job: CompileJob) => Promise<InForce>;

/** On the thread of the caller. Rejects with {@link PolicyError}. */
export const compileHere: PolicyCompiler = (job) => new Promise((resolve) => resolve(compilePublished(job)));

/** Rules that bitmaps cannot express, ready to be asked. */
export interface PreparedRules {
  readonly matching: OutsideRules;
  close(): void;
}

/** Prepares rules of a mixed set. */
export type OutsideEngine = (set: PolicySet, rules: readonly Rule[]) => PreparedRules;

/** Sets that are kept beside those in use, for replays. */
const keptMax = 16;
/** Sets that wait for their attestations and are compiled ahead, the newest. */
const aheadMax = 8;
/** Blocks between two attempts at a set that only waits, at most. */
const patienceMax = 64;

export interface PolicyLibraryOptions {
  readonly source: ContentSource;
  readonly compile: PolicyCompiler;
  /** Without one, requests that a mixed set decides are Red. */
  readonly outside?: OutsideEngine;
  /** Something was compiled that was asked for before. */
  readonly onReady: () => void;
  /** Why a set is not here; told once an attempt. */
  readonly onProblem: (content: Digest, problem: string) => void;
}

interface Failure {
  readonly attempts: number;
  /** Number of the block before which a set that only waits is not tried again. */
  readonly notBefore: number;
}

const keyOf = (content: Digest, tightening: Tightening): string =>
  `${content} ${overlayHash({ ...tightening, suspendedTenants: [] })}`;

export class PolicyLibrary {
  readonly #options: PolicyLibraryOptions;
  readonly #contents = new Map<Digest, Uint8Array>();
  /** By content and overlay; what was used last is last. */
  readonly #compiled = new Map<string, InForce>();
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, Failure>();
  /** By policy set. */
  readonly #outside = new Map<Digest, PreparedRules>();
  readonly #outsideOf = ({ hash }: PolicySet): OutsideRules | undefined => this.#outside.get(hash)?.matching;
  #inUse: ReadonlySet<string> = new Set();
  /** Of replays that wait for another set. */
  readonly #recalled = new Set<readonly string[]>();
  #blocks = 0;

  constructor(options: PolicyLibraryOptions) {
    this.#options = options;
  }

  /**
   * What decides after a block; null while the network's set is not here, which is then seen to. A tenant whose own set is not
   * here is named as missing: its flows are Red, those of others are not touched.
   */
  follow(view: ReadView): PolicyTables | null {
    this.#blocks++;
    const used = new Set<string>();
    const find = (published: PublishedSet, tightening: Tightening, isAhead = false): InForce | null => {
      const key = keyOf(published.content, tightening);
      used.add(key);
      return this.#inForce(key, published, tightening, isAhead);
    };
    const waiting = [...readPending(view)].sort((a, b) => b.publishedAt - a.publishedAt).slice(0, aheadMax);
    for (const pending of waiting)
      find(pending, pending.tenant === null ? readTightening(view, pending.publishedAt) : noTightening, true);
    const active = readActiveSet(view, null);
    const tightening = active === undefined ? noTightening : readTightening(view, active.publishedAt);
    const inForce = active === undefined ? null : find(active, tightening);
    const tenantSets = new Map<string, CompiledSet>();
    const missingTenants = new Set<string>();
    for (const own of readTenantSets(view)) {
      if (own.tenant === null) continue;
      const compiled = find(own, noTightening);
      if (compiled === null) missingTenants.add(own.tenant);
      else tenantSets.set(own.tenant, compiled.base);
    }
    this.#inUse = used;
    this.#forget();
    if (inForce === null) return null;
    return {
      ...{ inForce, tenantSets, missingTenants, outsideOf: this.#outsideOf },
      overlayHash: overlayHash({ ...tightening, suspendedTenants: [] }),
    };
  }

  /**
   * What a decision was made with, at the height that it was made at. Sets that are not here any more, after a restart for
   * example, are fetched and compiled anew, as the chain names them. null: the chain knows no such set, or its bytes are
   * nowhere to be had.
   */
  async recall(identity: PolicyIdentity, height: number, view: ReadView): Promise<DecisionTables | null> {
    const known = this.#tablesOf(identity);
    if (known !== null) return known;
    const wanted = readSets(view).flatMap((published): readonly (readonly [ActiveSet, Tightening])[] => {
      if (published.activeFrom === null || published.compiled === null) return [];
      if (published.tenant !== null)
        return published.compiled === identity.tenantSetHash ? [[published, noTightening]] : [];
      const tightening = readTightening(view, published.publishedAt, height);
      const overlay = overlayHash({ ...tightening, suspendedTenants: [] });
      const isIt = published.compiled === identity.compiledHash && overlay === identity.overlayHash;
      return isIt ? [[published, tightening]] : [];
    });
    const keys = wanted.map(([published, tightening]) => keyOf(published.content, tightening));
    this.#recalled.add(keys);
    await Promise.all(
      wanted.map(async ([published, tightening], at) => {
        const key = keys[at] as string;
        if (!this.#compiled.has(key)) await this.#begin(key, published, tightening);
      }),
    );
    this.#recalled.delete(keys);
    return this.#tablesOf(identity);
  }

  #tablesOf({ compiledHash, overlayHash: overlay, tenantSetHash }: PolicyIdentity): DecisionTables | null {
    const all = [...this.#compiled];
    const found = all.find(([key, { base }]) => base.compiledHash === compiledHash && key.endsWith(overlay));
    const own = all.find(([, { base }]) => base.compiledHash === tenantSetHash);
    if (found === undefined || (tenantSetHash !== null && own === undefined)) return null;
    return { inForce: found[1], tenantSet: own?.[1].base ?? null, outsideOf: this.#outsideOf };
  }

  /** The published bytes, unchecked. Rejects with {@link PolicyError} where they are nowhere, and as the source does. */
  async bytesOf(content: Digest): Promise<Uint8Array> {
    const known = this.#contents.get(content);
    if (known !== undefined) return known;
    const bytes = await this.#options.source.fetch(content);
    if (bytes === null) throw new PolicyError('invalid-policy', content, 'the published bytes are not here');
    return bytes;
  }

  /** The set under the tightening, as it was attested; null while it is not here, which is then seen to. */
  #inForce(key: string, published: PublishedSet, tightening: Tightening, isAhead: boolean): InForce | null {
    const found = this.#compiled.get(key);
    if (found === undefined) {
      const isTooEarly = isAhead && (this.#failures.get(key)?.notBefore ?? 0) > this.#blocks;
      if (!isTooEarly) void this.#begin(key, published, tightening);
      return null;
    }
    this.#compiled.delete(key);
    this.#compiled.set(key, found);
    // What was attested is what decides: a set that compiles to something else here is not in force here.
    return published.compiled === null || found.base.compiledHash === published.compiled ? found : null;
  }

  /** Once for all who want it meanwhile. Does not reject. */
  #begin(key: string, published: PublishedSet, tightening: Tightening): Promise<void> {
    const begun = this.#underWay.get(key) ?? this.#prepare(key, published, tightening);
    this.#underWay.set(key, begun);
    return begun;
  }

  async #prepare(key: string, published: PublishedSet, tightening: Tightening): Promise<void> {
    const { compile, onProblem, onReady } = this.#options;
    try {
      const bytes = await this.bytesOf(published.content);
      const inForce = await compile({ bytes, names: published, tightening });
      this.#contents.set(published.content, bytes);
      this.#prepareOutside(inForce.base);
      this.#compiled.set(key, inForce);
      this.#failures.delete(key);
      const { compiledHash } = inForce.base;
      if (published.compiled !== null && published.compiled !== compiledHash)
        onProblem(published.content, `it compiles to ${compiledHash} here, ${published.compiled} was attested`);
      onReady();
    } catch (error) {
      const attempts = (this.#failures.get(key)?.attempts ?? 0) + 1;
      const patience = Math.min(patienceMax, 2 ** Math.min(attempts, 30));
      this.#failures.set(key, { attempts, notBefore: this.#blocks + patience });
      onProblem(published.content, error instanceof Error ? error.message : String(error));
    } finally {
      this.#underWay.delete(key);
    }
  }

  #prepareOutside({ set, outside }: CompiledSet): void {
    const { outside: engine } = this.#options;
    if (outside.length === 0 || engine === undefined || this.#outside.has(set.hash)) return;
    this.#outside.set(
      set.hash,
      engine(
        set,
        outside.map((index) => set.rules[index] as Rule),
      ),
    );
  }

  /** Beyond what is in use, the sets used last are kept. */
  #forget(): void {
    const awaited = new Set([...this.#recalled].flat());
    const idle = [...this.#compiled.keys()].filter((key) => !this.#inUse.has(key) && !awaited.has(key));
    for (const key of idle.slice(0, Math.max(0, idle.length - keptMax))) this.#compiled.delete(key);
    for (const key of this.#failures.keys()) if (!this.#inUse.has(key)) this.#failures.delete(key);
    const contents = new Set([...this.#compiled.keys()].map((key) => key.slice(0, key.indexOf(' '))));
    for (const content of this.#contents.keys()) if (!contents.has(content)) this.#contents.delete(content);
    const sets = new Set([...this.#compiled.values()].map(({ base }) => base.set.hash));
    for (const [hash, prepared] of this.#outside) {
      if (sets.has(hash)) continue;
      prepared.close();
      this.#outside.delete(hash);
    }
  }
}
