/** `mainnet simulate mutants`: what of the simulator finds which defect of the product. */
import { MutantError } from '../../../simulation-mutants/mutant.ts';
import { allMutants, type MutantResult, runMutants } from '../../../simulation-mutants/run-mutants.ts';
import { mutantsDocument, scoreOf } from '../../../simulation-mutants/score.ts';
import { CommandError, exitCodes, formatElapsed, type Terminal } from '../../terminal.ts';
import { untilInterrupted } from './until-interrupted.ts';
import { writeTextFile } from './written-files.ts';

export interface MutantsFlags {
  readonly filter?: string;
  readonly parallel: number;
  readonly seed: number;
  readonly table?: string;
  readonly json?: true;
}

/** Share of the mutants that must be killed, percent. */
const wantedPercent = 95;

/** Resolves with the exit code. */
export function runMutantScore(flags: MutantsFlags, terminal: Terminal): Promise<number> {
  const { filter = '', parallel, seed } = flags;
  const startedMs = performance.now();
  return untilInterrupted(async (signal, progress) => {
    const mutants = (await allMutants(seed)).filter(({ name }) => name.includes(filter));
    if (mutants.length === 0) throw new CommandError('usage', `no mutant has "${filter}" in its name`);
    let done = 0;
    const results = await runMutants({
      ...{ mutants, jobs: parallel, signal },
      onResult: (result) => {
        done += 1;
        progress.clear();
        if (flags.json !== true) printResult(result, terminal);
        progress.show(done, mutants.length, '');
      },
    });
    progress.clear();
    finish(results, mutants.length, performance.now() - startedMs, flags, terminal);
    const isWhole = results.length === mutants.length;
    return isWhole && scoreOf(results).percent >= wantedPercent ? exitCodes.done : exitCodes.failed;
  }).catch((error: unknown) => {
    if (error instanceof MutantError) throw new CommandError('failed', error.message, [], error);
    throw error;
  });
}

function printResult({ mutant, outcome, kill, seeds, wallMs }: MutantResult, terminal: Terminal): void {
  const paints = { killed: 'green', equivalent: 'dim', survived: 'red', broken: 'red', stuck: 'red' } as const;
  const by = kill === null ? '' : ` by ${kill.checker} in ${kill.trial}`;
  const after = outcome === 'equivalent' ? '' : `, ${seeds} runs, ${formatElapsed(wallMs)}`;
  terminal.out(`${terminal.paint(paints[outcome], outcome.padEnd(10))}  ${mutant.name}: ${mutant.breaks}${by}${after}`);
}

function finish(
  results: readonly MutantResult[],
  asked: number,
  wallMs: number,
  flags: MutantsFlags,
  terminal: Terminal,
): void {
  const score = scoreOf(results);
  if (flags.json === true) terminal.json({ ...score, wallMs: Math.round(wallMs), results });
  else {
    const { killed, counted, percent, medianSeeds } = score;
    const median = medianSeeds === null ? '' : `, median ${medianSeeds} runs until the kill`;
    terminal.out(`${killed} of ${counted} killed: ${percent} %${median}, in ${formatElapsed(wallMs)}`);
    if (results.length < asked)
      terminal.out(terminal.paint('yellow', `${asked - results.length} mutants were not run`));
  }
  if (flags.table !== undefined) {
    writeTextFile(flags.table, mutantsDocument(results, `mainnet simulate mutants --table ${flags.table}`));
  }
}
