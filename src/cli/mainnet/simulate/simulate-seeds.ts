/** Runs the seeds that were asked for, here or in child processes, and says what came of them. */
import { exitCodes, type Terminal } from '../../terminal.ts';
import { printLine, printRun } from './print-run.ts';
import type { Progress } from './progress.ts';
import { writePictures } from './pictures.ts';
import { type AnyResult, isPassed, type RunReport, type RunRequest, runSeed } from './run-one.ts';
import { runParallel } from './run-parallel.ts';
import { type LoadedScenario, loadSource } from './scenario-source.ts';
import { caseOf, printShrunk, scheduleOf, shrinkFailure } from './shrink-failure.ts';
import type { AnyScenario, Shrunk } from '../../../simulation/shrink.ts';
import { Summary } from './summary.ts';
import { untilInterrupted } from './until-interrupted.ts';
import { saveSchedule } from './written-files.ts';

export interface SimulateFlags {
  readonly seed?: number;
  readonly runs: number;
  readonly parallel: number;
  readonly until?: number;
  readonly twice?: true;
  readonly replay?: string;
  readonly shrink?: true;
  readonly save?: string;
  readonly budget: number;
  readonly timeline?: string;
  readonly trace?: string;
  readonly log?: true;
  readonly json?: true;
}

interface Work {
  readonly loaded: LoadedScenario;
  readonly request: RunRequest;
  readonly stop: AbortSignal;
}

interface Outcome {
  readonly summary: Summary;
  /** The first that failed, else the last. */
  readonly shown: AnyResult | null;
}

/** Resolves with the exit code. */
export async function simulateSeeds(name: string | null, flags: SimulateFlags, terminal: Terminal): Promise<number> {
  const source = { scenario: name, replay: flags.replay ?? null };
  const loaded = await loadSource(source);
  const request: RunRequest = {
    ...{ work: 'run', source, durationMs: flags.until ?? null },
    ...{ keepLog: flags.log === true, twice: flags.twice === true },
  };
  return untilInterrupted(async (stop, progress) => {
    const work = { loaded, request, stop };
    const { summary, shown } = await runSeeds(work, flags, progress, terminal);
    if (stop.aborted) process.exit(exitCodes.failed);
    if (shown !== null) await follow(work, shown, flags, terminal);
    return summary.failed.length === 0 ? exitCodes.done : exitCodes.failed;
  });
}

function seedsOf({ schedule }: LoadedScenario, { seed, runs }: SimulateFlags): readonly string[] {
  if (schedule !== null && seed === undefined && runs === 1) return [schedule.run.seed];
  return Array.from({ length: runs }, (_, run) => String((seed ?? 1) + run));
}

async function runSeeds(work: Work, flags: SimulateFlags, progress: Progress, terminal: Terminal): Promise<Outcome> {
  const { loaded, request, stop } = work;
  const seeds = seedsOf(loaded, flags);
  const summary = new Summary(seeds.length);
  const isOne = seeds.length === 1;
  let shown: AnyResult | null = null;
  const onReport = (report: RunReport): void => {
    const again = commandFor(request, report.result.seed, loaded.schedule?.run.seed);
    if (summary.failed.length === 0) shown = report.result;
    summary.add(report, again);
    progress.clear();
    if (flags.json !== true) {
      if (isOne || !isPassed(report)) printRun(report, again, terminal);
      else if (!progress.isShown) printLine(report, terminal);
    }
    if (!isOne) progress.show(summary.runs, seeds.length, `${summary.failed.length} failed`);
  };
  await runAll({ ...work, seeds, processes: flags.parallel, onReport }, terminal);
  progress.clear();
  if (flags.json === true) terminal.json(isOne ? plainOf(shown) : summary.toJson());
  else if (!isOne || stop.aborted) summary.print(terminal);
  return { summary, shown };
}

/** What actors of one's own tell may hold what JSON has no word for. */
function plainOf(result: AnyResult | null): unknown {
  if (result === null || 'heights' in result) return result;
  const text = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
  return { ...result, events: JSON.parse(JSON.stringify(result.events, text)) as unknown };
}

interface AllRuns extends Work {
  readonly seeds: readonly string[];
  readonly processes: number;
  readonly onReport: (report: RunReport) => void;
}

async function runAll({ loaded, ...options }: AllRuns, terminal: Terminal): Promise<void> {
  const { request, seeds, processes, onReport, stop } = options;
  if (processes > 1 && seeds.length > 1) return runParallel(options);
  const stopped = new Promise<null>((resolve) => stop.addEventListener('abort', () => resolve(null), { once: true }));
  for (const seed of seeds) {
    if (terminal.readerGone.aborted) return;
    // A run cannot be stopped in its midst; what it would have shown is not waited for.
    const report = await Promise.race([runSeed(loaded.scenario, seed, request), stopped]);
    if (report === null) return;
    onReport(report);
  }
}

/** The same once more. `own`: the seed of a schedule, which need not be named. */
function commandFor({ source, durationMs }: RunRequest, seed: string, own?: string): string {
  const from = source.replay === null ? '' : ` --replay ${source.replay}`;
  const until = durationMs === null ? '' : ` --until ${durationMs}ms`;
  const seedOption = seed === own ? '' : ` --seed ${seed}`;
  return `mainnet simulate${source.scenario === null ? '' : ` ${source.scenario}`}${from}${seedOption}${until}`;
}

/** What was asked for of the failure, or of the run: its smallest form, its pictures. */
async function follow(work: Work, shown: AnyResult, flags: SimulateFlags, terminal: Terminal): Promise<void> {
  const { scenario } = work.loaded;
  const durationMs = flags.until ?? null;
  let pictured = caseOf(scenario, shown, durationMs);
  let again = commandFor(work.request, shown.seed, work.loaded.schedule?.run.seed);
  if (flags.shrink === true || flags.save !== undefined) {
    const shrunk = await shrinkShown(work, shown, flags, terminal);
    if (shrunk !== null) pictured = shrunk.smallest;
    if (shrunk !== null && flags.save !== undefined) again = `mainnet simulate --replay ${flags.save}`;
  }
  await writePictures(pictured, flags, again, terminal);
}

async function shrinkShown(
  { loaded, stop }: Work,
  shown: AnyResult,
  flags: SimulateFlags,
  terminal: Terminal,
): Promise<Shrunk<AnyScenario> | null> {
  if (shown.verdicts.every(({ outcome }) => outcome !== 'violated')) {
    terminal.err('nothing was violated: there is nothing to shrink or to save');
    return null;
  }
  const { scenario, schedule } = loaded;
  const request = { scenario, failed: shown, durationMs: flags.until ?? null, runsMax: flags.budget, stop };
  const shrunk = await shrinkFailure(request, terminal);
  if (shrunk === null) {
    terminal.err('the violation did not come again: this run is no function of its seed (try --twice)');
    return null;
  }
  if (flags.json !== true) printShrunk(shrunk, terminal);
  if (flags.save !== undefined) {
    saveSchedule(flags.save, scheduleOf(shrunk, schedule?.note ?? ''), terminal);
  }
  return shrunk;
}
