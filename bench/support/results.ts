/** Figures of a benchmark: quantiles, the machine in one line, the JSON file under bench/results. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** NaN where there is no value. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** What of the machine matters to a figure, and no more. */
const machineLine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;

/** One figure against its target. */
export interface Judgement {
  readonly what: string;
  readonly measured: number;
  readonly target: string;
  readonly met: boolean;
}

export interface BenchmarkResult {
  /** Settings that the figures depend on. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rows: readonly object[];
  readonly judgements: readonly Judgement[];
}

/** Prints the tables and writes bench/results/NAME.json. */
export function report(name: string, title: string, { settings, rows, judgements }: BenchmarkResult): void {
  console.log(title);
  console.table(rows);
  if (judgements.length > 0) {
    console.table(judgements.map(({ met, ...rest }) => ({ ...rest, met: met ? 'yes' : 'NO' })));
  }
  const directory = join(import.meta.dirname, '..', 'results');
  mkdirSync(directory, { recursive: true });
  const content = { name, machine: machineLine(), settings, rows, judgements };
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
}
