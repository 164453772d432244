/**
 * What the policies see: a request together with what the facts say of it, as of a day. It is what Cedar gets as context,
 * name by name, and what a decision's log entry keeps, so that the decision can be made again.
 */
import { type CertificationFact, countryGroups, type Day, type FactSet, holdsOn, unlistedCountry } from './facts.ts';
import type { PolicyEvaluationRequest, Region } from './request.ts';
import { certificationSchemes, counterNames, type EngineFault } from './vocabulary.ts';

/** Attributes with one value of a closed list. */
export const textAttributes = ['operation', 'source', 'destination', 'classification', 'purpose'] as const;
export type TextAttribute = (typeof textAttributes)[number];

/** Attributes that are sets of words. */
export const setAttributes = [
  'contents',
  'subjectGroups',
  'inherited',
  'bases',
  'safeguards',
  'recipient',
  'certified',
  'circumstances',
  'engine',
] as const;
export type SetAttribute = (typeof setAttributes)[number];

/** Attributes that are the groups of another one's country. */
export const groupAttributes: ReadonlyMap<string, 'source' | 'destination'> = new Map([
  ['sourceGroups', 'source'],
  ['destinationGroups', 'destination'],
]);

export const counterPrefix = 'counters.';

export interface PolicyInput {
  readonly texts: Readonly<Record<TextAttribute, string>>;
  readonly sets: Readonly<Record<SetAttribute, readonly string[]>>;
  readonly counters: PolicyEvaluationRequest['counters'];
}

/** The facts as of a day, ready to be looked up. */
export interface FactView {
  readonly asOf: Day;
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  /** Scheme and recipient → its certificates that are not revoked; none: all were. */
  readonly certificates: ReadonlyMap<string, readonly CertificationFact[]>;
}

const certificateKey = (scheme: string, recipient: string): string => `${scheme} ${recipient}`;

/** `revoked` are ids of facts that no longer hold, whatever their dates. */
export function viewFacts(facts: FactSet, asOf: Day, revoked: ReadonlySet<string> = new Set()): FactView {
  const certificates = new Map<string, readonly CertificationFact[]>();
  for (const fact of facts.facts) {
    if (fact.kind !== 'certification') continue;
    const key = certificateKey(fact.scheme, fact.recipient);
    certificates.set(key, [...(certificates.get(key) ?? []), ...(revoked.has(fact.id) ? [] : [fact])]);
  }
  const held = { ...facts, facts: facts.facts.filter(({ id }) => !revoked.has(id)) };
  return { asOf, groups: countryGroups(held, asOf), certificates };
}

/** `special-category` and `children` are always personal; health information is unless it was de-identified. */
function contentsOf({ contents, circumstances }: PolicyEvaluationRequest): readonly string[] {
  const personal =
    contents.includes('special-category') ||
    contents.includes('children') ||
    (contents.includes('phi') && !circumstances.includes('de-identified'));
  return personal && !contents.includes('personal') ? [...contents, 'personal'] : contents;
}

function engineFaultsOf(
  contents: readonly string[],
  { circumstances }: PolicyEvaluationRequest,
): readonly EngineFault[] {
  const deniesItself = contents.includes('personal') && contents.includes('non-personal');
  const identifiedAfterAll = contents.includes('personal') && circumstances.includes('de-identified');
  return deniesItself || identifiedAfterAll ? ['contradictory'] : [];
}

function subjectGroupsOf({ dataSubjects }: PolicyEvaluationRequest, { groups }: FactView): readonly string[] {
  if (dataSubjects.length === 0) return [];
  const found = new Set<string>();
  for (const country of dataSubjects) {
    for (const group of groups.get(country) ?? groups.get(unlistedCountry) ?? []) found.add(group);
  }
  return [...found].sort();
}

/** The schemes under which the request's recipient is certified on that day; `X-withdrawn`: no longer. */
export function certifiedOf(
  { destination }: Pick<PolicyEvaluationRequest, 'destination'>,
  { certificates }: FactView,
  today: Day,
): readonly string[] {
  const { recipient } = destination;
  if (recipient === null || certificates.size === 0) return [];
  return certificationSchemes.flatMap((scheme) => {
    const known = certificates.get(certificateKey(scheme, recipient));
    if (known === undefined) return [];
    return [known.some((fact) => holdsOn(fact, today)) ? scheme : `${scheme}-withdrawn`];
  });
}

/** `source` and `destination` are countries: a request that leaves one open is resolved once for each of {@link placesOf}. */
export function resolveInput(
  request: PolicyEvaluationRequest,
  places: { readonly source: string; readonly destination: string },
  facts: FactView,
  {
    today = facts.asOf,
    faults = [],
    certified,
  }: {
    readonly today?: Day | undefined;
    readonly faults?: readonly EngineFault[];
    /** Absent: looked up. */
    readonly certified?: readonly string[] | undefined;
  } = {},
): PolicyInput {
  const { operation, classification, purpose } = request;
  const contents = contentsOf(request);
  const [first] = request.origin;
  const inherited = first === undefined ? [] : [...new Set(request.origin.flatMap(({ regimes }) => regimes))].sort();
  const listed = (country: string): string => (facts.groups.has(country) ? country : unlistedCountry);
  return {
    texts: {
      ...{ operation, classification, purpose },
      source: listed(places.source),
      destination: listed(places.destination),
    },
    sets: {
      contents,
      subjectGroups: subjectGroupsOf(request, facts),
      inherited,
      bases: request.bases,
      safeguards: request.safeguards,
      recipient: request.destination.recipientKinds,
      certified: certified ?? certifiedOf(request, facts, today),
      circumstances: request.circumstances,
      engine: [...engineFaultsOf(contents, request), ...faults],
    },
    counters: request.counters,
  };
}

const regionGroups: Readonly<Record<Region, string | null>> = { US: 'us', EU: 'eea', APAC: 'apac', Global: null };

/** The countries that a place may mean: itself, or every listed one of its region. Never empty. */
export function placesOf(
  { region, country }: { readonly region: Region; readonly country: string | null },
  { groups }: FactView,
): readonly string[] {
  if (country !== null) return [country];
  const group = regionGroups[region];
  const countries = [...groups.keys()].filter(
    (code) => code !== unlistedCountry && (group === null || groups.get(code)?.has(group) === true),
  );
  return countries.length === 0 ? [unlistedCountry] : countries;
}

/** The context that Cedar gets: the same names as in the schema. */
export function toContext({ texts, sets, counters }: PolicyInput, { groups }: FactView): Record<string, unknown> {
  const context: Record<string, unknown> = {
    counters: Object.fromEntries(counterNames.map((name) => [name, counters[name]])),
  };
  for (const name of textAttributes) if (name !== 'operation') context[name] = texts[name];
  for (const name of setAttributes) context[name] = sets[name];
  for (const [name, of] of groupAttributes) context[name] = [...(groups.get(texts[of]) ?? [])];
  return context;
}
