/** A pack's golden cases: requests with the state that they must get, and whether the rule in question decides. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CompiledSet } from '../../protocols/policy/compile.ts';
import { evaluateRequest } from '../../protocols/policy/evaluate.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import { readRequest } from '../../protocols/policy/request.ts';
import { PackError, type PackProblem, readPlacedFile } from './policy-pack.ts';

const caseNames = ['match', 'just-outside', 'missing-precondition'] as const;

export interface GoldenReport {
  readonly cases: number;
  readonly failures: readonly PackProblem[];
  /** Rules that decide something and have no goldens. */
  readonly withoutGoldens: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function checkCase(compiled: CompiledSet, rule: string, golden: unknown): string | null {
  if (!isObject(golden)) return 'a case is an object';
  const { case: name, state, decides } = golden;
  try {
    const result = evaluateRequest(compiled, readRequest(golden['request']));
    const decided = result.rules.some(({ id }) => id === rule);
    if (result.state === state && decided === decides) return null;
    const ids = result.rules.map(({ id }) => id).join(', ');
    return `rule ${rule}, ${String(name)}: ${result.state} by ${ids === '' ? 'no rule' : ids}, not ${String(state)}`;
  } catch (error) {
    if (error instanceof PolicyError) return `rule ${rule}, ${String(name)}: ${error.message}`;
    throw error;
  }
}

function checkFile(
  compiled: CompiledSet,
  file: string,
): { rule: string; cases: number; failures: readonly PackProblem[] } {
  const placed = readPlacedFile(file);
  const { rule, cases } = isObject(placed.value) ? placed.value : {};
  const problem = (line: number, message: string): PackProblem => ({ file, line, message });
  if (typeof rule !== 'string' || !Array.isArray(cases))
    throw new PackError([problem(1, 'a golden file has a rule and cases')]);
  const names = (cases as unknown[]).map((golden) => (isObject(golden) ? golden['case'] : null));
  const absent = caseNames.filter((name) => !names.includes(name));
  const failures = (cases as unknown[]).flatMap((golden, index) => {
    const found = checkCase(compiled, rule, golden);
    return found === null ? [] : [problem(placed.lineOf(['cases', index]), found)];
  });
  const incomplete = absent.map((name) => problem(1, `rule ${rule} has no case ${name}`));
  return { rule, cases: cases.length, failures: [...failures, ...incomplete] };
}

/** Runs `goldens/*.json` of a pack. Throws {@link PackError} for files that are none. */
export function checkGoldens(directory: string, compiled: CompiledSet): GoldenReport {
  const folder = join(directory, 'goldens');
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  const reports = files.map((file) => checkFile(compiled, join(folder, file)));
  const covered = new Set(reports.map(({ rule }) => rule));
  return {
    cases: reports.reduce((sum, { cases }) => sum + cases, 0),
    failures: reports.flatMap(({ failures }) => failures),
    withoutGoldens: compiled.set.rules.flatMap(({ id, state }) => (state === null || covered.has(id) ? [] : [id])),
  };
}
