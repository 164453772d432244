/**
 * What each step of the compliance pipeline said, as a decision's entry shows it: court, then policies, then the light itself. The
 * decision is the worst of them.
 */
import type { PolicyState } from '../policy/rules.ts';
import { courtVerdict } from './constraints.ts';
import type { DecisionOutcome, Stage } from './decide.ts';
import type { DecisionInputs } from './inputs.ts';

export interface ComplianceStep {
  readonly step: Stage;
  /** null: it was not asked, since the decision was Red before. */
  readonly state: PolicyState | null;
  readonly reasons: readonly string[];
}

const notReady = 'policy-not-ready';
/** Reasons for which nothing of the other steps is told. */
const alone: readonly string[] = ['deadline', 'result-too-large'];

export function stepsOf(inputs: DecisionInputs, outcome: DecisionOutcome): readonly ComplianceStep[] {
  const { reasons, policy, action } = outcome;
  if (reasons.some((reason) => alone.includes(reason)))
    return [
      { step: 'court', state: null, reasons: [] },
      { step: 'policy', state: null, reasons: [] },
      { step: 'traffic', state: 'Red', reasons },
    ];
  const court = courtVerdict(inputs.state.constraints);
  const own = reasons.filter((reason) => reason !== notReady && !court.reasons.includes(reason));
  return [
    { step: 'court', state: court.state, reasons: court.reasons },
    policy === null
      ? { step: 'policy', state: 'Red', reasons: [notReady] }
      : { step: 'policy', state: policy.state, reasons: [] },
    { step: 'traffic', state: own.length > 0 ? 'Red' : action === 'hold' ? 'Yellow' : 'Green', reasons: own },
  ];
}
