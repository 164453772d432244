/**
 * From published bytes to what decides: checked against the names on chain, then compiled under what tightens them. Pure and not
 * quick: the work of a worker, or of the caller's own thread where there is none.
 */
import { type ContentNames, decodeContent, namesOf, type PolicyContent } from './content.ts';
import type { Day } from './facts.ts';
import { type InForce, type Overlay, putInForce } from './overlay.ts';
import { PolicyError } from './policy-error.ts';

/** What tightens a set that was published before it. */
export type Tightening = Pick<Overlay, 'retiredRules' | 'revokedFacts'>;

export const noTightening: Tightening = { retiredRules: [], revokedFacts: [] };

export interface CompileJob {
  readonly bytes: Uint8Array;
  /** As the chain has them. */
  readonly names: ContentNames;
  readonly tightening: Tightening;
  /** Facts as of another day than the published one. */
  readonly asOf?: Day;
}

/** Throws {@link PolicyError} for bytes that are not what was published. */
export function readPublished(bytes: Uint8Array, names: ContentNames): PolicyContent {
  const content = decodeContent(bytes);
  const found = namesOf(content, bytes);
  const differs = (['content', 'policySet', 'factSet', 'asOf'] as const).some((name) => found[name] !== names[name]);
  if (differs) throw new PolicyError('invalid-policy', names.content, 'the bytes are not what was published');
  return content;
}

/** Throws {@link PolicyError}. */
export function compilePublished({ bytes, names, tightening, asOf }: CompileJob): InForce {
  const content = readPublished(bytes, names);
  return putInForce(content.set, content.facts, asOf ?? content.asOf, withinContent(content, tightening));
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
