/**
 * Whether an operation complies with the agreements that bind it and with the orders of the court: the court's stage of a light's
 * decision, asked by itself. Source: court design, "API".
 */
import { type JsonCodec, jsonChoice, jsonNullable, jsonPattern, jsonStruct } from '../ledger/json-codec.ts';
import type { Digest } from '../shared/brands.ts';
import type { PolicyState } from '../policy/rules.ts';
import { type AgreementProblem, type ConstraintEffect, courtVerdict, type Operation } from '../traffic/constraints.ts';
import type { CourtRules } from './court-rules.ts';

const name = jsonPattern(/^[\x21-\x7e]{1,128}$/, 128);
interface Asked extends Operation {
  readonly classification: 'Public' | 'Internal' | 'Confidential' | 'Restricted' | null;
}

export const operationCodec: JsonCodec<Asked> = jsonStruct<Asked>({
  tenant: name,
  workload: jsonNullable(name),
  country: jsonNullable(jsonPattern(/^[A-Z]{2}$/, 2)),
  classification: jsonNullable(jsonChoice('Public', 'Internal', 'Confidential', 'Restricted')),
});

/** `court-review`: it may happen once a reviewer has seen it. */
type ComplianceProblem = AgreementProblem | 'court-order' | 'court-review';

const problemOf = (effect: ConstraintEffect): ComplianceProblem =>
  effect === 'review' ? 'court-review' : effect === 'forbid' || effect === 'stop-workload' ? 'court-order' : effect;

interface AgreementCompliance {
  readonly agreement: Digest;
  readonly problems: readonly ComplianceProblem[];
}

export interface Compliance {
  /** Whether `state` is Green. */
  readonly complies: boolean;
  /** What the court's stage of a light says of it. */
  readonly state: PolicyState;
  /** As in a light's decision. */
  readonly reasons: readonly string[];
  /** Those in force that bind it, and those with problems; where none is, nothing was ever promised. */
  readonly agreements: readonly AgreementCompliance[];
}

/** @param freshness why the state is too old to answer by, as a light has it; empty where it is not */
export function checkCompliance(
  rules: CourtRules,
  operation: Operation,
  freshness: readonly string[] = [],
): Compliance {
  const verdict = courtVerdict(rules.constraintsOf(operation));
  const state = freshness.length > 0 ? 'Red' : verdict.state;
  const reasons = [...freshness, ...verdict.reasons];
  const problems = new Map<Digest, Set<ComplianceProblem>>();
  for (const agreement of rules.bindingOf(operation)) problems.set(agreement, new Set());
  for (const { agreement, constraint } of rules.findingsOf(operation))
    problems.set(agreement, (problems.get(agreement) ?? new Set()).add(problemOf(constraint.effect)));
  const agreements = [...problems].map(([agreement, found]) => ({ agreement, problems: [...found] }));
  return { complies: state === 'Green', state, reasons, agreements };
}
