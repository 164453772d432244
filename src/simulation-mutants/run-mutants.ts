/**
 * Mutation score of the simulator: every mutant is run, in a process of its own, under the trials it names, until a
 * checker of a simulated trace finds something wrong or its seeds are used up. What kills a mutant is then run with the
 * product as it is: where that fails too, nothing is killed.
 *
 * ```ts
 * const results = await runMutants({
 *   mutants: await allMutants(),
 *   onResult: ({ mutant, outcome }) => console.log(mutant.name, outcome),
 * });
 * console.log(scoreOf(results).percent);
 * ```
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Attempt, Finding, Order, Report } from './messages.ts';
import { drawnMutants } from './drawn.ts';
import { type Mutant, mutate } from './mutant.ts';
import { loadCompiler, readSource, replacedModule } from './sources.ts';
import { writtenMutants } from './written.ts';

export interface MutantResult {
  readonly mutant: Mutant;
  /**
   * killed: a checker found something. survived: no checker did. equivalent: not run, because nothing can be found.
   * broken: the simulator itself failed in every run, so there was no trace to check. stuck: a run did not end.
   */
  readonly outcome: 'killed' | 'survived' | 'equivalent' | 'broken' | 'stuck';
  /** Where it was killed. */
  readonly kill: (Finding & { readonly trial: string; readonly seed: number }) | null;
  /** Runs, the killing one included. */
  readonly seeds: number;
  /** Of the failure of a broken one. */
  readonly problem: string | null;
  /** Loading included. */
  readonly wallMs: number;
}

export interface RunMutantsOptions {
  readonly mutants: readonly Mutant[];
  /** Seeds of a trial, by its name. Default: more of those that take milliseconds than of those that take seconds. */
  readonly seedsOf?: (trial: string) => number;
  readonly onResult?: (result: MutantResult) => void;
  /** Processes at once. Default 1. */
  readonly jobs?: number;
  /** No more mutants are begun once it is aborted. */
  readonly signal?: AbortSignal;
}

/** Real time after which a run that says nothing is stuck. A healthy one takes seconds. */
const stuckAfterMs = 300_000;

/** A run of machines alone takes milliseconds, one of whole validators seconds. */
function usualSeeds(trial: string): number {
  if (trial.startsWith('one height')) return 3_000;
  if (trial.startsWith('every message once')) return 100;
  if (['an impostor', 'all at once', 'a fraud', 'false blocks'].includes(trial)) return 4;
  return trial.startsWith('machines') ? 500 : 2;
}

/** Those written by hand, and those that a seed draws. Throws MutantError `no-sources`. */
export async function allMutants(seed = 1): Promise<readonly Mutant[]> {
  return [...writtenMutants, ...drawnMutants(await loadCompiler(), seed)];
}

/** Results in the order of the mutants. Throws MutantError where a mutant no longer fits, before any is run. */
export async function runMutants(options: RunMutantsOptions): Promise<readonly MutantResult[]> {
  const { mutants, seedsOf = usualSeeds, onResult, jobs = 1, signal } = options;
  const compiler = await loadCompiler();
  const orders = mutants.map((mutant) => ({
    replaced: replacedModule(compiler, mutant.file, mutate(readSource(mutant.file), mutant)),
    attempts: mutant.trials.map((trial) => ({ trial, seeds: seedsOf(trial) })),
  }));
  const results: (MutantResult | undefined)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < mutants.length && signal?.aborted !== true) {
      const index = next++;
      const mutant = mutants[index] as Mutant;
      const result =
        mutant.equivalent === undefined ? await runOne(mutant, orders[index] as Order, control) : unrun(mutant);
      results[index] = result;
      onResult?.(result);
    }
  };
  const control = new Control();
  await Promise.all(Array.from({ length: jobs }, work)).finally(() => control.end());
  return results.filter((result) => result !== undefined);
}

/** Runs of the product as it is, under the same trials: null where no checker finds anything. */
export async function runUnmutated(
  attempts: readonly Attempt[],
): Promise<(Finding & { readonly trial: string }) | null> {
  const tally = newTally();
  const child = new MutantProcess();
  await child.run({ replaced: null, attempts }, tally);
  child.end();
  if (tally.kill !== null) return tally.kill;
  const { problem } = tally;
  return problem === null ? null : { checker: 'simulator', detail: problem, trial: '' };
}

const unrun = (mutant: Mutant): MutantResult => ({
  ...{ mutant, outcome: 'equivalent', kill: null, seeds: 0, problem: null, wallMs: 0 },
});

