/** The checkers of the court. They look at one replay of the chain at the end of a run; without a court at nothing. */
import type { CheckedRun, Checker, RunEnd } from '../checker.ts';
import { AgreementsCheck } from './agreements-check.ts';
import { EnforcementCheck } from './enforcement-check.ts';
import { PanelsCheck } from './panels-check.ts';
import { type BlockCheck, replayCourt } from './court-block.ts';
import { StagesCheck } from './stages-check.ts';

export const courtCheckerNames = ['agreements', 'stages', 'panels', 'enforcement'] as const;
type CourtCheckerName = (typeof courtCheckerNames)[number];

type Run = Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>;
type Finding = ReturnType<typeof replayCourt<CourtCheckerName>>;

export function createCourtCheckers(run: Run): readonly (Checker & { readonly name: CourtCheckerName })[] {
  let replayed: { readonly end: RunEnd; readonly finding: Finding } | null = null;
  const findingAt = (end: RunEnd): Finding => {
    if (run.genesis.court === undefined) return null;
    if (replayed?.end !== end) replayed = { end, finding: replayCourt(run, end, checksOf(run)) };
    return replayed.finding;
  };
  return courtCheckerNames.map((name) => ({
    name,
    onEnd: (end) => {
      const finding = findingAt(end);
      return finding?.name === name ? finding.problem : null;
    },
  }));
}

const checksOf = (run: Run) =>
  new Map<CourtCheckerName, BlockCheck>([
    ['agreements', new AgreementsCheck()],
    ['stages', new StagesCheck()],
    ['panels', new PanelsCheck(run)],
    ['enforcement', new EnforcementCheck()],
  ]);
