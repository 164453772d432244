/**
 * A policy pack on disk: `pack.json` (name, version, asOf), `schema.cedarschema`, `policies/*.cedar`, `facts.json`,
 * `obligations.json`, `goldens/*.json`. Every error names file and line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Day, type FactSet, isDay, readFactSet } from '../../protocols/policy/facts.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import { type PolicySet, readPolicySet } from '../../protocols/policy/policy-set.ts';
import type { CedarPolicyJson, ObligationKind } from '../../protocols/policy/rules.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import { JsonError, parsePlacedJson, type Path, type PlacedJson } from '../../simulation/json-places.ts';
import { type CedarProblem, parsePolicy, validatePolicies } from './cedar.ts';
import { lineAt, type PolicyText, splitPolicies } from './policy-text.ts';

export interface PackProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** All that is wrong with a pack. */
export class PackError extends CodedError<'invalid-pack'> {
  override readonly name = 'PackError';
  readonly problems: readonly PackProblem[];

  constructor(problems: readonly PackProblem[]) {
    super('invalid-pack', problems.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
    this.problems = problems;
  }
}

export interface PolicyPack {
  readonly directory: string;
  readonly set: PolicySet;
  readonly facts: FactSet;
  /** The day for which the pack was made. */
  readonly asOf: Day;
  /** Where a rule stands. */
  placeOf(rule: string): PackProblem;
}

const refuse = (file: string, line: number, message: string): never => {
  throw new PackError([{ file, line, message }]);
};

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    return refuse(file, 1, cause instanceof Error ? cause.message : 'cannot be read');
  }
}

/** A file of JSON with the lines of its values. Throws {@link PackError}. */
export function readPlacedFile(file: string): PlacedJson {
  try {
    return parsePlacedJson(readText(file));
  } catch (error) {
    if (error instanceof JsonError) return refuse(file, error.line, error.message);
    throw error;
  }
}

/** `$.facts[3].countries` → ['facts', 3, 'countries']: `$` is the whole. */
const pathOf = (place: string): Path =>
  place
    .split(/[.[\]]+/)
    .filter((step) => step !== '' && step !== '$')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));

