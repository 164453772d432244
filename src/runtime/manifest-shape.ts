/**
 * A small vocabulary for what a manifest may contain. One description drives the validator, the published JSON Schema
 * and the TypeScript types, so that the three cannot disagree.
 */

interface Described {
  /** One sentence, shown by editors. */
  readonly about: string;
}

export interface TextShape extends Described {
  readonly kind: 'text';
  /** Anchored regular expression, the same in JSON Schema and here. */
  readonly pattern?: string;
  /** Said in error reports: what is allowed. */
  readonly allowed: string;
}
export interface ChoiceShape<Choice extends string = string> extends Described {
  readonly kind: 'choice';
  readonly values: readonly Choice[];
}
export interface WholeShape extends Described {
  readonly kind: 'whole';
  readonly min: number;
  readonly max: number;
}
/** `200ms`, `2s`, `1m`, `1h`, or 0. The value is milliseconds. */
export interface DurationShape extends Described {
  readonly kind: 'duration';
}
/** Minor units: an integer, or decimal digits in quotes beyond 2^53. The value is a bigint. */
export interface AmountShape extends Described {
  readonly kind: 'amount';
}
export interface FlagShape extends Described {
  readonly kind: 'flag';
}
export interface ListShape<Item extends Shape = Shape> extends Described {
  readonly kind: 'list';
  readonly item: Item;
  readonly itemsMin: number;
  /** Scalars only: no value twice. */
  readonly distinct: boolean;
}
export interface Field<S extends Shape = Shape> {
  readonly shape: S;
  /** `required`: must be there. `optional`: null where absent. Else the value as it would stand in the file. */
  readonly presence: 'required' | 'optional' | { readonly default: unknown };
}
export interface ObjectShape<Fields extends Readonly<Record<string, Field>> = Readonly<Record<string, Field>>>
  extends Described {
  readonly kind: 'object';
  readonly fields: Fields;
}

export type ScalarShape = TextShape | ChoiceShape | WholeShape | DurationShape | AmountShape | FlagShape;
export type Shape = ScalarShape | ListShape | ObjectShape;

type ScalarValue<S> = S extends TextShape
  ? string
  : S extends ChoiceShape<infer Choice>
    ? Choice
    : S extends WholeShape | DurationShape
      ? number
      : S extends AmountShape
        ? bigint
        : S extends FlagShape
          ? boolean
          : never;

type FieldValue<F> =
  F extends Field<infer S> ? (F['presence'] extends 'optional' ? ShapeValue<S> | null : ShapeValue<S>) : never;

/** What a checked document of this shape holds. */
export type ShapeValue<S> =
  S extends ObjectShape<infer Fields>
    ? { readonly [Name in keyof Fields]: FieldValue<Fields[Name]> }
    : S extends ListShape<infer Item>
      ? readonly ShapeValue<Item>[]
      : ScalarValue<S>;

/** The same before it is known to be free of problems: whatever was wrong or missing is null. */
export type ShapeDraft<S> =
  S extends ObjectShape<infer Fields>
    ? { readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Inner> ? ShapeDraft<Inner> | null : never }
    : S extends ListShape<infer Item>
      ? readonly (ShapeDraft<Item> | null)[]
      : ScalarValue<S>;

export const text = (about: string, allowed: string, pattern?: string): TextShape => ({
  kind: 'text',
  about,
  allowed,
  ...(pattern === undefined ? {} : { pattern }),
});
export const choice = <const Choice extends string>(about: string, values: readonly Choice[]): ChoiceShape<Choice> => ({
  kind: 'choice',
  about,
  values,
});
export const whole = (about: string, min: number, max: number): WholeShape => ({ kind: 'whole', about, min, max });
export const duration = (about: string): DurationShape => ({ kind: 'duration', about });
export const amount = (about: string): AmountShape => ({ kind: 'amount', about });
export const flag = (about: string): FlagShape => ({ kind: 'flag', about });
export const listOf = <Item extends Shape>(
  about: string,
  item: Item,
  options: { readonly itemsMin?: number; readonly distinct?: boolean } = {},
): ListShape<Item> => ({
  kind: 'list',
  about,
  item,
  itemsMin: options.itemsMin ?? 0,
  distinct: options.distinct ?? false,
});
export const object = <Fields extends Readonly<Record<string, Field>>>(
  about: string,
  fields: Fields,
): ObjectShape<Fields> => ({ kind: 'object', about, fields });

export const required = <S extends Shape>(shape: S) => ({ shape, presence: 'required' as const });
export const optional = <S extends Shape>(shape: S) => ({ shape, presence: 'optional' as const });
export const withDefault = <S extends Shape>(shape: S, value: unknown) => ({ shape, presence: { default: value } });

const durationPattern = '^[0-9]{1,9}(ms|s|m|h)$';
/** 19 digits always fit an unsigned 64-bit integer. */
export const amountPattern = '^[0-9]{1,19}$';

const millisecondsPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of `2s`, `200ms`, `1m`, `1h` or 0; null for anything else. */
export function parseDuration(value: unknown): number | null {
  if (value === 0) return 0;
  if (typeof value !== 'string' || !new RegExp(durationPattern).test(value)) return null;
  const unit = /[a-z]+$/.exec(value)?.[0] as keyof typeof millisecondsPerUnit;
  return Number(value.slice(0, -unit.length)) * millisecondsPerUnit[unit];
}

/** The shortest way to write a duration: 120000 is `2m`, 1500 is `1500ms`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = millisecondsPerUnit[unit];
    if (milliseconds >= size && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return `${milliseconds}ms`;
}

function scalarSchema(shape: ScalarShape): Record<string, unknown> {
  switch (shape.kind) {
    case 'text':
      return { type: 'string', ...(shape.pattern === undefined ? { minLength: 1 } : { pattern: shape.pattern }) };
    case 'choice':
      return { enum: [...shape.values] };
    case 'whole':
      return { type: 'integer', minimum: shape.min, maximum: shape.max };
    case 'duration':
      return { anyOf: [{ type: 'string', pattern: durationPattern }, { const: 0 }] };
    case 'amount':
      return {
        anyOf: [
          { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
          { type: 'string', pattern: amountPattern },
        ],
      };
    case 'flag':
      return { type: 'boolean' };
  }
}

/** The JSON Schema (2020-12) of a shape. */
export function toJsonSchema(shape: Shape): Record<string, unknown> {
  if (shape.kind === 'list') {
    return {
      description: shape.about,
      type: 'array',
      items: toJsonSchema(shape.item),
      ...(shape.itemsMin > 0 ? { minItems: shape.itemsMin } : {}),
      ...(shape.distinct ? { uniqueItems: true } : {}),
    };
  }
  if (shape.kind === 'object') {
    const requiredNames: string[] = [];
    const properties: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(shape.fields)) {
      if (field.presence === 'required') requiredNames.push(name);
      const schema = toJsonSchema(field.shape);
      if (typeof field.presence === 'object') schema['default'] = field.presence.default;
      properties[name] = schema;
    }
    return {
      description: shape.about,
      type: 'object',
      properties,
      ...(requiredNames.length > 0 ? { required: requiredNames } : {}),
      additionalProperties: false,
    };
  }
  return { description: shape.about, ...scalarSchema(shape) };
}
