/** Checkers that look at one replay of the chain at the end of a run: those of the court, and that of what lights rest on. */
import type { CheckedRun, Checker, RunEnd } from '../checker.ts';
import type { DecisionSeen } from '../told-decisions.ts';
import { AgreementsCheck } from './agreements-check.ts';
import { type BlockCheck, replayCourt } from './court-block.ts';
import { EnforcementCheck } from './enforcement-check.ts';
import { ExhibitsCheck } from './exhibits-check.ts';
import { LightsCheck } from './lights-check.ts';
import { PanelsCheck } from './panels-check.ts';
import { StagesCheck } from './stages-check.ts';

export const courtCheckerNames = ['agreements', 'stages', 'exhibits', 'panels', 'enforcement'] as const;
type ReplayCheckerName = (typeof courtCheckerNames)[number] | 'lights';

type Run = Pick<CheckedRun, 'chainId' | 'genesis' | 'verifier'>;
type Finding = ReturnType<typeof replayCourt<ReplayCheckerName>>;

/** Where there is neither a court nor a policy they look at nothing. `decisions`: what lights answered. */
export function createReplayCheckers(
  run: Run,
  decisions: () => readonly DecisionSeen[],
): readonly (Checker & { readonly name: ReplayCheckerName })[] {
  const { court, policies } = run.genesis;
  let replayed: { readonly end: RunEnd; readonly finding: Finding } | null = null;
  const findingAt = (end: RunEnd): Finding => {
    if (court === undefined && policies === undefined) return null;
    if (replayed?.end !== end) replayed = { end, finding: replayCourt(run, end, checksOf(run, decisions())) };
    return replayed.finding;
  };
  return ([...courtCheckerNames, 'lights'] as const).map((name) => ({
    name,
    onEnd: (end) => {
      const finding = findingAt(end);
      return finding?.name === name ? finding.problem : null;
    },
  }));
}

const checksOf = (run: Run, decisions: readonly DecisionSeen[]) =>
  new Map<ReplayCheckerName, BlockCheck>([
    ['agreements', new AgreementsCheck()],
    ['stages', new StagesCheck()],
    ['exhibits', new ExhibitsCheck(run)],
    ['panels', new PanelsCheck(run)],
    ['enforcement', new EnforcementCheck()],
    ['lights', new LightsCheck(run.genesis, decisions)],
  ]);
