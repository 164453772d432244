/**
 * What is wrong or new in a set, found exhaustively, regime by regime: gaps (the regime applies and nothing matches),
 * conflicts (a permit and a prohibition match: Red wins), rules that never match, rules that never decide, and the exact
 * difference of two sets. The domain is that of the policies' inputs: some cells no request leads to (personal and
 * non-personal at once), so a gap may be harmless, but none is missed.
 */
import type { CompiledSet } from './compile.ts';
import { type Assignment, exploreGroups, type Outcome, type RowGroup } from './exploration.ts';
import { controlRegime, type PolicyState, stateRank } from './rules.ts';

/** Conditions of one cell: only those that are not `no` or 0. */
type Cell = Readonly<Record<string, string>>;

export interface Finding {
  readonly regime: string;
  readonly cells: bigint;
  readonly example: Cell;
}

export interface Analysis {
  /** All cells of the regime's dimensions, and those in which it applies. */
  readonly regimes: readonly { readonly regime: string; readonly cells: bigint; readonly applies: bigint }[];
  readonly gaps: readonly Finding[];
  readonly conflicts: readonly Finding[];
  /** Ids of rules that match nowhere. */
  readonly dead: readonly string[];
  /** Ids of rules that match, and another rule of the regime always has the say. */
  readonly idle: readonly string[];
  /** Ids of rules outside the compiled subset: nothing is known of them here. */
  readonly outside: readonly string[];
}

function cellOf(assignment: Assignment | null): Cell {
  const cell: Record<string, string> = {};
  for (let at = assignment; at !== null; at = at.rest) {
    if (at.value !== 'no' && at.value !== '0') cell[at.dimension] = at.value;
  }
  return cell;
}

const { Red, Yellow, Green } = stateRank;
/** The groups of a regime: what says that it applies, its prohibitions, its permits, the prohibitions of every regime. */
const ranksOfGroups = [0, Red, Yellow, Green, Red] as const;
const groupCount = ranksOfGroups.length;
const [applying, forbidding, yellow, green, controlling] = [0, 1, 2, 3, 4] as const;

function groupsOf(compiled: CompiledSet, regime: string, first: number): readonly RowGroup[] {
  return ranksOfGroups.map((rank, index) => ({
    compiled,
    rows: compiled.rows.flatMap(({ rule, row }) => {
      const isOwn = compiled.set.rules[rule]?.regime === (index === controlling ? controlRegime : regime);
      return isOwn && compiled.ruleRanks[rule] === rank ? [row] : [];
    }),
    beats: index === yellow ? [first + green] : [],
    needs: index === applying ? null : first,
  }));
}

const sumOf = (outcomes: readonly Outcome[]): bigint => outcomes.reduce((sum, { cells }) => sum + cells, 0n);

function findingOf(regime: string, outcomes: readonly Outcome[]): readonly Finding[] {
  const [first] = outcomes;
  return first === undefined ? [] : [{ regime, cells: sumOf(outcomes), example: cellOf(first.example) }];
}

/** Whether each rule of a regime matches somewhere, and decides somewhere. */
function liveness(compiled: CompiledSet, regime: string): { dead: readonly string[]; idle: readonly string[] } {
  const dead: string[] = [];
  const idle: string[] = [];
  compiled.set.rules.forEach((rule, index) => {
    if (rule.regime !== regime || compiled.outside.includes(index)) return;
    const rank = compiled.ruleRanks[index] as number;
    const rows = compiled.rows.filter((row) => row.rule === index).map(({ row }) => row);
    if (rows.length === 0) return void dead.push(rule.id);
    if (rank === 0 || regime === controlRegime) return;
    const isWorse = (other: number): boolean =>
      (compiled.ruleRanks[other] as number) > rank && compiled.set.rules[other]?.regime === regime;
    const applies = compiled.rows.filter(
      (row) => compiled.ruleRanks[row.rule] === 0 && compiled.set.rules[row.rule]?.regime === regime,
    );
    const outcomes = exploreGroups([
      { compiled, rows: applies.map(({ row }) => row), beats: [], needs: null },
      { compiled, rows, beats: [], needs: 0 },
      { compiled, rows: compiled.rows.filter((row) => isWorse(row.rule)).map(({ row }) => row), beats: [], needs: 1 },
    ]);
    if (outcomes.some(({ matching }) => matching.includes(1) && !matching.includes(2))) return;
    (outcomes.some(({ matching }) => matching.includes(1)) ? idle : dead).push(rule.id);
  });
  return { dead, idle };
}

