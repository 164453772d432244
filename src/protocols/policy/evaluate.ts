/**
 * The decision. Of each regime that applies: Red over Yellow over Green, no permit is Red. The state is the worst over the
 * regimes, obligations are united. Rules of the regime `control` forbid within every regime. No regime that applies, a regime
 * inherited that the set does not know, an error of a rule: Red.
 */
import type { Digest } from '../shared/brands.ts';
import type { CompiledSet } from './compile.ts';
import { type Day, unlistedCountry } from './facts.ts';
import { type FactView, placesOf, type PolicyInput, resolveInput, setAttributes } from './input.ts';
import type { PolicyEvaluationRequest } from './request.ts';
import { type ObligationPhase, type PolicyState, type Rule, stateRank } from './rules.ts';
import type { EngineFault } from './vocabulary.ts';

/** Evaluates the rules that are outside the compiled subset. `failed`: an error came up, which is Red. */
export type OutsideRules = (
  input: PolicyInput,
  facts: FactView,
) => {
  readonly matched: readonly string[];
  readonly failed: boolean;
};

export interface DeterminingRule {
  readonly id: string;
  readonly version: string;
  readonly regime: string;
  readonly state: PolicyState;
  readonly citation: string;
}

export interface RegimeState {
  readonly regime: string;
  readonly state: PolicyState;
  /** Ids; empty: the regime applies and permits nothing. */
  readonly rules: readonly string[];
}

export interface Obligation {
  readonly id: string;
  readonly kind: string;
  readonly phase: ObligationPhase;
  readonly deadlineSeconds: number | null;
  readonly proofBy: string | null;
  readonly rules: readonly string[];
}

export interface PolicyEvaluationResult {
  readonly state: PolicyState;
  readonly regimes: readonly RegimeState[];
  readonly rules: readonly DeterminingRule[];
  readonly obligations: readonly Obligation[];
  /** The countries that the state comes from: the worst where the request leaves them open. */
  readonly places: { readonly source: string; readonly destination: string };
  readonly faults: readonly EngineFault[];
  readonly policySetHash: Digest;
  readonly factSetHash: Digest;
  readonly asOf: Day;
}

const states: readonly PolicyState[] = ['Green', 'Green', 'Yellow', 'Red'];

/** Rows that match, as a bitmap in `alive`. */
function matchRows(compiled: CompiledSet, { texts, sets, counters }: PolicyInput, alive: Int32Array): void {
  const { bitmapLength: length, wordTables, wordIndex } = compiled;
  alive.fill(-1);
  for (const { attribute, index, columns } of compiled.texts) {
    const column = columns[index.get(texts[attribute]) ?? index.get(unlistedCountry) ?? -1];
    for (let i = 0; i < length; i++) alive[i] = (alive[i] as number) & (column?.[i] ?? 0);
  }
  for (const { name, bounds, columns } of compiled.counters) {
    const count = counters[name];
    let band = 0;
    while (band < bounds.length && count >= (bounds[band] as number)) band++;
    const column = columns[band] as Int32Array;
    for (let i = 0; i < length; i++) alive[i] = (alive[i] as number) & (column[i] as number);
  }
  const masks = new Uint8Array(wordTables.length);
  for (const attribute of setAttributes) {
    const words = sets[attribute];
    if (words.length === 0) continue;
    const index = wordIndex[attribute];
    for (const word of words) {
      const number = index.get(word);
      if (number !== undefined) masks[number >> 3] = (masks[number >> 3] as number) | (1 << (number & 7));
    }
  }
  for (let t = 0; t < wordTables.length; t++) {
    const table = wordTables[t] as Int32Array;
    const start = (masks[t] as number) * length;
    for (let i = 0; i < length; i++) alive[i] = (alive[i] as number) & (table[start + i] as number);
  }
}

export interface Matches {
  /** Indices of the rules that match, ascending. */
  readonly rules: readonly number[];
  readonly failed: boolean;
}

