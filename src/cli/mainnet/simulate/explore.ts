/** `mainnet simulate explore`: every order of everything, for the consensus machine in a small scope. */
import {
  type ExploredCase,
  type ExploreProgress,
  type ExploreResult,
  exploring,
} from '../../../simulation/protocol/exploration/explore.ts';
import { rulesOf } from '../../../simulation/protocol/rules-by-name.ts';
import { formatProtocolSchedule } from '../../../simulation/protocol/schedule-json.ts';
import { exitCodes, formatElapsed, formatTable, type Terminal } from '../../terminal.ts';
import { searchToEnd, untilInterrupted } from './until-interrupted.ts';
import { saveSchedule } from './written-files.ts';

export interface ExploreFlags {
  readonly validators: number;
  readonly heights: number;
  readonly rounds: number;
  readonly twins: number;
  readonly crashes: number;
  readonly statesMax: number;
  readonly quorum?: number;
  readonly reductions: boolean;
  readonly save?: string;
  readonly json?: true;
}

/** Resolves with the exit code: 0 only where every state in scope was looked at and nothing is wrong. */
export function runExplore(flags: ExploreFlags, terminal: Terminal): Promise<number> {
  const startedMs = performance.now();
  return untilInterrupted(async (stop, progress) => {
    let last: ExploreProgress = { cases: [], casesInAll: 0 };
    const result = await searchToEnd(
      () => searchOf(flags),
      stop,
      (next) => {
        last = next;
        const { cases, casesInAll } = next;
        const done = cases.filter(({ isFinished }) => isFinished).length;
        progress.show(done, casesInAll, `${count(states(cases))} states`);
      },
    );
    progress.clear();
    const wallMs = performance.now() - startedMs;
    if (result === null) {
      terminal.out(terminal.paint('yellow', `interrupted after ${count(states(last.cases))} states: not finished`));
      return exitCodes.failed;
    }
    if (flags.json === true) terminal.json({ ...result, wallMs: Math.round(wallMs) });
    else print(result, flags, wallMs, terminal);
    save(result, flags, terminal);
    return result.outcome === 'finished' ? exitCodes.done : exitCodes.failed;
  });
}

/** Throws RangeError for a scope that is none. */
function searchOf(flags: ExploreFlags): ReturnType<typeof exploring> {
  const { validators, heights, rounds, twins, crashes, statesMax, quorum, reductions } = flags;
  const all = { slicing: reductions, partialOrder: reductions, symmetry: reductions };
  return exploring({
    ...{ validators, heights, rounds, twins, crashes, statesMax, reductions: all },
    ...{ rules: rulesOf('production'), ...(quorum === undefined ? {} : { quorum }) },
  });
}

const states = (cases: readonly ExploredCase[]): number => cases.reduce((sum, one) => sum + one.states, 0);
const count = (number: number): string => String(number).replace(/\B(?=(?:\d{3})+$)/g, ',');

function print(result: ExploreResult, flags: ExploreFlags, wallMs: number, terminal: Terminal): void {
  const { validators, rounds, twins, crashes } = flags;
  const scope = `${validators} validators, one height, rounds 0 to ${rounds - 1}, ${twins} twins, ${crashes} crashes`;
  terminal.out(terminal.paint('bold', scope));
  const rows = result.cases.map(({ twins: chosen, renamings, states: seen, transitions, depth, isFinished }) => [
    ...[chosen.length === 0 ? 'nobody' : chosen.map((member) => `v${member}`).join(' '), String(renamings)],
    ...[count(seen), count(transitions), String(depth), isFinished ? 'yes' : 'no'],
  ]);
  const heading = ['runs twice', 'renamings', 'states', 'transitions', 'depth', 'finished'];
  for (const line of formatTable([heading, ...rows])) terminal.out(`  ${line}`);
  const speed = count(Math.round(result.states / (wallMs / 1000)));
  const total = `${count(result.states)} states, ${count(result.transitions)} transitions, depth ${result.depth}`;
  terminal.out(`${total}, in ${formatElapsed(wallMs)}, ${speed} states a second`);
  if (result.outcome === 'finished') {
    terminal.out(terminal.paint('green', 'finished: every state in scope was looked at, and nothing is wrong in any'));
  } else if (result.outcome === 'too-many-states') {
    terminal.out(terminal.paint('yellow', `not finished: more than ${count(flags.statesMax)} states (--states-max)`));
  }
  if (result.counterexample === null) return;
  const { property, detail, steps, confirmed } = result.counterexample;
  terminal.out(`${terminal.paint('red', `${property} violated`)}: ${detail}`);
  steps.forEach((step, index) => terminal.out(`${String(index + 1).padStart(4)}  ${step}`));
  terminal.out(
    confirmed === null
      ? terminal.paint(
          'yellow',
          'not confirmed: these steps violate nothing on plain hosts. The exploration is at fault',
        )
      : `confirmed on plain hosts: ${confirmed.check}: ${confirmed.detail}`,
  );
}

function save({ counterexample }: ExploreResult, flags: ExploreFlags, terminal: Terminal): void {
  if (flags.save === undefined || counterexample === null) return;
  const { schedule, confirmed } = counterexample;
  saveSchedule(flags.save, formatProtocolSchedule({ schedule, found: confirmed, note: '' }), terminal);
}
