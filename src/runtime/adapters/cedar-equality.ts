/**
 * Whether the compiled set and Cedar say the same: which rules match, on one input for every set of rules that can match
 * together in a regime, on both sides of every bound of a counter, on every country, and on random requests.
 */
import { matchSetsOf } from '../../protocols/policy/analysis.ts';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import { matchRules } from '../../protocols/policy/evaluate.ts';
import type { Assignment } from '../../protocols/policy/exploration.ts';
import {
  counterPrefix,
  type PolicyInput,
  setAttributes,
  type SetAttribute,
  textAttributes,
  type TextAttribute,
} from '../../protocols/policy/input.ts';
import { type CounterName, counterNames } from '../../protocols/policy/vocabulary.ts';
import { SeededRandom } from '../simulated/seeded-random.ts';
import type { CedarRules } from './cedar.ts';

interface Mismatch {
  readonly input: PolicyInput;
  /** Ids of the rules that match. */
  readonly compiled: readonly string[];
  readonly cedar: readonly string[];
}

export interface EqualityReport {
  readonly matchSets: number;
  readonly boundaries: number;
  readonly countries: number;
  readonly random: number;
  /** At most ten are kept. */
  readonly mismatches: readonly Mismatch[];
}

const emptySets = Object.fromEntries(setAttributes.map((name) => [name, []])) as unknown as PolicyInput['sets'];
const noCounts = Object.fromEntries(counterNames.map((name) => [name, 0])) as PolicyInput['counters'];
const plainInput: PolicyInput = {
  texts: { operation: 'transfer', source: 'DE', destination: 'US', classification: 'Confidential', purpose: 'other' },
  sets: { ...emptySets, contents: ['personal'] },
  counters: noCounts,
};

const isText = (name: string): name is TextAttribute => (textAttributes as readonly string[]).includes(name);

function inputOf(assignment: Assignment | null): PolicyInput {
  const texts: Record<TextAttribute, string> = { ...plainInput.texts };
  const sets: Record<SetAttribute, readonly string[]> = { ...emptySets };
  const counters: Record<CounterName, number> = { ...noCounts };
  for (let at = assignment; at !== null; at = at.rest) {
    const { dimension, value } = at;
    const dot = dimension.indexOf('.');
    if (isText(dimension)) texts[dimension] = value;
    else if (dimension.startsWith(counterPrefix)) counters[dimension.slice(dot + 1) as CounterName] = Number(value);
    else if (value === 'yes') {
      const attribute = dimension.slice(0, dot) as SetAttribute;
      sets[attribute] = [...sets[attribute], dimension.slice(dot + 1)];
    }
  }
  return { texts, sets, counters };
}

/** Any value of each dimension; `draw(n)` is a whole number below n. */
export function randomInput({ texts, words, counters }: CompiledSet, draw: (below: number) => number): PolicyInput {
  const chosen = { ...plainInput.texts };
  for (const { attribute, values } of texts) chosen[attribute] = values[draw(values.length)] ?? chosen[attribute];
  const sets: Record<SetAttribute, readonly string[]> = { ...emptySets };
  const oneIn = 2 + draw(10);
  for (const { attribute, word } of words) {
    // Faults of the engine make everything Red: seldom.
    if (draw(attribute === 'engine' ? 200 : oneIn) === 0) sets[attribute] = [...sets[attribute], word];
  }
  if (draw(2) === 0 && !sets.contents.includes('personal')) sets.contents = [...sets.contents, 'personal'];
  const counts: Record<CounterName, number> = { ...noCounts };
  for (const { name, bounds } of counters) {
    const bound = bounds[draw(bounds.length)] ?? 0;
    counts[name] = draw(3) === 0 ? Math.max(0, bound + draw(3) - 1) : 0;
  }
  return { texts: chosen, sets, counters: counts };
}

function boundaryInputs(compiled: CompiledSet, bases: readonly PolicyInput[]): readonly PolicyInput[] {
  return compiled.counters.flatMap(({ name, bounds }) =>
    bounds.flatMap((bound) =>
      [bound - 1, bound, bound + 1].flatMap((count) =>
        bases.map((base) => ({ ...base, counters: { ...base.counters, [name]: count } })),
      ),
    ),
  );
}

/** The regimes whose rules look at counters. */
function countingRegimes({ rows, set }: CompiledSet): ReadonlySet<string> {
  const counting = rows.filter(({ row }) => [...row.keys()].some((dimension) => dimension.startsWith(counterPrefix)));
  return new Set(counting.map(({ rule }) => set.rules[rule]?.regime ?? ''));
}

/** `random`: how many random inputs. Takes about a quarter of a millisecond an input. */
export function checkEquality(
  compiled: CompiledSet,
  cedar: CedarRules,
  { random, seed }: { readonly random: number; readonly seed: number },
): EqualityReport {
  const mismatches: Mismatch[] = [];
  const check = (input: PolicyInput): void => {
    const { rules, failed } = matchRules(compiled, input, cedar.matching);
    const ids = rules.map((index) => compiled.set.rules[index]?.id ?? '').sort();
    const answer = cedar.matching(input, compiled.facts);
    if (!failed && !answer.failed && ids.join(' ') === answer.matched.join(' ')) return;
    if (mismatches.length < 10) mismatches.push({ input, compiled: ids, cedar: answer.matched });
  };
  const sets = matchSetsOf(compiled);
  const counting = countingRegimes(compiled);
  const matchSets = sets.map(({ example }) => inputOf(example));
  const bases = sets.flatMap(({ regime, example }) => (counting.has(regime) ? [inputOf(example)] : []));
  const boundaries = boundaryInputs(compiled, bases);
  const countries = [...compiled.facts.groups.keys()].flatMap((country) =>
    (['source', 'destination'] as const).map((end) => ({
      ...plainInput,
      texts: { ...plainInput.texts, [end]: country },
    })),
  );
  for (const input of [...matchSets, ...boundaries, ...countries]) check(input);
  const stream = new SeededRandom(seed);
  const draw = (below: number): number => stream.uint32() % below;
  for (let i = 0; i < random; i++) check(randomInput(compiled, draw));
  return {
    matchSets: matchSets.length,
    boundaries: boundaries.length,
    countries: countries.length,
    random,
    mismatches,
  };
}
