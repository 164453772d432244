/** Runs the seeds that were asked for, here or in child processes, and says what came of them. */
import type { SimulationResult } from '../../../simulation.ts';
import { exitCodes, type Terminal } from '../../terminal.ts';
import { printLine, printRun } from './print-run.ts';
import { Progress } from './progress.ts';
import { isPassed, type RunReport, type RunRequest, runSeed } from './run-one.ts';
import { runParallel } from './run-parallel.ts';
import { type LoadedScenario, loadSource } from './scenario-source.ts';
import { printShrunk, saveShrunk, shrinkFailure } from './shrink-failure.ts';
import { Summary } from './summary.ts';

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
  readonly log?: true;
  readonly json?: true;
}

interface Outcome {
  readonly summary: Summary;
  /** The first that failed, else the last. */
  readonly shown: SimulationResult | null;
}

/** Resolves with the exit code. */
export async function simulateSeeds(name: string | null, flags: SimulateFlags, terminal: Terminal): Promise<number> {
  const source = { scenario: name, replay: flags.replay ?? null };
  const loaded = await loadSource(source);
  const request: RunRequest = {
    ...{ source, durationMs: flags.until ?? null },
    ...{ keepLog: flags.log === true, twice: flags.twice === true },
  };
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    const { summary, shown } = await runSeeds(loaded, request, flags, terminal, stop.signal);
    if (stop.signal.aborted) process.exit(exitCodes.failed);
    if (shown !== null) await follow(loaded, shown, flags, terminal, stop.signal);
    return summary.failed.length === 0 ? exitCodes.done : exitCodes.failed;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function seedsOf({ schedule }: LoadedScenario, { seed, runs }: SimulateFlags): readonly string[] {
  if (schedule !== null && seed === undefined && runs === 1) return [schedule.run.seed];
  return Array.from({ length: runs }, (_, run) => String((seed ?? 1) + run));
}

async function runSeeds(
  loaded: LoadedScenario,
  request: RunRequest,
  flags: SimulateFlags,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<Outcome> {
  const seeds = seedsOf(loaded, flags);
  const summary = new Summary(seeds.length);
  const progress = new Progress();
  const isOne = seeds.length === 1;
  let shown: SimulationResult | null = null;
  const onReport = (report: RunReport): void => {
    const again = commandFor(request, report.result.seed);
    if (summary.failed.length === 0) shown = report.result;
    summary.add(report, again);
    progress.clear();
    if (flags.json !== true) {
      if (isOne || !isPassed(report)) printRun(report, again, terminal);
      else if (!progress.isShown) printLine(report, terminal);
    }
    if (!isOne) progress.show(summary.runs, seeds.length, `${summary.failed.length} failed`);
  };
  await runAll({ loaded, request, seeds, processes: flags.parallel, onReport, stop }, terminal);
  progress.clear();
  if (flags.json === true) terminal.json(isOne ? shown : summary.toJson());
  else if (!isOne || stop.aborted) summary.print(terminal);
  return { summary, shown };
}

interface AllRuns {
  readonly loaded: LoadedScenario;
  readonly request: RunRequest;
  readonly seeds: readonly string[];
  readonly processes: number;
  readonly onReport: (report: RunReport) => void;
  readonly stop: AbortSignal;
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

/** The same once more. */
function commandFor({ source, durationMs }: RunRequest, seed: string): string {
  const from = source.replay === null ? '' : ` --replay ${source.replay}`;
  const until = durationMs === null ? '' : ` --until ${durationMs}ms`;
  return `mainnet simulate${source.scenario === null ? '' : ` ${source.scenario}`}${from} --seed ${seed}${until}`;
}

/** What was asked for of the failure, or of the run: its smallest form, its pictures. */
async function follow(
  { scenario, schedule }: LoadedScenario,
  shown: SimulationResult,
  flags: SimulateFlags,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<void> {
  const durationMs = flags.until ?? null;
  if (flags.shrink === true || flags.save !== undefined) {
    if (shown.ok) terminal.err('nothing failed: there is nothing to shrink or to save');
    else {
      const shrunk = await shrinkFailure(
        { scenario, failed: shown, durationMs, runsMax: flags.budget, stop },
        terminal,
      );
      if (shrunk === null)
        terminal.err('the failure did not come again: the run is no function of its seed (try --twice)');
      else {
        if (flags.json !== true) printShrunk(shrunk, terminal);
        if (flags.save !== undefined) {
          saveShrunk(flags.save, shrunk, schedule?.note ?? '');
          terminal.err(`saved: mainnet simulate --replay ${flags.save}`);
        }
      }
    }
  }
}
