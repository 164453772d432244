/**
 * Templates of agreements: a document with named blanks, and what may be written into each. A text that is nothing but
 * `${name}` becomes the value itself (a number stays a number); within a longer text it becomes a part of it.
 */
import type { Json, JsonProblem } from '../../json-codec.ts';

interface TemplateVariable {
  readonly name: string;
  readonly description: string;
  readonly kind: 'text' | 'number' | 'account' | 'digest' | 'amount';
  /** null: must be given. */
  readonly default: string | null;
}

export interface AgreementTemplate {
  readonly template: string;
  readonly description: string;
  readonly variables: readonly TemplateVariable[];
  readonly document: Json;
}

const shapes: Readonly<Record<TemplateVariable['kind'], RegExp>> = {
  text: /^[^]*$/,
  number: /^(0|[1-9][0-9]{0,15})$/,
  account: /^[0-9a-f]{64}$/,
  digest: /^[0-9a-f]{64}$/,
  amount: /^(0|[1-9][0-9]{0,19})$/,
};

const blank = /\$\{([a-z][A-Za-z0-9]*)\}/g;

/** Values by name, with defaults where none is given, and what is wrong with them. */
function valuesOf(
  { variables }: AgreementTemplate,
  given: Readonly<Record<string, string>>,
): { readonly values: ReadonlyMap<string, Json>; readonly problems: readonly JsonProblem[] } {
  const problems: JsonProblem[] = [];
  const values = new Map<string, Json>();
  for (const { name, description, kind, default: fallback } of variables) {
    const text = Object.hasOwn(given, name) ? given[name] : fallback;
    if (text === undefined || text === null) problems.push({ path: name, message: `needed: ${description}` });
    else if (!shapes[kind].test(text)) problems.push({ path: name, message: `${JSON.stringify(text)} is no ${kind}` });
    else values.set(name, kind === 'number' ? Number(text) : text);
  }
  const known = new Set(variables.map(({ name }) => name));
  for (const name of Object.keys(given)) {
    if (!known.has(name)) problems.push({ path: name, message: 'the template has no such blank' });
  }
  return { values, problems };
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function filled(json: Json, values: ReadonlyMap<string, Json>): Json {
  if (typeof json === 'string') {
    const whole = /^\$\{([a-z][A-Za-z0-9]*)\}$/.exec(json);
    if (whole !== null) return values.get(whole[1] ?? '') ?? json;
    return json.replace(blank, (text, name: string) => textOf(values.get(name) ?? text));
  }
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map((item) => filled(item, values));
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, filled(value, values)]));
}

/** Names of the blanks in a document. */
export function blanksIn(json: Json): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, name] of JSON.stringify(json).matchAll(blank)) if (name !== undefined) names.add(name);
  return names;
}

/** The document with every blank filled, or what is wrong with the values, by the blank's name. */
export function fillTemplate(
  template: AgreementTemplate,
  given: Readonly<Record<string, string>>,
): { readonly document: Json } | { readonly problems: readonly JsonProblem[] } {
  const { values, problems } = valuesOf(template, given);
  return problems.length > 0 ? { problems } : { document: filled(template.document, values) };
}
