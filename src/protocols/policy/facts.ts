/**
 * Facts: what the policies take from the world and not from the request. Dated and revocable, so that a decision can be
 * repeated as of a day. Days are texts `YYYY-MM-DD`, whose order as text is their order in time.
 */
import { compareText } from '../shared/bytes.ts';
import { type Codec, encode, list, nullable, struct, textMax } from '../shared/codec.ts';
import type { Digest } from '../shared/brands.ts';
import { taggedHash } from '../shared/hash.ts';
import { PolicyError } from './policy-error.ts';
import { certificationSchemes } from './vocabulary.ts';

export type Day = string;

/** `from` and `until` are inclusive; null: since ever, for ever. */
interface Dated {
  readonly id: string;
  readonly from: Day | null;
  readonly until: Day | null;
  readonly citation: string;
  /** Where somebody should look again, and why; null where nothing is known to be moving. */
  readonly recheck: string | null;
}

/** Puts countries into a group that policies name, for as long as the fact holds. */
interface GroupFact extends Dated {
  readonly kind: 'group';
  readonly group: string;
  readonly countries: readonly string[];
  /** Whether being in the group permits something (adequacy). Only such facts may be revoked at once. */
  readonly grants: boolean;
}

/** A recipient's certificate under a scheme. */
export interface CertificationFact extends Dated {
  readonly kind: 'certification';
  readonly scheme: string;
  readonly recipient: string;
}

export type Fact = GroupFact | CertificationFact;

export interface FactSet {
  readonly version: string;
  /** ISO 3166-1 alpha-2 codes, and subdivisions that have a regime of their own (`US-CA`); sorted. */
  readonly countries: readonly string[];
  readonly facts: readonly Fact[];
}

/** The country of a code that is not listed. */
export const unlistedCountry = 'unlisted';
/** Groups that every fact set has without saying so. */
const ownGroups = [unlistedCountry];

const textField = textMax(1024);
const factFields: Codec<readonly (string | null)[]> = list(nullable(textField), 16);
const factSetCodec = struct<{ version: string; countries: readonly string[]; facts: readonly Row[] }>({
  version: textField,
  countries: list(textMax(16), 1024),
  facts: list(struct<Row>({ fields: factFields, countries: list(textMax(16), 1024) }), 4096),
});
interface Row {
  readonly fields: readonly (string | null)[];
  readonly countries: readonly string[];
}

const rowOf = (fact: Fact): Row => {
  const dated = [fact.kind, fact.id, fact.from, fact.until, fact.citation, fact.recheck];
  if (fact.kind === 'certification') return { fields: [...dated, fact.scheme, fact.recipient], countries: [] };
  return { fields: [...dated, fact.group, fact.grants ? 'grants' : 'restricts'], countries: fact.countries };
};

/** The same for the same facts, in whatever order they are written. */
export function factSetHash({ version, countries, facts }: FactSet): Digest {
  const rows = facts.toSorted((a, b) => compareText(a.id, b.id)).map(rowOf);
  return taggedHash('bpci/fact-set/v1', encode(factSetCodec, { version, countries, facts: rows }));
}

const dayPattern = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
export const isDay = (text: unknown): text is Day => typeof text === 'string' && dayPattern.test(text);

export const holdsOn = (fact: Fact, day: Day): boolean =>
  (fact.from === null || fact.from <= day) && (fact.until === null || day <= fact.until);

/** Groups of each country as of a day. Unlisted countries are in the group `unlisted` only. */
export function countryGroups({ countries, facts }: FactSet, asOf: Day): ReadonlyMap<string, ReadonlySet<string>> {
  const groups = new Map<string, Set<string>>(countries.map((country) => [country, new Set<string>()]));
  groups.set(unlistedCountry, new Set(ownGroups));
  for (const fact of facts) {
    if (fact.kind !== 'group' || !holdsOn(fact, asOf)) continue;
    for (const country of fact.countries) groups.get(country)?.add(fact.group);
  }
  return groups;
}

/** Every group that any fact names, whenever. */
export const groupNames = ({ facts }: FactSet): ReadonlySet<string> =>
  new Set([...ownGroups, ...facts.flatMap((fact) => (fact.kind === 'group' ? [fact.group] : []))]);

const twoDigits = (value: number): string => String(value).padStart(2, '0');
const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysOfMonth = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

function dayBefore(day: Day): Day {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  if (date > 1) return `${day.slice(0, 8)}${twoDigits(date - 1)}`;
  const [lastYear, lastMonth] = month > 1 ? [year, month - 1] : [year - 1, 12];
  return `${String(lastYear).padStart(4, '0')}-${twoDigits(lastMonth)}-${twoDigits(daysOfMonth(lastYear, lastMonth))}`;
}

