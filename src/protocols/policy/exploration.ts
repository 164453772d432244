/**
 * Every combination of the values of all dimensions, and for each which groups of rows match: exhaustive, with pruning. Values
 * with equal columns are one class; a partial assignment is known by the rows that are still alive after it, so equal
 * remainders are explored once; a group that is sure to match needs its rows no more. A cell is a combination of values of
 * texts, bands of counters, and words present or not.
 */
import { allows, type CompiledSet } from './compile.ts';
import type { Row } from './expression.ts';
import { unlistedCountry } from './facts.ts';
import { counterPrefix, textAttributes } from './input.ts';

/** Rows of one compiled set that are told apart from others only as a whole. */
export interface RowGroup {
  readonly compiled: CompiledSet;
  readonly rows: readonly Row[];
  /** Indices of the groups that make no difference any more where this one matches. */
  readonly beats: readonly number[];
  /** Index of the group without which this one makes no difference; null: none. */
  readonly needs: number | null;
}

/** Assigned values as a chain: dimension, and the name of the value (`yes` and `no` for words, the lower end for bands). */
export interface Assignment {
  readonly dimension: string;
  readonly value: string;
  readonly rest: Assignment | null;
}

export interface Outcome {
  /** Indices of the groups that match. */
  readonly matching: readonly number[];
  readonly cells: bigint;
  readonly example: Assignment | null;
}

interface Level {
  readonly dimension: string;
  readonly classes: readonly { readonly name: string; readonly weight: bigint; readonly mask: bigint }[];
  /** The rows that neither this dimension nor a later one constrains. */
  readonly done: bigint;
  /** Cells of this level and all later ones. */
  readonly cells: bigint;
}

const bit = (index: number): bigint => 1n << BigInt(index);

/** Names of a dimension's values, and what each of them is to each group's rows. */
function valuesOf(dimension: string, groups: readonly RowGroup[]): readonly { name: string; at: readonly number[] }[] {
  if ((textAttributes as readonly string[]).includes(dimension)) {
    const domains = groups.map(({ compiled }) => compiled.texts.find(({ attribute }) => attribute === dimension));
    const names = new Set(domains.flatMap((domain) => domain?.values ?? []));
    const at = (name: string): readonly number[] =>
      domains.map((domain) => domain?.index.get(name) ?? domain?.index.get(unlistedCountry) ?? -1);
    return [...names].map((name) => ({ name, at: at(name) }));
  }
  if (!dimension.startsWith(counterPrefix)) {
    return [0, 1].map((present) => ({ name: present === 1 ? 'yes' : 'no', at: groups.map(() => present) }));
  }
  const bounds = new Set([0]);
  for (const row of groups.flatMap(({ rows }) => rows)) {
    const range = row.get(dimension);
    if (range?.kind !== 'range') continue;
    bounds.add(range.low);
    if (range.high !== Infinity) bounds.add(range.high);
  }
  return [...bounds].sort((a, b) => a - b).map((low) => ({ name: String(low), at: groups.map(() => low) }));
}

/** What decides whether the groups make a difference at all comes first: most cells end there. */
function orderDimensions(groups: readonly RowGroup[]): readonly string[] {
  const needed = new Set(groups.map(({ needs }) => needs));
  const weights = new Map<string, number>();
  groups.forEach(({ rows }, group) => {
    for (const dimension of rows.flatMap((row) => [...row.keys()]))
      weights.set(dimension, (weights.get(dimension) ?? 0) + (needed.has(group) ? 1000 : 1));
  });
  return [...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([dimension]) => dimension);
}

class Exploration {
  readonly #groups: readonly RowGroup[];
  readonly #rows: readonly { readonly group: number; readonly row: Row }[];
  readonly #levels: readonly Level[];
  /** By group: its rows, and the bit that says that it is sure to match. */
  readonly #masks: readonly { readonly own: bigint; readonly sure: bigint }[];
  readonly #known: readonly Map<bigint, readonly Outcome[]>[];

