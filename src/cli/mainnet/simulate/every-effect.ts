/** `mainnet simulate every-effect`: each correct validator dies once at every durable write and at every frame it sends. */
import type { EveryEffectResult } from '../../../simulation.ts';
import { exitCodes, formatElapsed, formatTable, type Terminal } from '../../terminal.ts';
import {
  type EveryEffectReport,
  type EveryEffectRequest,
  everyEffectOfSeed,
  ofValidators,
} from './every-effect-seed.ts';
import type { Progress } from './progress.ts';
import { runParallel } from './run-parallel.ts';
import { loadSource } from './scenario-source.ts';
import { untilInterrupted } from './until-interrupted.ts';

export interface EveryEffectFlags {
  readonly seed: number;
  readonly runs: number;
  readonly parallel: number;
  readonly stride: number;
  readonly down: number;
  readonly json?: true;
}

/** Resolves with the exit code. */
export async function runEveryEffect(name: string, flags: EveryEffectFlags, terminal: Terminal): Promise<number> {
  const source = { scenario: name, replay: null };
  const scenario = ofValidators((await loadSource(source)).scenario);
  const request: EveryEffectRequest = { work: 'every-effect', source, stride: flags.stride, downMs: flags.down };
  const seeds = Array.from({ length: flags.runs }, (_, run) => String(flags.seed + run));
  const total = new Total();
  return untilInterrupted(async (stop, progress) => {
    const onReport = (report: EveryEffectReport): void => {
      total.add(report);
      progress.clear();
      if (flags.json === true) return;
      if (seeds.length === 1) printOne(report, terminal);
      else if (!isPassed(report) || !progress.isShown) printLine(report, terminal);
      if (seeds.length > 1) progress.show(total.reports.length, seeds.length, `${total.failed} failed`);
    };
    if (flags.parallel > 1 && seeds.length > 1) {
      await runParallel({ request, seeds, processes: flags.parallel, onReport, stop });
    } else {
      for (const seed of seeds) {
        if (stop.aborted) break;
        const onProgress = seeds.length === 1 ? progressOf(progress, terminal) : () => undefined;
        onReport(await everyEffectOfSeed(scenario, seed, request, { isOver: () => stop.aborted, onProgress }));
      }
    }
    progress.clear();
    if (flags.json === true) terminal.json(plainOf(total.reports));
    else if (seeds.length > 1) total.print(seeds.length, terminal);
    return total.failed === 0 && !stop.aborted ? exitCodes.done : exitCodes.failed;
  });
}

type CrashRun = EveryEffectResult['violations'][number];

const isPassed = ({ result }: EveryEffectReport): boolean => result.ok;

const progressOf =
  (progress: Progress, terminal: Terminal) =>
  ({ done, total, ...run }: { readonly done: number; readonly total: number } & CrashRun): void => {
    progress.show(done, total, '');
    if (run.result.ok) return;
    progress.clear();
    terminal.err(`${terminal.paint('red', 'violated')} with ${JSON.stringify(run.crash)}`);
  };

/** Of all seeds. */
class Total {
  readonly reports: EveryEffectReport[] = [];
  readonly #startedMs = performance.now();

  get failed(): number {
    return this.reports.filter((report) => !isPassed(report)).length;
  }

  add(report: EveryEffectReport): void {
    this.reports.push(report);
  }

  print(asked: number, terminal: Terminal): void {
    const sum = (count: (result: EveryEffectResult) => number): number =>
      this.reports.reduce((total, { result }) => total + count(result), 0);
    const effects = (kind: 'writes' | 'sends'): number =>
      sum((result) => result.effects.reduce((total, effect) => total + effect[kind], 0));
    const { failed, reports } = this;
    const spentMs = reports.reduce((total, { wallMs }) => total + wallMs, 0);
    terminal.out();
    terminal.out(
      `${reports.length} of ${asked} seeds, ${terminal.paint(failed === 0 ? 'green' : 'red', `${failed} failed`)}; ` +
        `${effects('writes')} durable writes and ${effects('sends')} frames, ${sum(({ runs }) => runs)} runs with a ` +
        `crash at one, in ${formatElapsed(performance.now() - this.#startedMs)} (${formatElapsed(spentMs)} of processes)`,
    );
    for (const { result } of reports.filter((report) => !isPassed(report))) {
      terminal.out(`  again: mainnet simulate every-effect ${result.scenario} --seed ${result.seed}`);
    }
  }
}

/** Of programs: what was violated, without the runs themselves. */
const plainOf = (reports: readonly EveryEffectReport[]): unknown => {
  const plain = reports.map(({ result, wallMs }) => ({
    ...{ ...result, wallMs: Math.round(wallMs) },
    violations: result.violations.map(({ crash, result: run }) => ({
      ...{ crash, faults: run.faults, traceHash: run.traceHash },
      violations: run.verdicts.flatMap(({ violations }) => violations),
    })),
  }));
  return plain.length === 1 ? plain[0] : plain;
};

function printLine({ result, wallMs }: EveryEffectReport, terminal: Terminal): void {
  const { seed, ok, runs, planned } = result;
  const verdict = ok ? terminal.paint('green', 'ok') : terminal.paint('red', 'failed');
  terminal.out(`seed ${seed}  ${verdict}  ${runs} of ${planned} runs in ${formatElapsed(wallMs)}`);
  if (!ok) printFailures(result, terminal);
}

function printOne({ result, wallMs }: EveryEffectReport, terminal: Terminal): void {
  const { effects, planned, runs, violations } = result;
  terminal.out(`${terminal.paint('bold', result.scenario)}, seed ${result.seed}: crash at every effect`);
  const rows = effects.map(({ node, writes, sends }) => [`node ${node}`, String(writes), String(sends)]);
  for (const line of formatTable([['', 'durable writes', 'frames sent'], ...rows])) terminal.out(`  ${line}`);
  const violated = terminal.paint(violations.length === 0 ? 'green' : 'red', `${violations.length} violated`);
  terminal.out(`  ${runs} of ${planned} runs, ${violated}, in ${formatElapsed(wallMs)}`);
  printFailures(result, terminal);
}

function printFailures({ missed, violations }: EveryEffectResult, terminal: Terminal): void {
  if (missed.length > 0)
    terminal.out(`  ${missed.length} crashes whose effect did not come: not a function of the seed`);
  for (const { crash, result: run } of violations) {
    const found = run.verdicts.flatMap((verdict) => verdict.violations);
    terminal.out(`  ${JSON.stringify(crash)}`);
    for (const { checker, atMs, detail } of found) terminal.out(`    ${checker} at ${atMs.toFixed(1)} ms: ${detail}`);
  }
}
