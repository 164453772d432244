/** `mainnet simulate twins`: validators that run twice with one key, under every leader and partition of each phase. */
import { describeChoice } from '../../../simulation/protocol/describe.ts';
import { formatProtocolSchedule } from '../../../simulation/protocol/schedule-json.ts';
import { twinning, type TwinsCounts, type TwinsResult } from '../../../simulation/protocol/twins/twins.ts';
import { exitCodes, formatElapsed, type Terminal } from '../../terminal.ts';
import { searchToEnd, untilInterrupted } from './until-interrupted.ts';
import { saveSchedule } from './written-files.ts';

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
export function runTwins(flags: TwinsFlags, terminal: Terminal): Promise<number> {
  const startedMs = performance.now();
  return untilInterrupted(async (stop, progress) => {
    let last: TwinsCounts | null = null;
    const result = await searchToEnd(
      () => searchOf(flags),
      stop,
      (counts) => {
        last = counts;
        const all = flags.sample ?? counts.scenariosInAll;
        progress.show(counts.scenarios, all, `${counts.phasesPlayed} phases played`);
      },
    );
    progress.clear();
    const wallMs = performance.now() - startedMs;
    if (flags.json === true)
      terminal.json({ ...(result ?? last), isFinished: result !== null, wallMs: Math.round(wallMs) });
    else print(result ?? last, result !== null, wallMs, terminal);
    if (result === null) return exitCodes.failed;
    if (result.finding === null) return exitCodes.done;
    if (flags.json !== true) printFinding(result.finding, terminal);
    const { schedule, detail } = result.finding;
    const saved = { schedule, found: null, note: detail };
    if (flags.save !== undefined) saveSchedule(flags.save, formatProtocolSchedule(saved), terminal);
    return exitCodes.failed;
  });
}

/** Throws RangeError for options that cannot be. */
const searchOf = ({ validators, rounds, twins, groups, sample, seed }: TwinsFlags): ReturnType<typeof twinning> =>
  twinning({
    ...{ validators, rounds, groups, ...(twins === undefined ? {} : { twins }) },
    ...(sample === undefined ? {} : { sample: { scenarios: sample, seed } }),
  });

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