/** Which rules match. */
export function matchRules(compiled: CompiledSet, input: PolicyInput, outside?: OutsideRules): Matches {
  const alive = new Int32Array(compiled.bitmapLength);
  matchRows(compiled, input, alive);
  const rules: number[] = [];
  let last = -1;
  for (let i = 0; i < alive.length; i++) {
    let bits = alive[i] as number;
    while (bits !== 0) {
      const lowest = bits & -bits;
      // Bits beyond the rows are cleared by the dimensions' bitmaps. Rows are in the order of their rules.
      const rule = compiled.rowRules[i * 32 + 31 - Math.clz32(lowest)] as number;
      if (rule !== last) rules.push(rule);
      last = rule;
      bits ^= lowest;
    }
  }
  if (compiled.outside.length === 0) return { rules, failed: false };
  if (outside === undefined) return { rules, failed: true };
  const { matched, failed } = outside(input, compiled.facts);
  const ids = new Set(matched);
  const added = compiled.outside.filter((rule) => ids.has((compiled.set.rules[rule] as Rule).id));
  return { rules: [...rules, ...added].sort((a, b) => a - b), failed };
}

/** The ranks of the regimes that apply (-1: does not apply; 0: applies and nothing matches), in the order of `regimes`. */
export function regimeRanks(compiled: CompiledSet, matches: Matches): { ranks: Int8Array; control: number } {
  const ranks = new Int8Array(compiled.regimes.length).fill(-1);
  for (const rule of matches.rules) {
    if (compiled.ruleRanks[rule] === 0) ranks[compiled.ruleRegimes[rule] as number] = 0;
  }
  let control = matches.failed ? stateRank.Red : 0;
  for (const rule of matches.rules) {
    const rank = compiled.ruleRanks[rule] as number;
    const regime = compiled.ruleRegimes[rule] as number;
    if (regime === -1) control = Math.max(control, rank);
    else if ((ranks[regime] as number) >= 0) ranks[regime] = Math.max(ranks[regime] as number, rank);
  }
  return { ranks, control };
}

const knowsInherited = ({ regimes }: CompiledSet, { sets }: PolicyInput): boolean =>
  sets.inherited.length === 0 || sets.inherited.every((regime) => regimes.includes(regime));

/** Only the state: what the hot path needs where no reasons are asked for. */
export function stateOf(compiled: CompiledSet, input: PolicyInput, outside?: OutsideRules): PolicyState {
  const { ranks, control } = regimeRanks(compiled, matchRules(compiled, input, outside));
  if (control === stateRank.Red || !knowsInherited(compiled, input)) return 'Red';
  let worst = -1;
  for (const rank of ranks) {
    if (rank === 0) return 'Red';
    if (rank > worst) worst = rank;
  }
  return worst <= 0 ? 'Red' : (states[worst] as PolicyState);
}

function uniteObligations(compiled: CompiledSet, rules: readonly Rule[]): readonly Obligation[] {
  return compiled.set.obligations.flatMap((obligation) => {
    const owners = rules.filter(({ obligations }) => obligations.includes(obligation.kind)).map(({ id }) => id);
    return owners.length === 0 ? [] : [{ id: obligation.kind, ...obligation, rules: owners }];
  });
}