/**
 * The last day for which a set compiled for `asOf` may answer: what holds then still holds, and no country has become
 * restricted since. null: no fact ends or begins. Certificates are looked up day by day and do not count.
 */
export function factsValidUntil({ facts }: FactSet, asOf: Day): Day | null {
  let earliest: Day | null = null;
  for (const fact of facts) {
    if (fact.kind !== 'group') continue;
    const begins = !fact.grants && fact.from !== null && fact.from > asOf ? dayBefore(fact.from) : null;
    const ends = holdsOn(fact, asOf) ? fact.until : null;
    for (const day of [begins, ends]) if (day !== null && (earliest === null || day < earliest)) earliest = day;
  }
  return earliest;
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const refuse = (place: string, problem: string): never => {
  throw new PolicyError('invalid-facts', place, problem);
};
const textAt = (json: Json, name: string, place: string): string => {
  const value = json[name];
  return typeof value === 'string' && value !== '' ? value : refuse(`${place}.${name}`, 'a text is needed');
};
const dayAt = (json: Json, name: string, place: string): Day | null => {
  const value = json[name] ?? null;
  return value === null || isDay(value) ? value : refuse(`${place}.${name}`, 'a day as YYYY-MM-DD is needed');
};

const fieldsOf: Readonly<Record<Fact['kind'], readonly string[]>> = {
  group: ['group', 'countries', 'grants'],
  certification: ['scheme', 'recipient'],
};

function readFact(json: unknown, place: string, listed: ReadonlySet<string>): Fact {
  if (!isObject(json)) return refuse(place, 'an object is needed');
  const kind = json['kind'];
  if (kind !== 'group' && kind !== 'certification') return refuse(`${place}.kind`, 'group or certification is needed');
  const known = new Set(['id', 'kind', 'from', 'until', 'citation', 'recheck', ...fieldsOf[kind]]);
  const unknown = Object.keys(json).find((name) => !known.has(name));
  if (unknown !== undefined) return refuse(`${place}.${unknown}`, 'unknown field');
  const dated = {
    id: textAt(json, 'id', place),
    from: dayAt(json, 'from', place),
    until: dayAt(json, 'until', place),
    citation: textAt(json, 'citation', place),
    recheck: json['recheck'] === undefined ? null : textAt(json, 'recheck', place),
  };
  if (dated.from !== null && dated.until !== null && dated.until < dated.from)
    return refuse(`${place}.until`, 'earlier than from');
  if (kind === 'certification') {
    const scheme = textAt(json, 'scheme', place);
    if (!(certificationSchemes as readonly string[]).includes(scheme))
      return refuse(`${place}.scheme`, `unknown scheme ${scheme}; there are: ${certificationSchemes.join(', ')}`);
    return { ...dated, kind, scheme, recipient: textAt(json, 'recipient', place) };
  }
  const { countries, grants } = json;
  if (!Array.isArray(countries)) return refuse(`${place}.countries`, 'a list of country codes is needed');
  const stranger = (countries as unknown[]).find((code) => typeof code !== 'string' || !listed.has(code));
  if (stranger !== undefined)
    return refuse(`${place}.countries`, `${JSON.stringify(stranger)} is not a listed country`);
  if (typeof grants !== 'boolean') return refuse(`${place}.grants`, 'true or false is needed');
  return { ...dated, kind, group: textAt(json, 'group', place), countries: countries as string[], grants };
}

/** Throws {@link PolicyError} with the path of what is wrong. */
export function readFactSet(json: unknown): FactSet {
  if (!isObject(json)) return refuse('$', 'an object is needed');
  const version = textAt(json, 'version', '$');
  const codes = json['countries'];
  if (
    !Array.isArray(codes) ||
    !codes.every((code) => typeof code === 'string' && /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/.test(code))
  )
    return refuse('$.countries', 'a list of ISO 3166 codes is needed');
  const countries = [...new Set(codes as string[])].sort(compareText);
  if (!Array.isArray(json['facts'])) return refuse('$.facts', 'a list is needed');
  const listed = new Set(countries);
  const facts = (json['facts'] as unknown[]).map((fact, index) => readFact(fact, `$.facts[${index}]`, listed));
  const seen = new Set<string>();
  facts.forEach(({ id }, index) => {
    if (seen.has(id)) refuse(`$.facts[${index}].id`, `two facts with the id ${id}`);
    seen.add(id);
  });
  return { version, countries, facts };
}
