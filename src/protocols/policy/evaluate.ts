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
import { type DeterminingRule, type ObligationPhase, type PolicyState, type Rule, stateRank } from './rules.ts';
import type { EngineFault } from './vocabulary.ts';

/** Evaluates the rules that are outside the compiled subset. `failed`: an error came up, which is Red. */
export type OutsideRules = (
  input: PolicyInput,
  facts: FactView,
) => {
  readonly matched: readonly string[];
  readonly failed: boolean;
};

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

/** A bitmap within a table. */
interface Column {
  readonly table: Int32Array;
  readonly start: number;
}

const nothing: Column = { table: new Int32Array(0), start: 0 };

/** One column a dimension: the rows that match are in all of them. */
function columnsOf(compiled: CompiledSet, { texts, sets, counters }: PolicyInput): readonly Column[] {
  const { bitmapLength: length, wordTables, wordIndex } = compiled;
  const columns: Column[] = [];
  for (const { attribute, index, columns: own } of compiled.texts) {
    const table = own[index.get(texts[attribute]) ?? index.get(unlistedCountry) ?? -1];
    columns.push(table === undefined ? nothing : { table, start: 0 });
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
  wordTables.forEach((table, at) => columns.push({ table, start: (masks[at] as number) * length }));
  for (const { name, bounds, columns: own } of compiled.counters) {
    const count = counters[name];
    let band = 0;
    while (band < bounds.length && count >= (bounds[band] as number)) band++;
    columns.push({ table: own[band] ?? nothing.table, start: 0 });
  }
  return columns;
}

export interface Matches {
  /** Indices of the rules that match, ascending. */
  readonly rules: readonly number[];
  readonly failed: boolean;
}

/** Which rules match. */
export function matchRules(compiled: CompiledSet, input: PolicyInput, outside?: OutsideRules): Matches {
  const columns = columnsOf(compiled, input);
  const rules: number[] = [];
  let last = -1;
  for (let i = 0; i < compiled.bitmapLength; i++) {
    let bits = -1;
    // Few columns suffice to rule out most words of rows.
    for (let c = 0; bits !== 0 && c < columns.length; c++) {
      const { table, start } = columns[c] as Column;
      bits &= table[start + i] ?? 0;
    }
    while (bits !== 0) {
      const lowest = bits & -bits;
      // Bits beyond the rows are in no text's bitmap. Rows are in the order of their rules.
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

/** `owners`: rules by obligation, in the order of the set's obligations. */
function uniteObligations({ set }: CompiledSet, owners: readonly (string[] | undefined)[]): readonly Obligation[] {
  const united: Obligation[] = [];
  owners.forEach((rules, index) => {
    const kind = set.obligations[index];
    if (rules === undefined || kind === undefined) return;
    const { phase, deadlineSeconds, proofBy } = kind;
    united.push({ id: kind.kind, kind: kind.kind, phase, deadlineSeconds, proofBy, rules });
  });
  return united;
}

/** The regimes that apply, each with the rules that give it its state. */
function regimeStates(compiled: CompiledSet, input: PolicyInput, matches: Matches): readonly RegimeState[] {
  const { ranks, control } = regimeRanks(compiled, matches);
  const isForbidden = control === stateRank.Red;
  const found: (string[] | null)[] = [];
  for (const rank of ranks) found.push(rank < 0 ? null : []);
  for (const rule of matches.rules) {
    const rank = compiled.ruleRanks[rule] as number;
    const regime = compiled.ruleRegimes[rule] as number;
    if (rank === 0) continue;
    const { id } = compiled.summaries[rule] as DeterminingRule;
    if (regime === -1) for (const rules of found) rules?.push(id);
    else if (rank === (isForbidden ? stateRank.Red : ranks[regime])) found[regime]?.push(id);
  }
  const regimes: RegimeState[] = [];
  found.forEach((rules, index) => {
    if (rules === null) return;
    const rank = isForbidden ? stateRank.Red : (ranks[index] as number);
    regimes.push({
      regime: compiled.regimes[index] as string,
      state: rank === 0 ? 'Red' : (states[rank] as PolicyState),
      rules,
    });
  });
  for (const regime of input.sets.inherited) {
    if (!compiled.regimes.includes(regime)) regimes.push({ regime, state: 'Red', rules: [] });
  }
  return regimes;
}

function worstOf(regimes: readonly RegimeState[], isForbidden: boolean): PolicyState {
  if (isForbidden || regimes.length === 0) return 'Red';
  return regimes.reduce<PolicyState>(
    (worst, { state }) => (stateRank[state] > stateRank[worst] ? state : worst),
    'Green',
  );
}

/** An input's result with reasons. */
export function evaluateInput(
  compiled: CompiledSet,
  input: PolicyInput,
  outside?: OutsideRules,
): PolicyEvaluationResult {
  const matches = matchRules(compiled, input, outside);
  const regimes = regimeStates(compiled, input, matches);
  const isForbidden = matches.failed || matches.rules.some((rule) => compiled.ruleRegimes[rule] === -1);
  const state = worstOf(regimes, isForbidden);
  const rules: DeterminingRule[] = [];
  const owners: (string[] | undefined)[] = [];
  for (const rule of matches.rules) {
    const summary = compiled.summaries[rule] as DeterminingRule;
    const isControl = compiled.ruleRegimes[rule] === -1;
    const own = isControl ? undefined : regimes.find(({ regime }) => regime === summary.regime);
    if (compiled.ruleRanks[rule] === 0 || (own === undefined && !isControl)) continue;
    if (isControl || own?.state === summary.state) rules.push(summary);
    // What is Red is not let go: only what a Red itself asks for (a legal review) is left to do.
    if (state === 'Red' && summary.state !== 'Red') continue;
    for (const obligation of compiled.ruleObligations[rule] ?? []) (owners[obligation] ??= []).push(summary.id);
  }
  return {
    ...{ state, regimes, rules },
    obligations: uniteObligations(compiled, owners),
    places: { source: input.texts.source, destination: input.texts.destination },
    faults: faultsOf(input, matches),
    policySetHash: compiled.set.hash,
    factSetHash: compiled.factSetHash,
    asOf: compiled.facts.asOf,
  };
}

function faultsOf({ sets }: PolicyInput, { failed }: Matches): readonly EngineFault[] {
  const faults = sets.engine as readonly EngineFault[];
  return failed ? [...faults, 'error'] : faults;
}

/** What the request asks of on which day: after the set's last day it is Red, whatever the rules say. */
export interface EvaluationOptions {
  readonly today?: Day;
  readonly faults?: readonly EngineFault[];
  readonly outside?: OutsideRules;
  /** The schemes under which the recipient is certified, where they were looked up before and the recipient is not named. */
  readonly certified?: (facts: FactView) => readonly string[];
}

/** Every input that the request may mean: one, unless it leaves its countries open. Countries that no rule tells apart count once. */
export function inputsOf(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  { today, faults = [], certified }: EvaluationOptions = {},
): readonly PolicyInput[] {
  const { facts, validUntil } = compiled;
  const isExpired = today !== undefined && ((validUntil !== null && today > validUntil) || today < facts.asOf);
  const all = isExpired ? [...faults, 'expired-fact' as const] : faults;
  const inputs: PolicyInput[] = [];
  const known = certified?.(facts);
  for (const source of distinctPlaces(compiled, 'source', request.source)) {
    for (const destination of distinctPlaces(compiled, 'destination', request.destination)) {
      inputs.push(resolveInput(request, { source, destination }, facts, { today, faults: all, certified: known }));
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

/** Inputs of one request that rules outside the bitmaps are asked about: each costs a fraction of a millisecond. */
const outsideInputsMax = 64;

/** The result of a request: the worst over the countries that it may mean, the first of them where several are as bad. */
export function evaluateRequest(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  options: EvaluationOptions = {},
): PolicyEvaluationResult {
  let worst: PolicyEvaluationResult | null = null;
  const obligations = new Map<string, Obligation>();
  const inputs = inputsOf(compiled, request, options);
  // Nobody is asked, which is Red with the fault `error`: a request that means the whole world must not hold up all others.
  const outside = compiled.outside.length > 0 && inputs.length > outsideInputsMax ? undefined : options.outside;
  for (const input of inputs) {
    const result = evaluateInput(compiled, input, outside);
    if (result.state === 'Red') return result;
    for (const obligation of result.obligations)
      obligations.set(obligation.id, obligations.get(obligation.id) ?? obligation);
    if (worst === null || stateRank[result.state] > stateRank[worst.state]) worst = result;
  }
  if (worst === null) throw new RangeError('a request means at least one place');
  return { ...worst, obligations: [...obligations.values()].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}