export function analyse(compiled: CompiledSet): Analysis {
  const regimes: { regime: string; cells: bigint; applies: bigint }[] = [];
  const gaps: Finding[] = [];
  const conflicts: Finding[] = [];
  for (const regime of compiled.regimes) {
    const outcomes = exploreGroups(groupsOf(compiled, regime, 0));
    const inForce = outcomes.filter(({ matching }) => matching.includes(applying));
    regimes.push({ regime, cells: sumOf(outcomes), applies: sumOf(inForce) });
    const isGap = ({ matching }: Outcome): boolean => matching.length === 1;
    const isConflict = ({ matching }: Outcome): boolean =>
      matching.includes(forbidding) && (matching.includes(yellow) || matching.includes(green));
    gaps.push(...findingOf(regime, inForce.filter(isGap)));
    conflicts.push(...findingOf(regime, inForce.filter(isConflict)));
  }
  const lives = [...compiled.regimes, controlRegime].map((regime) => liveness(compiled, regime));
  return {
    ...{ regimes, gaps, conflicts },
    dead: lives.flatMap(({ dead }) => dead).sort(),
    idle: lives.flatMap(({ idle }) => idle).sort(),
    outside: compiled.outside.map((index) => compiled.set.rules[index]?.id ?? ''),
  };
}

/** `none`: the regime does not apply there. */
type Standing = PolicyState | 'none';

export interface Difference extends Finding {
  readonly from: Standing;
  readonly to: Standing;
}

/** Of the groups from `first` on: what the regime says. */
function standingOf({ matching }: Outcome, first: number): Standing {
  const has = (group: number): boolean => matching.includes(first + group);
  if (!has(applying)) return 'none';
  if (has(forbidding) || has(controlling)) return 'Red';
  if (has(yellow)) return 'Yellow';
  return has(green) ? 'Green' : 'Red';
}

/** Where two sets differ, in every regime of either; exact, but for rules outside the compiled subset. */
export function differencesOf(before: CompiledSet, after: CompiledSet): readonly Difference[] {
  const regimes = [...new Set([...before.regimes, ...after.regimes])].sort();
  return regimes.flatMap((regime) => {
    const outcomes = exploreGroups([...groupsOf(before, regime, 0), ...groupsOf(after, regime, groupCount)]);
    const changes = new Map<string, Difference>();
    for (const outcome of outcomes) {
      const [from, to] = [standingOf(outcome, 0), standingOf(outcome, groupCount)];
      if (from === to) continue;
      const key = `${from} ${to}`;
      const present = changes.get(key);
      const cells = outcome.cells + (present?.cells ?? 0n);
      changes.set(key, { regime, from, to, cells, example: present?.example ?? cellOf(outcome.example) });
    }
    return [...changes.values()];
  });
}

export interface MatchSet {
  readonly regime: string;
  /** Ids of the regime's rules that match together somewhere. */
  readonly rules: readonly string[];
  readonly example: Assignment | null;
}

/** Every set of rules of one regime that matches somewhere, with one cell in which it does. */
export function matchSetsOf(compiled: CompiledSet): readonly MatchSet[] {
  return [...compiled.regimes, controlRegime].flatMap((regime) => {
    const rules = compiled.set.rules.flatMap((rule, index) => (rule.regime === regime ? [{ id: rule.id, index }] : []));
    const groups = rules.map(({ index }) => ({
      compiled,
      rows: compiled.rows.filter(({ rule }) => rule === index).map(({ row }) => row),
      ...{ beats: [], needs: null },
    }));
    return exploreGroups(groups).map(({ matching, example }) => ({
      regime,
      rules: matching.map((group) => rules[group]?.id ?? ''),
      example,
    }));
  });
}
