/**
 * A policy set and the facts of a day become bitmaps: for each dimension and each of its values the rows that allow it. The rows
 * that match an input are the AND of one bitmap a dimension. Words of sets are looked up eight at a time.
 */
import type { Digest } from '../shared/brands.ts';
import { encode, list, nullable, struct, textMax } from '../shared/codec.ts';
import { taggedHash } from '../shared/hash.ts';
import { type Constraint, type Domains, type Row, rowsOfPolicy } from './expression.ts';
import { type Day, factSetHash, type FactSet, factsValidUntil, groupNames, unlistedCountry } from './facts.ts';
import {
  counterPrefix,
  type FactView,
  type SetAttribute,
  setAttributes,
  type TextAttribute,
  viewFacts,
} from './input.ts';
import type { PolicySet } from './policy-set.ts';
import { controlRegime, type DeterminingRule, type Rule, stateRank } from './rules.ts';
import * as vocabulary from './vocabulary.ts';

/** A bit for each row. */
type Bitmap = Int32Array;

interface TextDimension {
  readonly attribute: TextAttribute;
  readonly values: readonly string[];
  readonly index: ReadonlyMap<string, number>;
  readonly columns: readonly Bitmap[];
}

interface CounterDimension {
  readonly name: vocabulary.CounterName;
  /** Bands: below bounds[0], below bounds[1], …, the rest. Sorted. */
  readonly bounds: readonly number[];
  readonly columns: readonly Bitmap[];
}

interface WordDimension {
  readonly attribute: SetAttribute;
  readonly word: string;
  readonly absent: Bitmap;
  readonly present: Bitmap;
}

export interface CompiledSet {
  readonly set: PolicySet;
  readonly facts: FactView;
  readonly factSetHash: Digest;
  /** The last day for which this may be used; null: no fact ends. */
  readonly validUntil: Day | null;
  /** Of what was compiled and of all that was compiled from it. What evaluators attest. */
  readonly compiledHash: Digest;
  readonly regimes: readonly string[];
  /** Index of each rule's regime in `regimes`; -1: of every regime. */
  readonly ruleRegimes: readonly number[];
  /** 0: says that its regime applies; else the rank of its state. */
  readonly ruleRanks: readonly number[];
  readonly rows: readonly { readonly rule: number; readonly row: Row }[];
  readonly rowRules: readonly number[];
  /** What results say of each rule. */
  readonly summaries: readonly DeterminingRule[];
  /** Of each rule: indices into the set's obligations. */
  readonly ruleObligations: readonly (readonly number[])[];
  readonly texts: readonly TextDimension[];
  readonly words: readonly WordDimension[];
  readonly counters: readonly CounterDimension[];
  /** By set attribute, word → its number among `words`. */
  readonly wordIndex: Readonly<Record<SetAttribute, ReadonlyMap<string, number>>>;
  /** For each eight words, for each of their 256 combinations, one bitmap. */
  readonly wordTables: readonly Int32Array[];
  readonly bitmapLength: number;
  /** Indices of rules that only Cedar can evaluate; not empty: the set is mixed. */
  readonly outside: readonly number[];
}

function domainsOf(set: PolicySet, facts: FactSet, view: FactView, regimes: readonly string[]): Domains {
  const countries = [...facts.countries, unlistedCountry];
  const groups = groupNames(facts);
  return {
    texts: new Map<string, readonly string[]>([
      ['operation', vocabulary.operations],
      ['source', countries],
      ['destination', countries],
      ['classification', vocabulary.classifications],
      ['purpose', vocabulary.purposes],
    ]),
    words: new Map<string, ReadonlySet<string>>([
      ['contents', new Set(vocabulary.contentKinds)],
      ['subjectGroups', groups],
      ['inherited', new Set([...regimes, ...set.rules.map(({ regime }) => regime)])],
      ['bases', new Set(vocabulary.bases)],
      ['safeguards', new Set(vocabulary.safeguards)],
      ['recipient', new Set(vocabulary.recipientKinds)],
      ['certified', new Set(vocabulary.certificationSchemes.flatMap((scheme) => [scheme, `${scheme}-withdrawn`]))],
      ['circumstances', new Set(vocabulary.circumstances)],
      ['engine', new Set(vocabulary.engineFaults)],
    ]),
    counters: new Set(vocabulary.counterNames.map((name) => counterPrefix + name)),
    groupNames: groups,
    groups: view.groups,
  };
}

type NumberedRows = readonly { readonly rule: number; readonly row: Row }[];

function bitmapOf(rows: NumberedRows, length: number, allows: (row: Row) => boolean): Bitmap {
  const bitmap = new Int32Array(length);
  rows.forEach(({ row }, index) => {
    if (allows(row)) bitmap[index >> 5] = (bitmap[index >> 5] as number) | (1 << (index & 31));
  });
  return bitmap;
}

export const allows = (constraint: Constraint | undefined, value: number): boolean => {
  if (constraint === undefined) return true;
  if (constraint.kind === 'values') return constraint.allowed[value] === true;
  if (constraint.kind === 'word') return constraint.present === (value === 1);
  return constraint.low <= value && value < constraint.high;
};

function counterDimensions(rows: NumberedRows, length: number): readonly CounterDimension[] {
  return vocabulary.counterNames.flatMap((name) => {
    const dimension = counterPrefix + name;
    const bounds = new Set<number>();
    for (const { row } of rows) {
      const constraint = row.get(dimension);
      if (constraint?.kind !== 'range') continue;
      if (constraint.low > 0) bounds.add(constraint.low);
      if (constraint.high !== Infinity) bounds.add(constraint.high);
    }
    if (bounds.size === 0) return [];
    const sorted = [...bounds].sort((a, b) => a - b);
    const columns = [0, ...sorted].map((from) => bitmapOf(rows, length, (row) => allows(row.get(dimension), from)));
    return [{ name, bounds: sorted, columns }];
  });
}

