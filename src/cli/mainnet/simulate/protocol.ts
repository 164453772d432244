/** `mainnet simulate protocol`: random schedules of the consensus machines alone, and saved ones once more. */
import { describeChoice } from '../../../simulation/protocol/describe.ts';
import { minimiseProtocol } from '../../../simulation/protocol/minimise.ts';
import { replayProtocol } from '../../../simulation/protocol/replay.ts';
import { rulesOf } from '../../../simulation/protocol/rules-by-name.ts';
import { formatProtocolSchedule, type SavedProtocolSchedule } from '../../../simulation/protocol/schedule-json.ts';
import type { ProtocolRuleName, ProtocolSchedule } from '../../../simulation/protocol/schedule.ts';
import { type Finding, searchProtocol, type SearchResult } from '../../../simulation/protocol/search.ts';
import { exitCodes, formatElapsed, formatTable, type Terminal } from '../../terminal.ts';
import { Progress } from './progress.ts';
import { saveSchedule } from './written-files.ts';

export interface ProtocolFlags {
  readonly seed: number;
  readonly runs: number;
  readonly validators: number;
  readonly heights: number;
  readonly rules: ProtocolRuleName;
  readonly save?: string;
  readonly json?: true;
}

/** Resolves with the exit code. */
export function searchSchedules(flags: ProtocolFlags, terminal: Terminal): number {
  const progress = new Progress();
  const startedMs = performance.now();
  let done = 0;
  const result = searchProtocol({
    ...{ validators: flags.validators, heights: flags.heights, runs: flags.runs, seed: flags.seed },
    ...{ rules: rulesOf(flags.rules), ruleName: flags.rules },
    onRun: () => {
      done += 1;
      progress.show(done, flags.runs, '');
      return !terminal.readerGone.aborted;
    },
  });
  progress.clear();
  const wallMs = performance.now() - startedMs;
  const { finding } = result;
  const smallest = finding === null ? null : smallestOf(finding, flags.rules);
  if (flags.json === true) terminal.json({ ...result, finding, smallest, wallMs: Math.round(wallMs) });
  else printSearch(result, smallest, wallMs, terminal);
  if (smallest !== null && flags.save !== undefined) {
    saveSchedule(flags.save, formatProtocolSchedule({ ...smallest, note: '' }), terminal);
  }
  return finding === null ? exitCodes.done : exitCodes.failed;
}

type Smallest = Pick<SavedProtocolSchedule, 'schedule' | 'found'>;

function smallestOf({ schedule, violations }: Finding, ruleName: ProtocolRuleName): Smallest {
  const [violation] = violations;
  if (violation === undefined) return { schedule, found: null };
  const rules = rulesOf(ruleName);
  const minimised = minimiseProtocol(schedule, { rules, check: violation.check }).schedule;
  return { schedule: minimised, found: replayProtocol(minimised, rules).violations[0] ?? null };
}

function printSearch(result: SearchResult, smallest: Smallest | null, wallMs: number, terminal: Terminal): void {
  const { runs, delivered, heights, counts, finding } = result;
  const rows = Object.entries(counts).map(([name, count]) => [name, String(count)]);
  for (const line of formatTable([['what happened', 'times'], ...rows])) terminal.out(line);
  terminal.out();
  const perSecond = Math.round(delivered / (wallMs / 1000));
  terminal.out(
    `${runs} runs, ${heights} blocks, ${delivered} messages delivered in ${formatElapsed(wallMs)}, ${perSecond}/s`,
  );
  if (finding === null || smallest === null) {
    terminal.out(terminal.paint('green', 'nothing was violated'));
    return;
  }
  for (const { check, detail } of finding.violations) {
    terminal.out(`seed ${finding.seed}: ${terminal.paint('red', `${check} violated`)}: ${detail}`);
  }
  const { length } = finding.schedule.choices;
  terminal.out(`smallest schedule, ${smallest.schedule.choices.length} choices of ${length}:`);
  printSchedule(smallest.schedule, terminal);
}

function printSchedule({ cast, choices }: ProtocolSchedule, terminal: Terminal): void {
  choices.forEach((choice, index) => terminal.out(`${String(index + 1).padStart(4)}  ${describeChoice(cast, choice)}`));
}

/** Resolves with the exit code: 1 where something is violated, whatever was found when it was saved. */
export function replaySchedule(saved: SavedProtocolSchedule, json: boolean, terminal: Terminal): number {
  const { schedule, found, note } = saved;
  const result = replayProtocol(schedule, rulesOf(schedule.rules));
  const { violations, traceHash, heights, delivered } = result;
  if (json) terminal.json({ violations, traceHash, heights, delivered, found });
  else {
    if (note !== '') terminal.out(note);
    const { validators } = schedule.cast;
    terminal.out(`rules ${schedule.rules}, ${validators} validators, ${schedule.choices.length} choices`);
    printSchedule(schedule, terminal);
    terminal.out(`trace ${traceHash}, ${heights} blocks, ${delivered} messages delivered`);
    for (const { check, detail } of violations)
      terminal.out(`${terminal.paint('red', `${check} violated`)}: ${detail}`);
    if (violations.length === 0) terminal.out(terminal.paint('green', 'nothing was violated'));
    if (found !== null) terminal.out(`when it was saved: ${found.check}: ${found.detail}`);
  }
  return violations.length === 0 ? exitCodes.done : exitCodes.failed;
}