/** An input's result with reasons. */
export function evaluateInput(
  compiled: CompiledSet,
  input: PolicyInput,
  outside?: OutsideRules,
): PolicyEvaluationResult {
  const matches = matchRules(compiled, input, outside);
  const { ranks, control } = regimeRanks(compiled, matches);
  const matched = matches.rules.map((index) => compiled.set.rules[index] as Rule);
  const regimes: RegimeState[] = [];
  compiled.regimes.forEach((regime, index) => {
    const rank = ranks[index] as number;
    if (rank < 0) return;
    const state = rank === 0 || control === stateRank.Red ? 'Red' : (states[rank] as PolicyState);
    const rules = matched.filter(
      (rule) => rule.state === state && (rule.regime === regime || (state === 'Red' && rule.regime === 'control')),
    );
    regimes.push({ regime, state, rules: rules.map(({ id }) => id) });
  });
  const strangers = input.sets.inherited.filter((regime) => !compiled.regimes.includes(regime));
  for (const regime of strangers) regimes.push({ regime, state: 'Red', rules: [] });
  const isRed = regimes.length === 0 || control === stateRank.Red || regimes.some(({ state }) => state === 'Red');
  const isYellow = regimes.some(({ state }) => state === 'Yellow');
  const state: PolicyState = isRed ? 'Red' : isYellow ? 'Yellow' : 'Green';
  const applying = new Set([...regimes.map(({ regime }) => regime), 'control']);
  const active = matched.filter(
    (rule) => rule.state !== null && applying.has(rule.regime) && (!isRed || rule.state === 'Red'),
  );
  const determining = new Set(regimes.flatMap(({ rules }) => rules));
  return {
    ...{ state, regimes },
    rules: matched
      .filter((rule) => determining.has(rule.id) || (rule.regime === 'control' && rule.state === 'Red'))
      .map(({ id, version, regime, citation, ...rule }) => ({
        id,
        version,
        regime,
        state: rule.state ?? 'Red',
        citation,
      })),
    obligations: uniteObligations(compiled, active),
    places: { source: input.texts.source, destination: input.texts.destination },
    faults: [...(input.sets.engine as readonly EngineFault[]), ...(matches.failed ? (['error'] as const) : [])],
    policySetHash: compiled.set.hash,
    factSetHash: compiled.factSetHash,
    asOf: compiled.facts.asOf,
  };
}

/** What the request asks of on which day: after the set's last day it is Red, whatever the rules say. */
export interface EvaluationOptions {
  readonly today?: Day;
  readonly faults?: readonly EngineFault[];
  readonly outside?: OutsideRules;
}

/** Every input that the request may mean: one, unless it leaves its countries open. Countries that no rule tells apart count once. */
export function inputsOf(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  { today, faults = [] }: EvaluationOptions = {},
): readonly PolicyInput[] {
  const { facts, validUntil } = compiled;
  const isExpired = today !== undefined && ((validUntil !== null && today > validUntil) || today < facts.asOf);
  const all = isExpired ? [...faults, 'expired-fact' as const] : faults;
  const inputs: PolicyInput[] = [];
  for (const source of distinctPlaces(compiled, 'source', request.source)) {
    for (const destination of distinctPlaces(compiled, 'destination', request.destination)) {
      inputs.push(resolveInput(request, { source, destination }, facts, all));
    }
  }
  return inputs;
}

function distinctPlaces(
  { facts, texts, outside }: CompiledSet,
  attribute: 'source' | 'destination',
  place: PolicyEvaluationRequest['source'],
): readonly string[] {
  const places = placesOf(place, facts);
  const dimension = texts.find((text) => text.attribute === attribute);
  if (places.length === 1 || dimension === undefined || outside.length > 0) return places;
  const seen = new Set<string>();
  return places.filter((country) => {
    const column = dimension.columns[dimension.index.get(country) ?? -1]?.join() ?? '';
    if (seen.has(column)) return false;
    seen.add(column);
    return true;
  });
}

/** The result of a request: the worst over the countries that it may mean, the first of them where several are as bad. */
export function evaluateRequest(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  options: EvaluationOptions = {},
): PolicyEvaluationResult {
  let worst: PolicyEvaluationResult | null = null;
  const obligations = new Map<string, Obligation>();
  for (const input of inputsOf(compiled, request, options)) {
    const result = evaluateInput(compiled, input, options.outside);
    if (result.state === 'Red') return result;
    for (const obligation of result.obligations)
      obligations.set(obligation.id, obligations.get(obligation.id) ?? obligation);
    if (worst === null || stateRank[result.state] > stateRank[worst.state]) worst = result;
  }
  if (worst === null) throw new RangeError('a request means at least one place');
  return { ...worst, obligations: [...obligations.values()].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}