  constructor(groups: readonly RowGroup[]) {
    this.#groups = groups;
    this.#rows = groups.flatMap(({ rows }, group) => rows.map((row) => ({ group, row })));
    this.#masks = groups.map((_, group) => ({
      own: this.#maskOf((_row, of) => of === group),
      sure: bit(this.#rows.length + group),
    }));
    const sure = this.#masks.reduce((mask, masks) => mask | masks.sure, 0n);
    let levels: readonly Level[] = [];
    const later = new Set<string>();
    for (const dimension of orderDimensions(groups).toReversed()) {
      later.add(dimension);
      const done = this.#maskOf((row) => ![...row.keys()].some((name) => later.has(name)));
      const classes = this.#classesOf(dimension, sure);
      const values = classes.reduce((sum, { weight }) => sum + weight, 0n);
      levels = [{ dimension, classes, done, cells: values * (levels[0]?.cells ?? 1n) }, ...levels];
    }
    this.#levels = levels;
    this.#known = levels.map(() => new Map<bigint, readonly Outcome[]>());
  }

  #maskOf(predicate: (row: Row, group: number) => boolean): bigint {
    return this.#rows.reduce((mask, { row, group }, index) => (predicate(row, group) ? mask | bit(index) : mask), 0n);
  }

  #classesOf(dimension: string, sure: bigint): Level['classes'] {
    const classes = new Map<bigint, { name: string; weight: bigint }>();
    for (const { name, at } of valuesOf(dimension, this.#groups)) {
      const mask = sure | this.#maskOf((row, group) => allows(row.get(dimension), at[group] as number));
      const known = classes.get(mask);
      classes.set(mask, { name: known?.name ?? name, weight: (known?.weight ?? 0n) + 1n });
    }
    return [...classes].map(([mask, { name, weight }]) => ({ mask, name, weight }));
  }

  outcomes(): readonly Outcome[] {
    return this.#explore(
      0,
      this.#maskOf(() => true),
    );
  }

  #reduce(before: bigint, done: bigint): bigint {
    let alive = before;
    this.#masks.forEach(({ own, sure }, index) => {
      if ((alive & own & done) !== 0n) alive = (alive & ~own) | sure;
      if ((alive & sure) === 0n) return;
      for (const beaten of this.#groups[index]?.beats ?? []) alive &= ~this.#bothOf(beaten);
    });
    this.#groups.forEach(({ needs }, index) => {
      if (needs !== null && (alive & this.#bothOf(needs)) === 0n) alive &= ~this.#bothOf(index);
    });
    return alive;
  }

  #bothOf(group: number): bigint {
    const { own, sure } = this.#masks[group] as { own: bigint; sure: bigint };
    return own | sure;
  }

  #matching(alive: bigint): readonly number[] {
    return this.#groups.flatMap((_, index) => ((alive & this.#bothOf(index)) === 0n ? [] : [index]));
  }

  #explore(number: number, before: bigint): readonly Outcome[] {
    const level = this.#levels[number];
    const alive = this.#reduce(before, level === undefined ? -1n : level.done);
    if (level === undefined) return [{ matching: this.#matching(alive), cells: 1n, example: null }];
    // No row is left that could still fail to match.
    if ((alive >> BigInt(this.#rows.length)) << BigInt(this.#rows.length) === alive)
      return [{ matching: this.#matching(alive), cells: level.cells, example: null }];
    const memo = this.#known[number] as Map<bigint, readonly Outcome[]>;
    const known = memo.get(alive);
    if (known !== undefined) return known;
    const found = new Map<string, Outcome>();
    for (const { name, weight, mask } of level.classes) {
      for (const { matching, cells, example } of this.#explore(number + 1, alive & mask)) {
        const key = matching.join();
        const present = found.get(key);
        found.set(key, {
          matching,
          cells: (present?.cells ?? 0n) + cells * weight,
          example: present?.example ?? { dimension: level.dimension, value: name, rest: example },
        });
      }
    }
    const outcomes = [...found.values()];
    memo.set(alive, outcomes);
    return outcomes;
  }
}

/** Every set of groups that matches somewhere, with the number of cells and one of them. */
export const exploreGroups = (groups: readonly RowGroup[]): readonly Outcome[] => new Exploration(groups).outcomes();
