/**
 * What tightens at once, without a new set: revoked facts, retired permits, suspended tenants. A stricter set of a tenant is
 * joined in the same way. Either can only make a state worse: the result is the worse of the one without and the one with.
 */
import { compilePolicySet, type CompiledSet } from './compile.ts';
import {
  evaluateRequest,
  type EvaluationOptions,
  inputsOf,
  matchRules,
  type Obligation,
  type OutsideRules,
  type PolicyEvaluationResult,
} from './evaluate.ts';
import type { Day, FactSet } from './facts.ts';
import { PolicyError } from './policy-error.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicyEvaluationRequest } from './request.ts';
import { type PolicyState, type Rule, stateRank, worse } from './rules.ts';

export interface Overlay {
  /** Ids of facts that grant something. */
  readonly revokedFacts: readonly string[];
  /** Ids of permits. */
  readonly retiredRules: readonly string[];
  readonly suspendedTenants: readonly string[];
}

export const emptyOverlay: Overlay = { revokedFacts: [], retiredRules: [], suspendedTenants: [] };

/** What is in force: a compiled set, the same under an overlay, and perhaps a tenant's own set. */
export interface InForce {
  readonly base: CompiledSet;
  /** null: the overlay changes no rule and no fact. */
  readonly tightened: CompiledSet | null;
  readonly suspendedTenants: ReadonlySet<string>;
}

/** Who evaluates the rules of a set that are outside its bitmaps; undefined: nobody, which is Red. */
export type OutsideOf = (set: PolicySet) => OutsideRules | undefined;

const refuse = (place: string, problem: string): never => {
  throw new PolicyError('invalid-overlay', place, problem);
};

/** Compiles the set, and the set under the overlay. Throws {@link PolicyError} for an overlay that names what does not exist or would loosen. */
export function putInForce(set: PolicySet, facts: FactSet, asOf: Day, overlay: Overlay = emptyOverlay): InForce {
  for (const id of overlay.revokedFacts) {
    const fact =
      facts.facts.find((candidate) => candidate.id === id) ?? refuse(`fact ${id}`, 'there is none with this id');
    if (fact.kind === 'group' && !fact.grants) return refuse(`fact ${id}`, 'revoking it would permit more');
  }
  for (const id of overlay.retiredRules) {
    const rule =
      set.rules.find((candidate) => candidate.id === id) ?? refuse(`rule ${id}`, 'there is none with this id');
    if (rule.state !== 'Green' && rule.state !== 'Yellow')
      return refuse(`rule ${id}`, 'only permits are retired at once');
  }
  const base = compilePolicySet(set, facts, asOf);
  const suspendedTenants = new Set(overlay.suspendedTenants);
  if (overlay.revokedFacts.length === 0 && overlay.retiredRules.length === 0)
    return { base, tightened: null, suspendedTenants };
  const retired = new Set(overlay.retiredRules);
  const left = { ...set, rules: set.rules.filter(({ id }) => !retired.has(id)) };
  // A regime whose last rule is retired still applies, and permits nothing: its `applies` rule is never retired.
  const tightened = compilePolicySet(left, facts, asOf, new Set(overlay.revokedFacts));
  return { base, tightened, suspendedTenants };
}

function unite(a: readonly Obligation[], b: readonly Obligation[]): readonly Obligation[] {
  const own = new Set(a.map(({ id }) => id));
  return [...a, ...b.filter(({ id }) => !own.has(id))].sort((x, y) => (x.id < y.id ? -1 : 1));
}

/** The worse of two; where they are equal both count. A Red keeps its own obligations only. */
function join(a: PolicyEvaluationResult, b: PolicyEvaluationResult): PolicyEvaluationResult {
  const [first, second] = stateRank[b.state] > stateRank[a.state] ? [b, a] : [a, b];
  if (first.state === 'Red' && second.state !== 'Red') return first;
  const ids = new Set(first.rules.map(({ id }) => id));
  return {
    ...first,
    rules: [...first.rules, ...second.rules.filter(({ id, state }) => !ids.has(id) && state === first.state)],
    obligations: unite(first.obligations, second.obligations),
  };
}

/** What a tenant's own set says: the worst of the rules that match; null where none does: it abstains. */
function tenantResult(
  own: CompiledSet,
  request: PolicyEvaluationRequest,
  network: PolicyEvaluationResult,
  options: EvaluationOptions,
): PolicyEvaluationResult | null {
  let state: PolicyState | null = null;
  const found = new Map<string, Rule>();
  for (const input of inputsOf(own, request, options)) {
    const { rules, failed } = matchRules(own, input, options.outside);
    if (failed) state = 'Red';
    for (const index of rules) {
      const rule = own.set.rules[index];
      if (rule === undefined || rule.state === null) continue;
      found.set(rule.id, rule);
      state = state === null ? rule.state : worse(state, rule.state);
    }
  }
  if (state === null) return null;
  const deciding = [...found.values()].filter((rule) => rule.state === state);
  const kinds = new Set(deciding.flatMap(({ obligations }) => obligations));
  return {
    ...network,
    state,
    rules: deciding.map(({ id, version, regime, citation }) => ({ id, version, regime, state, citation })),
    obligations: own.set.obligations
      .filter(({ kind }) => kinds.has(kind))
      .map((kind) => ({
        id: kind.kind,
        ...kind,
        rules: deciding.filter(({ obligations }) => obligations.includes(kind.kind)).map(({ id }) => id),
      })),
  };
}

function withOutside(
  options: Omit<EvaluationOptions, 'outside'>,
  { set, outside }: CompiledSet,
  outsideOf: OutsideOf | undefined,
): EvaluationOptions {
  const rules = outside.length === 0 ? undefined : outsideOf?.(set);
  return rules === undefined ? options : { ...options, outside: rules };
}

/** The decision of what is in force, the tenant's own set and suspensions included. */
export function evaluateInForce(
  { base, tightened, suspendedTenants }: InForce,
  request: PolicyEvaluationRequest,
  options: Omit<EvaluationOptions, 'outside'> & {
    readonly tenantSet?: CompiledSet;
    readonly outsideOf?: OutsideOf;
  } = {},
): PolicyEvaluationResult {
  const { tenantSet, outsideOf, ...rest } = options;
  const isSuspended = suspendedTenants.has(request.subject.tenant);
  // What is retired is no rule of the tightened set, whatever is said of it: both ask the same rules.
  const own = withOutside(rest, base, outsideOf);
  const all: EvaluationOptions = isSuspended ? { ...own, faults: [...(rest.faults ?? []), 'suspended'] } : own;
  let result = evaluateRequest(base, request, all);
  if (isSuspended && result.state !== 'Red') result = { ...result, state: 'Red', obligations: [] };
  if (tightened !== null) result = join(result, evaluateRequest(tightened, request, all));
  if (tenantSet === undefined) return result;
  const tenants = tenantResult(tenantSet, request, result, withOutside(rest, tenantSet, outsideOf));
  return tenants === null ? result : join(result, tenants);
}
