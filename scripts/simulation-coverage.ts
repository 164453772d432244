/**
 * How much of the production code scenarios run, by line: `npm run build`, then
 *
 *   node --import tsx scripts/simulation-coverage.ts [scenario …] [--runs 20] [--seed 1] [--missing]
 *
 * V8 counts in the built package, whose source maps lead back to the lines of src/. `--missing` names those never run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { SourceMap } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario, simulate } from '../src/simulation.ts';

const root = resolve(import.meta.dirname, '..');
const folders = ['actors', 'protocols/ibft', 'protocols/ledger', 'protocols/shared', 'protocols/sync'];
const runtimeFolders = ['runtime/actors', 'runtime/links'];

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface FileLines {
  readonly file: string;
  readonly run: ReadonlySet<number>;
  readonly missed: readonly number[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    missing: { type: 'boolean', default: false },
  },
});

const scenarios = await Promise.all((positionals.length > 0 ? positionals : ['everything']).map(loadScenario));
const covered = await coverageOf(scenarios, Number(values.seed), Number(values.runs));
const counted = new Map(covered.map((entry) => [entry.file, entry]));
report([...folders, ...runtimeFolders].map((folder) => [folder, filesIn(folder).map(linesOf)] as const));

async function loadScenario(name: string): Promise<Scenario> {
  const file = join(root, 'simulations', `${name}.ts`);
  return ((await import(pathToFileURL(file).href)) as { readonly default: Scenario }).default;
}

/** Of every built file that was loaded: the ranges that V8 tells apart. */
async function coverageOf(given: readonly Scenario[], firstSeed: number, runs: number) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  const built = (await import(pathToFileURL(join(root, 'dist', 'simulation.js')).href)) as {
    readonly simulate: typeof simulate;
  };
  for (const scenario of given) {
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const { ok, heights, traceHash } = await built.simulate(scenario, { seed });
      console.log(`${scenario.name}, seed ${seed}  ${ok ? 'ok' : 'violated'}  ${heights} blocks  trace ${traceHash}`);
    }
  }
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  return result
    .filter(({ url }) => url.startsWith(pathToFileURL(join(root, 'dist')).href))
    .map(({ url, functions }) => ({
      file: fileURLToPath(url),
      ranges: functions.flatMap((one) => one.ranges as readonly Range[]),
    }));
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(join(root, 'dist', folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .map((file) => join(root, 'dist', folder, file))
    .sort();
}

function linesOf(file: string): FileLines {
  const text = readFileSync(file, 'utf8');
  const map = new SourceMap(
    JSON.parse(readFileSync(`${file}.map`, 'utf8')) as ConstructorParameters<typeof SourceMap>[0],
  );
  const ranges = counted.get(file)?.ranges ?? [];
  const run = new Set<number>();
  const seen = new Set<number>();
  let offset = 0;
  text.split('\n').forEach((line, index) => {
    const column = line.search(/\S/);
    const at = offset + column;
    offset += line.length + 1;
    // What only closes something, and comments, run with their surroundings.
    if (column < 0 || /^\s*([)\]};,]*$|\/\/|\/?\*)/.test(line)) return;
    const source = sourceLine(map, index, column);
    if (source === null) return;
    seen.add(source);
    if (countAt(ranges, at) > 0) run.add(source);
  });
  return { file, run, missed: [...seen].filter((line) => !run.has(line)).sort((a, b) => a - b) };
}

function sourceLine(map: SourceMap, line: number, column: number): number | null {
  const entry = map.findEntry(line, column) as { readonly originalLine?: number };
  return entry.originalLine === undefined ? null : entry.originalLine + 1;
}

/** That of the innermost range; a file that was never loaded has none. */
function countAt(ranges: readonly Range[], at: number): number {
  let innermost: Range | null = null;
  for (const range of ranges) {
    if (range.startOffset > at || range.endOffset <= at) continue;
    const length = range.endOffset - range.startOffset;
    if (innermost === null || length <= innermost.endOffset - innermost.startOffset) innermost = range;
  }
  return innermost?.count ?? 0;
}

function report(parts: readonly (readonly [folder: string, files: readonly FileLines[]])[]): void {
  const print = (name: string, files: readonly FileLines[]): void => {
    const run = files.reduce((sum, file) => sum + file.run.size, 0);
    const all = run + files.reduce((sum, file) => sum + file.missed.length, 0);
    const percent = all === 0 ? 100 : (100 * run) / all;
    console.log(
      `${name.padEnd(44)} ${String(run).padStart(6)} of ${String(all).padStart(6)}  ${percent.toFixed(1).padStart(5)} %`,
    );
  };
  for (const [folder, files] of parts) {
    console.log('');
    for (const file of files) {
      if (file.missed.length === 0) continue;
      print(`  ${relative(join(root, 'dist'), file.file).replace(/\.js$/, '.ts')}`, [file]);
      if (values.missing) console.log(`    never run: ${spansOf(file.missed)}`);
    }
    print(`src/${folder}`, files);
  }
  console.log('');
  print(
    'all of these',
    parts.flatMap(([, files]) => files),
  );
}

function spansOf(lines: readonly number[]): string {
  const spans: [first: number, last: number][] = [];
  for (const line of lines) {
    const open = spans.at(-1);
    if (open !== undefined && line === open[1] + 1) open[1] = line;
    else spans.push([line, line]);
  }
  return spans.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}
