/**
 * From a policy's conditions to rows: a row is a conjunction with at most one constraint a dimension, a rule matches where
 * one of its rows does. Reads Cedar's JSON form. What is not in the subset gives null, and the rule is left to Cedar: `like`,
 * arithmetic, entities' attributes, tags, extension functions, comparisons of two attributes.
 */
import { counterPrefix, groupAttributes, setAttributes, textAttributes } from './input.ts';
import { PolicyError } from './policy-error.ts';
import type { CedarPolicyJson } from './rules.ts';

export type Constraint =
  /** Of a text attribute: which of its domain's values. */
  | { readonly kind: 'values'; readonly allowed: readonly boolean[] }
  /** Of `set.word`: whether the word is in the set. */
  | { readonly kind: 'word'; readonly present: boolean }
  /** Of a counter: low ≤ n < high. */
  | { readonly kind: 'range'; readonly low: number; readonly high: number };

export type Row = ReadonlyMap<string, Constraint>;

/** What the attributes may hold. */
export interface Domains {
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly words: ReadonlyMap<string, ReadonlySet<string>>;
  readonly counters: ReadonlySet<string>;
  readonly groupNames: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
}

type Formula =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'test'; readonly dimension: string; readonly constraint: Constraint }
  | { readonly kind: 'not'; readonly of: Formula }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Formula[] };

const rowsMax = 512;

class OutsideSubset extends Error {}
const outside = (): never => {
  throw new OutsideSubset();
};

type Json = Readonly<Record<string, unknown>>;
const asJson = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : outside();

const constant = (value: boolean): Formula => ({ kind: 'constant', value });
const all = (parts: readonly Formula[]): Formula => ({ kind: 'and', parts });
const any = (parts: readonly Formula[]): Formula => ({ kind: 'or', parts });
const not = (of: Formula): Formula => ({ kind: 'not', of });

/** `context.a.b` → `a.b`; null where it is something else. */
function attributeOf(expression: unknown): string | null {
  const access = asJson(expression)['.'];
  if (access === undefined) return null;
  const { left, attr } = asJson(access);
  if (typeof attr !== 'string') return null;
  if (asJson(left)['Var'] === 'context') return attr;
  const outer = attributeOf(left);
  return outer === null ? null : `${outer}.${attr}`;
}

const literalOf = (expression: unknown): unknown => asJson(expression)['Value'];

function textsOf(expression: unknown): readonly string[] {
  const json = asJson(expression);
  const value = json['Value'];
  const items = Array.isArray(json['Set'])
    ? (json['Set'] as unknown[]).map(literalOf)
    : Array.isArray(value)
      ? (value as unknown[])
      : outside();
  return items.every((item): item is string => typeof item === 'string') ? items : outside();
}

const sides = (operands: unknown): { readonly left: unknown; readonly right: unknown } => {
  const { left, right } = asJson(operands);
  return { left, right };
};

const isText = (attribute: string): boolean => (textAttributes as readonly string[]).includes(attribute);
const isSet = (attribute: string): boolean => (setAttributes as readonly string[]).includes(attribute);

class Reading {
  readonly #domains: Domains;
  readonly #rule: string;

  constructor(domains: Domains, rule: string) {
    this.#domains = domains;
    this.#rule = rule;
  }

