/** `mainnet simulate twins`: validators that run twice with one key, under every leader and partition of each phase. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describeChoice } from '../../../simulation/protocol/describe.ts';
import { formatProtocolSchedule } from '../../../simulation/protocol/schedule-json.ts';
import { twinning, type TwinsCounts, type TwinsResult } from '../../../simulation/protocol/twins/twins.ts';
import { CommandError, exitCodes, formatElapsed, type Terminal } from '../../terminal.ts';
import { Progress } from './progress.ts';

export interface TwinsFlags {
  readonly validators: number;
  readonly rounds: number;
  readonly twins?: number;
  readonly groups: number;
  readonly sample?: number;
  readonly seed: number;
  readonly save?: string;
  readonly json?: true;
}

/** Resolves with the exit code. */
export async function runTwins(flags: TwinsFlags, terminal: Terminal): Promise<number> {
  const progress = new Progress();
  const startedMs = performance.now();
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  let last: TwinsCounts | null = null;
  try {
    const result = await follow(flags, stop.signal, (counts) => {
      last = counts;
      const all = flags.sample ?? counts.scenariosInAll;
      progress.show(counts.scenarios, all, `${counts.phasesPlayed} phases played`);
    });
    progress.clear();
    const wallMs = performance.now() - startedMs;
    if (flags.json === true)
      terminal.json({ ...(result ?? last), isFinished: result !== null, wallMs: Math.round(wallMs) });
    else print(result ?? last, result !== null, wallMs, terminal);
    if (result === null) return exitCodes.failed;
    if (result.finding === null) return exitCodes.done;
    if (flags.json !== true) printFinding(result.finding, terminal);
    if (flags.save !== undefined) save(flags.save, result.finding, terminal);
    return exitCodes.failed;
  } finally {
    progress.clear();
    process.off('SIGINT', interrupt);
  }
}

/** Null where it was interrupted. Rejects with CommandError for options that cannot be. */
async function follow(
  { validators, rounds, twins, groups, sample, seed }: TwinsFlags,
  stop: AbortSignal,
  onProgress: (counts: TwinsCounts) => void,
): Promise<TwinsResult | null> {
  try {
    const running = twinning({
      ...{ validators, rounds, groups, ...(twins === undefined ? {} : { twins }) },
      ...(sample === undefined ? {} : { sample: { scenarios: sample, seed } }),
    });
    for (let next = running.next(); ; next = running.next()) {
      if (next.done === true) return next.value;
      onProgress(next.value);
      await turn();
      if (stop.aborted) return null;
    }
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError('usage', error.message, [], error);
    throw error;
  }
}

function print(counts: TwinsCounts | null, isFinished: boolean, wallMs: number, terminal: Terminal): void {
  if (counts !== null) {
    const { scenarios, scenariosInAll, phasesPlayed, delivered, healed, healingRoundsMax } = counts;
    terminal.out(
      `${scenarios} of ${scenariosInAll} scenarios, in ${phasesPlayed} phases, ${delivered} messages delivered`,
    );
    terminal.out(`${healed} states healed, in at most ${healingRoundsMax} rounds`);
  }
  const ended = isFinished
    ? terminal.paint('green', 'finished')
    : terminal.paint('yellow', 'interrupted: not finished');
  terminal.out(`${ended} after ${formatElapsed(wallMs)}`);
}

type Finding = NonNullable<TwinsResult['finding']>;

function printFinding({ kind, detail, schedule }: Finding, terminal: Terminal): void {
  terminal.out(`${terminal.paint('red', `${kind} violated`)}: ${detail}`);
  schedule.choices.forEach((choice, index) => {
    terminal.out(`${String(index + 1).padStart(4)}  ${describeChoice(schedule.cast, choice)}`);
  });
}

function save(file: string, { schedule, detail }: Finding, terminal: Terminal): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, formatProtocolSchedule({ schedule, found: null, note: detail }));
  terminal.err(`saved; run it again: mainnet simulate --replay ${file}`);
}
