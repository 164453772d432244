/** Why not better: which conditions are missing, and which changes would improve the state. Off the hot path. */
import { allows, type CompiledSet } from './compile.ts';
import { evaluateRequest, type EvaluationOptions, inputsOf, stateOf } from './evaluate.ts';
import type { PolicyInput } from './input.ts';
import type { PolicyEvaluationRequest } from './request.ts';
import { type PolicyState, stateRank } from './rules.ts';

/** What a caller can still bring about: bases and safeguards. */
const open = ['bases', 'safeguards'] as const;
type OpenAttribute = (typeof open)[number];

interface Counterfactual {
  /** The state that it would be. */
  readonly state: PolicyState;
  /** `safeguards.exporter-held-keys`, …: all of them. */
  readonly add: readonly string[];
  /** What the request would be without. Of `add` and `remove` one is empty. */
  readonly remove: readonly string[];
}

export interface Explanation {
  /** By regime that does not permit: what its nearest permit asks for and the request does not have. */
  readonly missing: readonly {
    readonly regime: string;
    readonly rule: string;
    readonly conditions: readonly string[];
  }[];
  readonly counterfactuals: readonly Counterfactual[];
}

const isOpen = (dimension: string): boolean => open.some((attribute) => dimension.startsWith(`${attribute}.`));

/** What stands between an input and a row; null where something does that nobody can bring about. */
function distance(
  compiled: CompiledSet,
  row: CompiledSet['rows'][number]['row'],
  input: PolicyInput,
): readonly string[] | null {
  const missing: string[] = [];
  for (const [dimension, constraint] of row) {
    const dot = dimension.indexOf('.');
    const [attribute, word] = [dimension.slice(0, dot), dimension.slice(dot + 1)];
    if (constraint.kind === 'values') {
      const text = compiled.texts.find((candidate) => candidate.attribute === dimension);
      const value = text === undefined ? undefined : text.index.get(input.texts[text.attribute]);
      if (!allows(constraint, value ?? -1)) return null;
    } else if (constraint.kind === 'range') {
      if (!allows(constraint, input.counters[word as keyof PolicyInput['counters']])) return null;
    } else {
      const has = input.sets[attribute as keyof PolicyInput['sets']].includes(word);
      if (has === constraint.present) continue;
      if (!constraint.present || !isOpen(dimension)) return null;
      missing.push(dimension);
    }
  }
  return missing;
}

function missingFor(compiled: CompiledSet, input: PolicyInput, regime: string): Explanation['missing'] {
  let nearest: { rule: string; conditions: readonly string[] } | null = null;
  for (const { rule: index, row } of compiled.rows) {
    const rule = compiled.set.rules[index];
    if (rule?.regime !== regime || (rule.state !== 'Green' && rule.state !== 'Yellow')) continue;
    const conditions = distance(compiled, row, input);
    if (conditions === null || conditions.length === 0) continue;
    if (nearest === null || conditions.length < nearest.conditions.length) nearest = { rule: rule.id, conditions };
  }
  return nearest === null ? [] : [{ regime, ...nearest }];
}

const withAdded = (request: PolicyEvaluationRequest, changes: readonly string[]): PolicyEvaluationRequest => {
  const added = (attribute: OpenAttribute): readonly string[] => [
    ...request[attribute],
    ...changes.flatMap((change) => (change.startsWith(`${attribute}.`) ? [change.slice(attribute.length + 1)] : [])),
  ];
  return { ...request, bases: added('bases'), safeguards: added('safeguards') };
};

function stateWith(compiled: CompiledSet, request: PolicyEvaluationRequest, options: EvaluationOptions): PolicyState {
  let worst: PolicyState = 'Green';
  for (const input of inputsOf(compiled, request, options)) {
    const state = stateOf(compiled, input, options.outside);
    if (state === 'Red') return state;
    if (state === 'Yellow') worst = state;
  }
  return worst;
}

const shownMax = 8;

/** The bases and safeguards without which the state would be worse. */
function carrying(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  options: EvaluationOptions,
  current: PolicyState,
): readonly Counterfactual[] {
  return open.flatMap((attribute) =>
    request[attribute].flatMap((word) => {
      const without = { ...request, [attribute]: request[attribute].filter((other) => other !== word) };
      const state = stateWith(compiled, without, options);
      const isWorse = stateRank[state] > stateRank[current];
      return isWorse ? [{ state, add: [], remove: [`${attribute}.${word}`] }] : [];
    }),
  );
}

/** Missing conditions and changes of at most two bases and safeguards, the smallest first, and what carries the state. */
export function explainRequest(
  compiled: CompiledSet,
  request: PolicyEvaluationRequest,
  options: EvaluationOptions = {},
): Explanation {
  const result = evaluateRequest(compiled, request, options);
  if (result.state === 'Green')
    return { missing: [], counterfactuals: carrying(compiled, request, options, result.state) };
  const input = inputsOf(compiled, request, options).find(
    ({ texts }) => texts.source === result.places.source && texts.destination === result.places.destination,
  );
  const refusing = result.regimes.filter(({ state }) => state === 'Red');
  const missing = input === undefined ? [] : refusing.flatMap(({ regime }) => missingFor(compiled, input, regime));
  const words = compiled.words
    .filter(({ attribute, word }) => isOpen(`${attribute}.`) && !request[attribute as OpenAttribute].includes(word))
    .map(({ attribute, word }) => `${attribute}.${word}`);
  const found: Counterfactual[] = [];
  const tryChange = (add: readonly string[]): void => {
    const state = stateWith(compiled, withAdded(request, add), options);
    if (stateRank[state] >= stateRank[result.state]) return;
    const isCovered = ({ state: other, add: fewer }: Counterfactual): boolean =>
      stateRank[other] <= stateRank[state] && fewer.every((change) => add.includes(change));
    if (!found.some(isCovered)) found.push({ state, add, remove: [] });
  };
  for (const word of words) tryChange([word]);
  words.forEach((first, index) => {
    for (const second of words.slice(index + 1)) tryChange([first, second]);
  });
  return {
    missing,
    counterfactuals: [...found.slice(0, shownMax), ...carrying(compiled, request, options, result.state)],
  };
}