interface Tally {
  kill: MutantResult['kill'];
  /** Runs that ended with or without a finding. */
  whole: number;
  seeds: number;
  problem: string | null;
  isStuck: boolean;
  isDone: boolean;
}

const newTally = (): Tally => ({
  ...{ kill: null, whole: 0, seeds: 0, problem: null, isStuck: false, isDone: false },
});

type Failure = Pick<NonNullable<MutantResult['kill']>, 'trial' | 'seed'>;

async function runOne(mutant: Mutant, order: Order, control: Control): Promise<MutantResult> {
  const startedMs = performance.now();
  const child = new MutantProcess();
  const tally = newTally();
  let next: Order | null = order;
  while (next !== null) {
    await child.run(next, tally);
    const { kill } = tally;
    next = null;
    if (kill === null || (await control.passes(kill))) continue;
    // The product itself fails there: that says nothing of the mutant, which goes on with the next seed.
    tally.kill = null;
    next = { ...order, attempts: attemptsAfter(order.attempts, kill) };
  }
  child.end();
  const { kill, whole, seeds, problem, isStuck } = tally;
  const wallMs = performance.now() - startedMs;
  const outcome = kill !== null ? 'killed' : isStuck ? 'stuck' : whole === 0 ? 'broken' : 'survived';
  return { mutant, outcome, kill, seeds, problem, wallMs };
}

function attemptsAfter(attempts: readonly Attempt[], { trial, seed }: Failure): readonly Attempt[] {
  const at = attempts.findIndex((attempt) => attempt.trial === trial);
  const [current, ...rest] = attempts.slice(at);
  return current === undefined ? [] : [{ ...current, firstSeed: seed + 1 }, ...rest];
}

/** The product as it is, in a process of its own: what kills a mutant must pass here. Each seed is run once. */
class Control {
  readonly #known = new Map<string, Promise<boolean>>();
  #process: MutantProcess | null = null;
  #last: Promise<unknown> = Promise.resolve();

  passes({ trial, seed }: Failure): Promise<boolean> {
    const key = `${trial}/${seed}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = this.#last.then(() => this.#run({ trial, firstSeed: seed, seeds: seed }));
      this.#last = known;
      this.#known.set(key, known);
    }
    return known;
  }

  async #run(attempt: Attempt): Promise<boolean> {
    this.#process ??= new MutantProcess();
    const tally = newTally();
    await this.#process.run({ replaced: null, attempts: [attempt] }, tally);
    // A process that is gone must not speak against every later kill.
    if (!this.#process.isAlive) this.#process = null;
    return tally.isDone && tally.problem === null;
  }

  end(): void {
    this.#process?.end();
  }
}

/** A process that runs one mutant, or the product as it is. */
class MutantProcess {
  readonly #child: ChildProcess;
  #complaint = '';

  constructor() {
    const written = fileURLToPath(new URL('./run-one.ts', import.meta.url));
    const program = import.meta.url.endsWith('.ts') ? written : written.replace(/\.ts$/, '.js');
    this.#child = fork(program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(0, 2_000);
    });
  }

  get isAlive(): boolean {
    return this.#child.connected && this.#child.exitCode === null;
  }

  /** Resolves when the order is carried out, or the process has ended. */
  async run(order: Order, tally: Tally): Promise<void> {
    const child = this.#child;
    const giveUp = (): void => {
      tally.isStuck = true;
      child.kill('SIGKILL');
    };
    let watchdog = setTimeout(giveUp, stuckAfterMs);
    await new Promise<void>((resolve) => {
      const onMessage = (message: Report): void => {
        clearTimeout(watchdog);
        if (message.type === 'done') tally.isDone = true;
        else count(tally, message);
        if (message.type === 'done' || message.type === 'found') finish();
        else watchdog = setTimeout(giveUp, stuckAfterMs);
      };
      const finish = (): void => {
        child.off('message', onMessage).off('exit', finish);
        resolve();
      };
      child.on('message', onMessage).on('exit', finish);
      child.send(order);
    });
    clearTimeout(watchdog);
    if (!tally.isDone && tally.kill === null && !tally.isStuck)
      tally.problem ??= `its process ended by itself: ${this.#complaint}`;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

function count(tally: Tally, report: Exclude<Report, { type: 'done' }>): void {
  tally.seeds += 1;
  if (report.type === 'broke') {
    tally.problem ??= report.detail;
    return;
  }
  tally.whole += 1;
  if (report.type === 'passed') return;
  const { trial, seed, checker, detail } = report;
  tally.kill = { trial, seed, checker, detail };
}