/** What `read` makes of a file of JSON; its {@link PolicyError}s get file and line. */
export function readJsonFile<T>(file: string, read: (json: unknown) => T): T {
  const placed = readPlacedFile(file);
  try {
    return read(placed.value);
  } catch (error) {
    if (error instanceof PolicyError) return refuse(file, placed.lineOf(pathOf(error.place)), error.message);
    throw error;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readObligation(json: unknown, index: number): ObligationKind {
  const place = `$[${index}]`;
  const wrong = (name: string, problem: string): never => {
    throw new PolicyError('invalid-policy', `${place}.${name}`, problem);
  };
  if (!isObject(json)) throw new PolicyError('invalid-policy', place, 'an object is needed');
  const { kind, phase, deadlineSeconds, proofBy } = json;
  if (typeof kind !== 'string' || kind === '') return wrong('kind', 'a text is needed');
  if (phase !== 'before' && phase !== 'with' && phase !== 'after')
    return wrong('phase', 'before, with or after is needed');
  if (phase === 'with') {
    if (deadlineSeconds !== null || proofBy !== null)
      return wrong('deadlineSeconds', 'null with phase `with`, and proofBy too');
    return { kind, phase, deadlineSeconds: null, proofBy: null };
  }
  if (typeof deadlineSeconds !== 'number' || !Number.isSafeInteger(deadlineSeconds) || deadlineSeconds <= 0)
    return wrong('deadlineSeconds', 'a whole number of seconds is needed');
  if (typeof proofBy !== 'string' || proofBy === '') return wrong('proofBy', 'the role that signs the proof is needed');
  return { kind, phase, deadlineSeconds, proofBy };
}

function readObligations(json: unknown): readonly ObligationKind[] {
  if (!Array.isArray(json)) throw new PolicyError('invalid-policy', '$', 'a list is needed');
  return (json as unknown[]).map(readObligation);
}

interface Head {
  readonly name: string;
  readonly version: string;
  readonly asOf: Day;
}

function readHead(json: unknown): Head {
  if (!isObject(json)) throw new PolicyError('invalid-policy', '$', 'an object is needed');
  const { name, version, asOf } = json;
  if (typeof name !== 'string' || name === '') throw new PolicyError('invalid-policy', '$.name', 'a text is needed');
  if (typeof version !== 'string' || version === '')
    throw new PolicyError('invalid-policy', '$.version', 'a text is needed');
  if (!isDay(asOf)) throw new PolicyError('invalid-policy', '$.asOf', 'a day as YYYY-MM-DD is needed');
  return { name, version, asOf };
}

interface PlacedPolicy extends PolicyText {
  readonly file: string;
  readonly source: string;
}

function policiesOf(directory: string): readonly PlacedPolicy[] {
  const folder = join(directory, 'policies');
  let files: readonly string[];
  try {
    files = readdirSync(folder)
      .filter((file) => file.endsWith('.cedar'))
      .sort();
  } catch (cause) {
    return refuse(folder, 1, cause instanceof Error ? cause.message : 'cannot be read');
  }
  if (files.length === 0) return refuse(folder, 1, 'no *.cedar file in it');
  return files.flatMap((name) => {
    const file = join(folder, name);
    const source = readText(file);
    return splitPolicies(source).map((policy) => ({ ...policy, file, source }));
  });
}

/** Throws {@link PackError}, with all problems of the first stage that finds any: files, policies' text, their types, their annotations. */
export function readPolicyPack(directory: string): PolicyPack {
  const head = readJsonFile(join(directory, 'pack.json'), readHead);
  const facts = readJsonFile(join(directory, 'facts.json'), readFactSet);
  const obligations = readJsonFile(join(directory, 'obligations.json'), readObligations);
  const schemaFile = join(directory, 'schema.cedarschema');
  const schema = readText(schemaFile);
  const texts = policiesOf(directory);
  const names = new Map(texts.map((text, index) => [String(index), text]));
  const locate = ({ policy, offset, message }: CedarProblem): PackProblem => {
    const text = policy === null ? undefined : names.get(policy);
    if (text === undefined) return { file: schemaFile, line: lineAt(schema, offset), message };
    return { file: text.file, line: lineAt(text.source, text.byteOffset + offset), message };
  };
  const policies: CedarPolicyJson[] = [];
  const problems: CedarProblem[] = [];
  for (const [name, { text }] of names) {
    const parsed = parsePolicy(name, text);
    if ('problems' in parsed) problems.push(...parsed.problems);
    else policies.push(parsed.policy);
  }
  if (problems.length === 0)
    problems.push(...validatePolicies(schema, Object.fromEntries([...names].map(([name, { text }]) => [name, text]))));
  if (problems.length > 0) throw new PackError(problems.map(locate));
  const placeOf = (rule: string): PackProblem => {
    const index = policies.findIndex(({ annotations }) => annotations?.['id'] === rule);
    const text = texts[index];
    return text === undefined
      ? { file: join(directory, 'policies'), line: 1, message: rule }
      : { file: text.file, line: lineAt(text.source, text.byteOffset), message: rule };
  };
  try {
    const set = readPolicySet({ name: head.name, version: head.version, schema, obligations, policies });
    return { directory, set, facts, asOf: head.asOf, placeOf };
  } catch (error) {
    throw placePolicyError(error, { placeOf });
  }
}

/** A {@link PolicyError} about a rule, with the rule's file and line; anything else as it is. */
export function placePolicyError(error: unknown, { placeOf }: Pick<PolicyPack, 'placeOf'>): unknown {
  if (!(error instanceof PolicyError) || error.code !== 'invalid-policy') return error;
  const { file, line } = placeOf(error.place.replace(/^rule /, ''));
  return new PackError([{ file, line, message: error.message }]);
}