function wordDimensions(rows: NumberedRows, length: number): readonly WordDimension[] {
  const named = new Set(
    rows.flatMap(({ row }) => [...row].flatMap(([name, { kind }]) => (kind === 'word' ? [name] : []))),
  );
  return [...named].sort().map((name) => {
    const dot = name.indexOf('.');
    return {
      attribute: name.slice(0, dot) as SetAttribute,
      word: name.slice(dot + 1),
      absent: bitmapOf(rows, length, (row) => allows(row.get(name), 0)),
      present: bitmapOf(rows, length, (row) => allows(row.get(name), 1)),
    };
  });
}

function wordTablesOf(words: readonly WordDimension[], length: number): readonly Int32Array[] {
  const tables: Int32Array[] = [];
  for (let first = 0; first < words.length; first += 8) {
    const table = new Int32Array(256 * length).fill(-1);
    for (let mask = 0; mask < 256; mask++) {
      words.slice(first, first + 8).forEach(({ absent, present }, bit) => {
        const column = (mask >> bit) & 1 ? present : absent;
        for (let i = 0; i < length; i++)
          table[mask * length + i] = (table[mask * length + i] as number) & (column[i] as number);
      });
    }
    tables.push(table);
  }
  return tables;
}

const hashCodec = struct<{ set: string; facts: string; until: string | null; rows: readonly string[] }>({
  set: textMax(64),
  facts: textMax(64),
  until: nullable(textMax(16)),
  rows: list(textMax(1 << 20), 1 << 16),
});

function constraintText([dimension, constraint]: readonly [string, Constraint]): string {
  if (constraint.kind === 'values') return `${dimension}=${constraint.allowed.map(Number).join('')}`;
  if (constraint.kind === 'word') return `${dimension}=${constraint.present}`;
  return `${dimension}=${constraint.low}..${constraint.high}`;
}

const regimesOf = (rules: readonly Rule[]): readonly string[] =>
  [...new Set(rules.map(({ regime }) => regime))].filter((regime) => regime !== controlRegime).sort();

function indexWords(words: readonly WordDimension[]): CompiledSet['wordIndex'] {
  const indexOf = (name: SetAttribute): ReadonlyMap<string, number> =>
    new Map(words.flatMap(({ attribute, word }, index) => (attribute === name ? [[word, index] as const] : [])));
  const entries = setAttributes.map((name) => [name, indexOf(name)] as const);
  return Object.fromEntries(entries) as Record<SetAttribute, ReadonlyMap<string, number>>;
}

function describeRules(
  { rules, obligations: kinds }: PolicySet,
  regimes: readonly string[],
): Pick<CompiledSet, 'ruleRegimes' | 'ruleRanks' | 'summaries' | 'ruleObligations'> {
  return {
    ruleRegimes: rules.map(({ regime }) => regimes.indexOf(regime)),
    ruleRanks: rules.map(({ state }) => (state === null ? 0 : stateRank[state])),
    summaries: rules.map(({ id, version, regime, state, citation }) => ({
      ...{ id, version, regime, citation },
      state: state ?? 'Red',
    })),
    ruleObligations: rules.map(({ obligations }) =>
      obligations.map((kind) => kinds.findIndex((obligation) => obligation.kind === kind)),
    ),
  };
}

/**
 * Pure and quick (milliseconds for a hundred policies), off the hot path all the same. `revoked` names facts that no longer
 * hold. Throws {@link PolicyError} for rules that name words which do not exist.
 */
export function compilePolicySet(
  set: PolicySet,
  facts: FactSet,
  asOf: Day,
  revoked: ReadonlySet<string> = new Set(),
): CompiledSet {
  const view = viewFacts(facts, asOf, revoked);
  const regimes = regimesOf(set.rules);
  const domains = domainsOf(set, facts, view, regimes);
  const outside: number[] = [];
  const rows = set.rules.flatMap((rule, index) => {
    const found = rowsOfPolicy(rule.policy, rule.id, domains);
    if (found === null) outside.push(index);
    return (found ?? []).map((row) => ({ rule: index, row }));
  });
  const length = Math.max(1, Math.ceil(rows.length / 32));
  const texts = [...domains.texts].map(([attribute, values]) => ({
    attribute: attribute as TextAttribute,
    values,
    index: new Map(values.map((value, index) => [value, index])),
    columns: values.map((_, index) => bitmapOf(rows, length, (row) => allows(row.get(attribute), index))),
  }));
  const words = wordDimensions(rows, length);
  const factsHash = factSetHash(facts);
  const validUntil = factsValidUntil(facts, asOf);
  const rowTexts = rows.map(({ rule, row }) => `${rule}:${[...row].map(constraintText).sort().join(' ')}`);
  return {
    ...{ set, facts: view, factSetHash: factsHash, validUntil, regimes, rows, texts, words, outside },
    compiledHash: taggedHash(
      'bpci/compiled-policy/v1',
      encode(hashCodec, { set: set.hash, facts: factsHash, until: validUntil, rows: rowTexts }),
    ),
    ...describeRules(set, regimes),
    rowRules: rows.map(({ rule }) => rule),
    wordIndex: indexWords(words),
    counters: counterDimensions(rows, length),
    wordTables: wordTablesOf(words, length),
    bitmapLength: length,
  };
}
