/** Everything that is wrong with a manifest, in one report that a person can act on. */
import { CodedError } from '../protocols/shared/errors.ts';

/** Where a value comes from. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'default' };

export interface Problem {
  readonly code:
    | 'unreadable'
    | 'syntax'
    | 'unknown-field'
    | 'duplicate-field'
    | 'missing-field'
    | 'wrong-type'
    | 'bad-value'
    | 'bad-duration'
    | 'duplicate-name'
    | 'duplicate-port'
    | 'duplicate-key'
    | 'unknown-node'
    | 'unknown-host'
    | 'unknown-variable'
    | 'dependency-cycle'
    | 'too-few-validators'
    | 'unreachable-threshold'
    | 'missing-key'
    | 'plain-http'
    | 'contradiction'
    | 'genesis-differs';
  readonly origin: Origin;
  /** `spec.nodes[0].ports.link`. */
  readonly path: string;
  /** What is wrong, as a short sentence without a full stop. */
  readonly message: string;
  readonly found: string | null;
  readonly allowed: string | null;
}

export const formatOrigin = (origin: Origin): string => {
  switch (origin.kind) {
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`;
    case 'environment':
      return `environment variable ${origin.variable}`;
    case 'default':
      return 'default';
  }
};

/** How a value is shown in a report: short, on one line. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'bigint') return value.toString();
  const shown = JSON.stringify(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}

/** A manifest that cannot be used. `problems` has all that was found, in file order. */
export class ManifestError extends CodedError<'invalid-manifest'> {
  override readonly name = 'ManifestError';
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const ordered = [...problems].sort((a, b) => lineOf(a) - lineOf(b));
    super('invalid-manifest', formatReport(file, ordered), { details: { file, count: ordered.length } });
    this.problems = ordered;
  }
}

const lineOf = (problem: Problem): number =>
  problem.origin.kind === 'file' ? problem.origin.line + problem.origin.column / 100_000 : Number.MAX_SAFE_INTEGER;

function formatReport(file: string, problems: readonly Problem[]): string {
  const lines = [`${file}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`];
  for (const problem of problems) {
    lines.push('', `  ${formatOrigin(problem.origin)}  ${problem.path}`, `    ${problem.message}`);
    if (problem.found !== null) lines.push(`    found:   ${problem.found}`);
    if (problem.allowed !== null) lines.push(`    allowed: ${problem.allowed}`);
  }
  return lines.join('\n');
}

/** The known name nearest to `name`, where it is near enough to be a slip of the finger. */
export function nearest(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
