/**
 * Exhaustive exploration of the production consensus machine in a small scope: breadth-first over every order in which
 * messages can arrive, arrive again or never arrive, every moment at which a time-out can fire, and, where asked for, a
 * crash and restart at rest or between any two writes; with twins, two machines that run with one key.
 *
 * Covered: one height; rounds 0 to `rounds` − 1; each choice of twins, but for the names of interchangeable validators.
 * After every step two properties are looked at: no two correct validators can decide different blocks (agreement), and
 * no correct validator asks its guard for what contradicts what it signed, decides an invalid block or breaks a rule of
 * its own (conduct).
 *
 * Reductions, each argued where it is made and compared with its absence by tests: hosts as texts (host-text.ts), steps of
 * one host (host-steps.ts), messages that nobody reads any more (`readsOf`), renamings (scope.ts).
 *
 * Not covered: further rounds and heights; what other Byzantine validators than twins can do (the random search has
 * adversaries that forge); invalid and early blocks; building and checking a block are one step with what asked for it;
 * links that go up and down (they change durations only, and time-outs are free); liveness; crashes of twins; losing what
 * was synced.
 */
import { productionRules, type Rules } from '../setting.ts';
import type { ProtocolRuleName } from '../schedule.ts';
import { type Counterexample, counterexampleOf } from './counterexample.ts';
import { casesOf, checkScope, type ScopeCase, type ScopeOptions } from './scope.ts';
import { type Reductions, Search, type SearchCounts } from './search.ts';

export interface ExploreOptions {
  /** 1 to 7; the shipped scope has 4. */
  readonly validators: number;
  /** Only 1: what later heights add is looked at by the random search. */
  readonly heights?: number;
  /** 1 to 4; 2 unless told otherwise. */
  readonly rounds?: number;
  /** Validators that run twice; 1 unless told otherwise. */
  readonly twins?: number;
  /** 0 to 2; 0 unless told otherwise. */
  readonly crashes?: number;
  /** Votes that decide, where another number than that of the rules is wanted. */
  readonly quorum?: number;
  /** The production machine unless told otherwise; `ruleName` is what a saved schedule calls it. */
  readonly rules?: Rules;
  readonly ruleName?: ProtocolRuleName;
  /** All of them unless told otherwise. */
  readonly reductions?: Partial<Reductions>;
  /** Most states to look at, in all; 100 million unless told otherwise. */
  readonly statesMax?: number;
}

export interface ExploredCase extends SearchCounts {
  /** Who runs twice. */
  readonly twins: readonly number[];
  /** Renamings under which states count once; 1 is the identity alone. */
  readonly renamings: number;
  readonly isFinished: boolean;
}

export interface ExploreProgress {
  /** Cases that are over, and the one at work. */
  readonly cases: readonly ExploredCase[];
  readonly casesInAll: number;
}

export interface ExploreResult {
  /** finished: every state in scope was looked at, and nothing is wrong in any. */
  readonly outcome: 'finished' | 'violation' | 'too-many-states';
  readonly cases: readonly ExploredCase[];
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly counterexample: Counterexample | null;
}

/** States between two looks at the outside. */
const slice = 2_000;
const allReductions: Reductions = { slicing: true, partialOrder: true, symmetry: true };

/**
 * Yields progress every few thousand states; leaving off is stopping. Throws RangeError for a scope that is none,
 * UnsoundReductionError where `rules` read what the reductions leave out.
 */
export function* exploring(options: ExploreOptions): Generator<ExploreProgress, ExploreResult> {
  const scope = scopeOf(options);
  const reductions = { ...allReductions, ...options.reductions };
  if (reductions.symmetry && !reductions.slicing) throw new RangeError('symmetry: only together with slicing');
  const statesMax = options.statesMax ?? 100_000_000;
  const chosenCases = casesOf(scope);
  const over: ExploredCase[] = [];
  for (const chosen of chosenCases) {
    const before = sum(over, 'states');
    const search = new Search({ scope, chosen, reductions, statesMax: statesMax - before });
    while (search.advance(slice)) yield { cases: [...over, caseOf(search, chosen)], casesInAll: chosenCases.length };
    over.push(caseOf(search, chosen));
    yield { cases: over, casesInAll: chosenCases.length };
    const { found } = search;
    if (found !== null) {
      const ruleName = options.ruleName ?? 'production';
      const isSliced = reductions.slicing;
      return resultOf('violation', over, counterexampleOf(search, found, { scope, chosen, ruleName, isSliced }));
    }
    if (!search.isFinished) return resultOf('too-many-states', over, null);
  }
  return resultOf('finished', over, null);
}

/** `exploring` to its end; to stop early, use the generator. */
export function explore(
  options: ExploreOptions & { readonly onProgress?: (progress: ExploreProgress) => void },
): ExploreResult {
  const search = exploring(options);
  for (let next = search.next(); ; next = search.next()) {
    if (next.done === true) return next.value;
    options.onProgress?.(next.value);
  }
}

function scopeOf(options: ExploreOptions): ScopeOptions {
  const { validators, heights = 1, rounds = 2, twins = 1, crashes = 0, rules = productionRules, quorum } = options;
  if (heights !== 1) throw new RangeError(`heights: exploration covers one height, got ${heights}`);
  const scope = { validators, rounds, twins, crashes, rules, ...(quorum === undefined ? {} : { quorum }) };
  checkScope(scope);
  return scope;
}

const caseOf = (search: Search, { twins, renamings }: ScopeCase): ExploredCase => ({
  ...search.counts,
  twins,
  renamings: renamings.length,
  isFinished: search.isFinished,
});

const sum = (cases: readonly ExploredCase[], field: 'states' | 'transitions'): number =>
  cases.reduce((total, one) => total + one[field], 0);

function resultOf(
  outcome: ExploreResult['outcome'],
  cases: readonly ExploredCase[],
  counterexample: Counterexample | null,
): ExploreResult {
  const depth = Math.max(...cases.map((one) => one.depth));
  return {
    outcome,
    cases,
    states: sum(cases, 'states'),
    transitions: sum(cases, 'transitions'),
    depth,
    counterexample,
  };
}