  #unknown(word: string, attribute: string): never {
    throw new PolicyError('invalid-policy', `rule ${this.#rule}`, `${attribute} never holds ${JSON.stringify(word)}`);
  }

  textIn(attribute: string, words: readonly string[]): Formula {
    const domain = this.#domains.texts.get(attribute) ?? outside();
    for (const word of words) if (!domain.includes(word)) this.#unknown(word, attribute);
    const allowed = domain.map((value) => words.includes(value));
    return { kind: 'test', dimension: attribute, constraint: { kind: 'values', allowed } };
  }

  #inGroup(of: string, group: string): Formula {
    if (!this.#domains.groupNames.has(group)) this.#unknown(group, `${of}Groups`);
    const domain = this.#domains.texts.get(of) ?? outside();
    const allowed = domain.map((country) => this.#domains.groups.get(country)?.has(group) === true);
    return { kind: 'test', dimension: of, constraint: { kind: 'values', allowed } };
  }

  #holds(attribute: string, word: string): Formula {
    const of = groupAttributes.get(attribute);
    if (of !== undefined) return this.#inGroup(of, word);
    if (!isSet(attribute)) return outside();
    if (this.#domains.words.get(attribute)?.has(word) !== true) this.#unknown(word, attribute);
    return { kind: 'test', dimension: `${attribute}.${word}`, constraint: { kind: 'word', present: true } };
  }

  #contains({ left, right }: { left: unknown; right: unknown }): Formula {
    const attribute = attributeOf(left);
    const word = literalOf(right);
    if (attribute !== null) return typeof word === 'string' ? this.#holds(attribute, word) : outside();
    const element = attributeOf(right);
    return element !== null && isText(element) ? this.textIn(element, textsOf(left)) : outside();
  }

  #equals({ left, right }: { left: unknown; right: unknown }): Formula {
    const attribute = attributeOf(left);
    if (attribute === null) return attributeOf(right) === null ? outside() : this.#equals({ left: right, right: left });
    const value = literalOf(right);
    if (typeof value === 'number') return this.#range(attribute, value, value + 1);
    return typeof value === 'string' && isText(attribute) ? this.textIn(attribute, [value]) : outside();
  }

  #range(attribute: string, low: number, high: number): Formula {
    if (!attribute.startsWith(counterPrefix) || !this.#domains.counters.has(attribute)) return outside();
    if (!Number.isSafeInteger(low) || !(Number.isSafeInteger(high) || high === Infinity)) return outside();
    if (low >= high || high <= 0) return constant(false);
    return { kind: 'test', dimension: attribute, constraint: { kind: 'range', low: Math.max(0, low), high } };
  }

  #compare(operator: '<' | '<=' | '>' | '>=', { left, right }: { left: unknown; right: unknown }): Formula {
    const attribute = attributeOf(left);
    const mirrored = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
    if (attribute === null)
      return attributeOf(right) === null ? outside() : this.#compare(mirrored[operator], { left: right, right: left });
    const bound = literalOf(right);
    if (typeof bound !== 'number') return outside();
    if (operator === '<') return this.#range(attribute, 0, bound);
    if (operator === '<=') return this.#range(attribute, 0, bound + 1);
    return this.#range(attribute, operator === '>' ? bound + 1 : bound, Infinity);
  }

  formula(expression: unknown): Formula {
    const entries = Object.entries(asJson(expression));
    const [operator, operands] = entries.length === 1 ? (entries[0] as [string, unknown]) : outside();
    switch (operator) {
      case 'Value':
        return typeof operands === 'boolean' ? constant(operands) : outside();
      case '!':
        return not(this.formula(asJson(operands)['arg']));
      case '&&':
      case '||': {
        const { left, right } = sides(operands);
        const parts = [this.formula(left), this.formula(right)];
        return operator === '&&' ? all(parts) : any(parts);
      }
      case 'if-then-else': {
        const { if: condition, then, else: otherwise } = asJson(operands);
        const test = this.formula(condition);
        return any([all([test, this.formula(then)]), all([not(test), this.formula(otherwise)])]);
      }
      case '==':
        return this.#equals(sides(operands));
      case '!=':
        return not(this.#equals(sides(operands)));
      case '<':
      case '<=':
      case '>':
      case '>=':
        return this.#compare(operator, sides(operands));
      case 'contains':
        return this.#contains(sides(operands));
      case 'containsAll':
      case 'containsAny': {
        const { left, right } = sides(operands);
        const attribute = attributeOf(left) ?? outside();
        const parts = textsOf(right).map((word) => this.#holds(attribute, word));
        return operator === 'containsAll' ? all(parts) : any(parts);
      }
      default:
        return outside();
    }
  }
}

function actionFormula(policy: CedarPolicyJson, reading: Reading): Formula {
  const { op, entity, entities } = policy.action as { op: string; entity?: unknown; entities?: unknown };
  const idOf = (value: unknown): string => {
    const { type, id } = asJson(value);
    return type === 'Action' && typeof id === 'string' ? id : outside();
  };
  if (op === 'All') return constant(true);
  if (op === '==' || (op === 'in' && entity !== undefined)) return reading.textIn('operation', [idOf(entity)]);
  if (op === 'in' && Array.isArray(entities)) return reading.textIn('operation', (entities as unknown[]).map(idOf));
  return outside();
}

/** Constraints that together say the same as the opposite of one. */
function opposites(constraint: Constraint): readonly Constraint[] {
  if (constraint.kind === 'values') return [{ kind: 'values', allowed: constraint.allowed.map((value) => !value) }];
  if (constraint.kind === 'word') return [{ kind: 'word', present: !constraint.present }];
  const { low, high } = constraint;
  return [
    ...(low > 0 ? [{ kind: 'range', low: 0, high: low } as const] : []),
    ...(high === Infinity ? [] : [{ kind: 'range', low: high, high: Infinity } as const]),
  ];
}

/** Both at once; null where that cannot be. */
function meet(a: Constraint, b: Constraint): Constraint | null {
  if (a.kind === 'values' && b.kind === 'values') {
    const allowed = a.allowed.map((value, index) => value && b.allowed[index] === true);
    return allowed.includes(true) ? { kind: 'values', allowed } : null;
  }
  if (a.kind === 'word' && b.kind === 'word') return a.present === b.present ? a : null;
  if (a.kind === 'range' && b.kind === 'range') {
    const low = Math.max(a.low, b.low);
    const high = Math.min(a.high, b.high);
    return low < high ? { kind: 'range', low, high } : null;
  }
  return null;
}

function joinRows(a: Row, b: Row): Row | null {
  const joined = new Map(a);
  for (const [dimension, constraint] of b) {
    const present = joined.get(dimension);
    const both = present === undefined ? constraint : meet(present, constraint);
    if (both === null) return null;
    joined.set(dimension, both);
  }
  return joined;
}

/** Disjunctive normal form. */
function rowsOf(formula: Formula, negated: boolean): readonly Row[] {
  switch (formula.kind) {
    case 'constant':
      return formula.value !== negated ? [new Map()] : [];
    case 'not':
      return rowsOf(formula.of, !negated);
    case 'test': {
      const constraints = negated ? opposites(formula.constraint) : [formula.constraint];
      return constraints
        .filter((constraint) => constraint.kind !== 'values' || constraint.allowed.includes(true))
        .map((constraint) => new Map([[formula.dimension, constraint]]));
    }
    default: {
      const isAnd = (formula.kind === 'and') !== negated;
      const parts = formula.parts.map((part) => rowsOf(part, negated));
      const rows = isAnd
        ? parts.reduce<readonly Row[]>(
            (left, right) => left.flatMap((a) => right.flatMap((b) => joinRows(a, b) ?? [])),
            [new Map()],
          )
        : parts.flat();
      return rows.length > rowsMax ? outside() : rows;
    }
  }
}

/** The rows of a rule, or null where the rule is outside the subset. Throws {@link PolicyError} for words that do not exist. */
export function rowsOfPolicy(policy: CedarPolicyJson, rule: string, domains: Domains): readonly Row[] | null {
  const reading = new Reading(domains, rule);
  try {
    const scopes = [policy.principal, policy.resource];
    // `is` always holds: the schema has one type for each.
    if (!scopes.every((scope) => scope.op === 'All' || (scope.op === 'is' && !('in' in scope)))) return null;
    const conditions = policy.conditions.map(({ kind, body }) =>
      kind === 'unless' ? not(reading.formula(body)) : reading.formula(body),
    );
    return rowsOf(all([actionFormula(policy, reading), ...conditions]), false);
  } catch (error) {
    if (error instanceof OutsideSubset) return null;
    throw error;
  }
}
