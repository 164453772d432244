/** Checks a located tree against a shape: reports every problem, and gives the values with defaults and their origins. */
import {
  amountPattern,
  type Field,
  type ListShape,
  type ObjectShape,
  parseDuration,
  type ScalarShape,
  type Shape,
  type ShapeDraft,
} from './manifest-shape.ts';
import { nearest, type Origin, type Problem, show } from './manifest-problems.ts';
import { fromLocated, type Located, toLocated } from './manifest-source.ts';

export interface Checked<S extends Shape> {
  /** Null where the document is not even of the right kind. */
  readonly draft: ShapeDraft<S> | null;
  /** Every scalar and empty list that is in force, by path, in document order. */
  readonly origins: ReadonlyMap<string, Origin>;
}

export function checkShape<S extends Shape>(shape: S, tree: Located, problems: Problem[]): Checked<S> {
  const checker = new Checker(problems);
  const draft = checker.check(shape, tree, '') as ShapeDraft<S> | null;
  return { draft, origins: checker.origins };
}

/** What may stand here, in words. */
function allowedBy(shape: Shape): string {
  switch (shape.kind) {
    case 'text':
      return shape.allowed;
    case 'choice':
      return shape.values.length === 1 ? String(shape.values[0]) : `one of ${shape.values.join(', ')}`;
    case 'whole':
      return `a whole number from ${shape.min} to ${shape.max}`;
    case 'duration':
      return 'a duration such as 200ms, 2s, 1m or 1h, or 0';
    case 'amount':
      return 'a whole number of minor units; in quotes beyond 9007199254740991';
    case 'flag':
      return 'true or false';
    case 'list':
      return `a list${shape.itemsMin > 0 ? ` of at least ${shape.itemsMin}` : ''}${shape.distinct ? ', no value twice' : ''}`;
    case 'object':
      return `fields: ${Object.keys(shape.fields).join(', ')}`;
  }
}

/** The value that a scalar stands for, or undefined where the shape does not allow it. */
function scalarOf(shape: ScalarShape, value: unknown): unknown {
  switch (shape.kind) {
    case 'text':
      if (typeof value !== 'string' || value.length === 0) return undefined;
      return shape.pattern === undefined || new RegExp(shape.pattern, 'u').test(value) ? value : undefined;
    case 'choice':
      return typeof value === 'string' && shape.values.includes(value) ? value : undefined;
    case 'whole':
      return Number.isSafeInteger(value) && Number(value) >= shape.min && Number(value) <= shape.max
        ? value
        : undefined;
    case 'duration':
      return parseDuration(value) ?? undefined;
    case 'amount':
      if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
      return typeof value === 'string' && new RegExp(amountPattern).test(value) ? BigInt(value) : undefined;
    case 'flag':
      return typeof value === 'boolean' ? value : undefined;
  }
}

function notAllowed(shape: ScalarShape, value: unknown): string {
  const suggestion = shape.kind === 'choice' && typeof value === 'string' ? nearest(value, shape.values) : null;
  return suggestion === null ? 'this value is not allowed here' : `not allowed here; did you mean ${suggestion}?`;
}

class Checker {
  readonly origins = new Map<string, Origin>();
  readonly #problems: Problem[];

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  check(shape: Shape, located: Located, path: string): unknown {
    if (shape.kind === 'object') return this.#object(shape, located, path);
    if (shape.kind === 'list') return this.#list(shape, located, path);
    const value = located.kind === 'scalar' ? scalarOf(shape, located.value) : undefined;
    if (value === undefined) {
      this.#problems.push({
        code: shape.kind === 'duration' ? 'bad-duration' : located.kind === 'scalar' ? 'bad-value' : 'wrong-type',
        origin: located.origin,
        path,
        message: located.kind === 'scalar' ? notAllowed(shape, located.value) : 'a single value is expected here',
        found: show(fromLocated(located)),
        allowed: allowedBy(shape),
      });
      return null;
    }
    this.origins.set(path, located.origin);
    return value;
  }

  #list(shape: ListShape, located: Located, path: string): unknown {
    if (located.kind !== 'list') {
      this.#wrongType('a list is expected here', shape, located, path);
      return null;
    }
    if (located.items.length === 0) this.origins.set(path, located.origin);
    if (located.items.length < shape.itemsMin) this.#wrongType('the list is too short', shape, located, path);
    const seen = new Set<unknown>();
    return located.items.map((item, index) => {
      const itemPath = `${path}[${index}]`;
      const value = this.check(shape.item, item, itemPath);
      if (shape.distinct && value !== null && seen.has(value)) {
        this.#problems.push({
          code: 'bad-value',
          origin: item.origin,
          path: itemPath,
          message: 'the value stands in the list twice',
          found: show(value),
          allowed: allowedBy(shape),
        });
      }
      seen.add(value);
      return value;
    });
  }

  #object(shape: ObjectShape, located: Located, path: string): unknown {
    if (located.kind !== 'map') {
      this.#wrongType('named fields are expected here', shape, located, path);
      return null;
    }
    const names = Object.keys(shape.fields);
    for (const [name, entry] of located.entries) {
      if (names.includes(name)) continue;
      const suggestion = nearest(name, names);
      this.#problems.push({
        code: 'unknown-field',
        origin: entry.origin,
        path: join(path, name),
        message: suggestion === null ? 'unknown field' : `unknown field; did you mean ${suggestion}?`,
        found: name,
        allowed: names.join(', '),
      });
    }
    const value: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(shape.fields)) {
      value[name] = this.#field(field, located, located.entries.get(name)?.value, join(path, name));
    }
    return value;
  }

  #field(field: Field, parent: Located, located: Located | undefined, path: string): unknown {
    if (located !== undefined) return this.check(field.shape, located, path);
    if (field.presence === 'optional') return null;
    if (field.presence !== 'required') {
      return this.check(field.shape, toLocated(field.presence.default, { kind: 'default' }), path);
    }
    this.#problems.push({
      code: 'missing-field',
      origin: parent.origin,
      path,
      message: 'a required field is missing',
      found: null,
      allowed: allowedBy(field.shape),
    });
    return null;
  }

  #wrongType(message: string, shape: Shape, located: Located, path: string): void {
    this.#problems.push({
      code: 'wrong-type',
      origin: located.origin,
      path,
      message,
      found: show(fromLocated(located)),
      allowed: allowedBy(shape),
    });
  }
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
