/** Checkers that look at one replay of the chain at the end of a run: those of the court, and that of what lights rest on. */
import type { CheckedRun, Checker, RunEnd } from '../checker.ts';
import type { DecisionSeen, Judged } from '../told-decisions.ts';
import { AgreementsCheck } from './agreements-check.ts';
import { type BlockCheck, replayCourt } from './court-block.ts';
import { CountersCheck } from './counters-check.ts';
import { EnforcementCheck } from './enforcement-check.ts';
import { ExhibitsCheck } from './exhibits-check.ts';
import { LightsCheck } from './lights-check.ts';
import { PanelsCheck } from './panels-check.ts';
import { StagesCheck } from './stages-check.ts';

export const courtCheckerNames = ['agreements', 'stages', 'exhibits', 'panels', 'enforcement'] as const;
const lightCheckerNames = ['lights', 'counters'] as const;
type ReplayCheckerName = (typeof courtCheckerNames)[number] | (typeof lightCheckerNames)[number];

type Run = Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier' | 'policies'>;

/** What lights and policy engines said. */
export interface Said {
  readonly judged: readonly Judged[];
  readonly counted: readonly DecisionSeen[];
}

type Finding = ReturnType<typeof replayCourt<ReplayCheckerName>>;

/** Where there is neither a court nor a policy they look at nothing. */
export function createReplayCheckers(
  run: Run,
  said: Said,
): readonly (Checker & { readonly name: ReplayCheckerName })[] {
  const { court, policies } = run.genesis;
  let replayed: { readonly end: RunEnd; readonly finding: Finding } | null = null;
  const findingAt = (end: RunEnd): Finding => {
    if (court === undefined && policies === undefined) return null;
    if (replayed?.end !== end) replayed = { end, finding: replayCourt(run, end, checksOf(run, said)) };
    return replayed.finding;
  };
  return ([...courtCheckerNames, ...lightCheckerNames] as const).map((name) => ({
    name,
    onEnd: (end) => {
      const finding = findingAt(end);
      return finding?.name === name ? finding.problem : null;
    },
  }));
}

const checksOf = (run: Run, { judged, counted }: Said) =>
  new Map<ReplayCheckerName, BlockCheck>([
    ['agreements', new AgreementsCheck()],
    ['stages', new StagesCheck()],
    ['exhibits', new ExhibitsCheck(run)],
    ['panels', new PanelsCheck(run)],
    ['enforcement', new EnforcementCheck()],
    ['lights', new LightsCheck(run, judged)],
    ['counters', new CountersCheck(counted)],
  ]);
