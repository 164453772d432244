/**
 * The decision: freshness, court constraints, policy evaluation, counters, quarantine, in this order, each a pure function of
 * the inputs. Whatever is missing, late or unknown is Red with the reason. Red wins over Yellow over Green.
 * Source: policy-and-traffic design, "Traffic Light".
 */
import { type Codec, CodecError, list, nullable, struct, textMax, uint } from '../shared/codec.ts';
import type { CompiledSet } from '../policy/compile.ts';
import type { Obligation, PolicyEvaluationResult } from '../policy/evaluate.ts';
import type { FactView } from '../policy/input.ts';
import { evaluateInForce, type InForce, type OutsideOf } from '../policy/overlay.ts';
import { resultCodec } from '../policy/result-codec.ts';
import { type PolicyState, stateRank } from '../policy/rules.ts';
import { utcDay } from './calendar.ts';
import { courtVerdict, type CourtVerdict } from './constraints.ts';
import { type Spend, spendCodec } from './counters.ts';
import { toPolicyRequest } from './flow.ts';
import { encodeOnce } from './once-encoded.ts';
import { countersWith, type DecisionInputs, type PolicyTables, type StateInputs } from './inputs.ts';

/** An answer that lets a flow pass is good for one use, within so long, ms. */
const decisionLifetimeMs = 60_000;

/** What the enforcement point does. `hold`: keep the flow back until the decision is released. */
type EnforcementAction = 'none' | 'log' | 'hold' | 'block' | 'stop-workload';

type ComplianceStatus = 'compliant' | 'conditional' | 'non-compliant';

export interface DecisionOutcome {
  readonly state: PolicyState;
  readonly action: EnforcementAction;
  readonly compliance: ComplianceStatus;
  /** Why it is Red beside the policies: `stale`, `policy-not-ready`, `deadline`, `court:<digest>`, … */
  readonly reasons: readonly string[];
  /** null: the policies were not asked. */
  readonly policy: PolicyEvaluationResult | null;
  /** Of policies and court together. */
  readonly obligations: readonly Obligation[];
  /** What the flow spends of the light's leases once it passes. */
  readonly spends: readonly Spend[];
  /** How long it may be acted on, ms; null where nothing passes. */
  readonly lifetimeMs: number | null;
}

const word = textMax(1024);
const oneOf = <T extends string>(): Codec<T> => word as unknown as Codec<T>;

export const obligationCodec: Codec<Obligation> = struct<Obligation>({
  ...{ id: word, kind: word, phase: oneOf<Obligation['phase']>() },
  deadlineSeconds: nullable(uint),
  proofBy: nullable(word),
  rules: list(word, 1024),
});

export const outcomeCodec: Codec<DecisionOutcome> = struct<DecisionOutcome>({
  state: oneOf<PolicyState>(),
  action: oneOf<EnforcementAction>(),
  compliance: oneOf<ComplianceStatus>(),
  reasons: list(word, 512),
  policy: nullable(resultCodec),
  obligations: list(obligationCodec, 512),
  spends: list(spendCodec, 64),
  lifetimeMs: nullable(uint),
});

/** Longest canonical bytes of an outcome: an entry of a log is shorter than 64 KiB. */
export const outcomeBytesMax = 0x4000;

/** The tables that the inputs name. `tenantSet` is there exactly where they name one. */
export interface DecisionTables {
  readonly inForce: InForce;
  readonly tenantSet: CompiledSet | null;
  readonly outsideOf: OutsideOf;
}

/** The tables of a decision of this tenant; null where any of them is not here. */
export const tablesFor = (policy: PolicyTables | null, tenant: string): DecisionTables | null =>
  policy === null || policy.missingTenants.has(tenant)
    ? null
    : { inForce: policy.inForce, tenantSet: policy.tenantSets.get(tenant) ?? null, outsideOf: policy.outsideOf };

/** State that is too old, or not as new as the caller asks. */
export const freshnessReasons = (
  time: number,
  minHeight: number | null,
  { stateTime, stateAgeMsMax, height }: Pick<StateInputs, 'stateTime' | 'stateAgeMsMax' | 'height'>,
): readonly string[] => [
  ...(time - stateTime > stateAgeMsMax ? ['stale'] : []),
  ...(minHeight !== null && height < minHeight ? ['min-height'] : []),
];

/** What a stage of a decision is called in measurements and traces. */
export type Stage = 'court' | 'policy' | 'traffic';

/** Does the work of a stage, and may measure it. */
export type RunStage = <T extends { readonly state: PolicyState } | null>(stage: Stage, work: () => T) => T;

const runPlainly: RunStage = (_stage, work) => work();

/** What the policies say; null where the active set is not there. */
function policyResult(inputs: DecisionInputs, tables: DecisionTables | null): PolicyEvaluationResult | null {
  if (tables === null) return null;
  const { flow, counters, state, time } = inputs;
  const { certified, isSuspended } = state;
  const { base, tightened } = tables.inForce;
  const request = toPolicyRequest(flow, countersWith(counters));
  const known = (facts: FactView): readonly string[] =>
    facts === base.facts ? certified.base : facts === tightened?.facts ? certified.tightened : certified.tenant;
  const suspendedTenants = new Set(isSuspended ? [request.subject.tenant] : []);
  return evaluateInForce({ base, tightened, suspendedTenants }, request, {
    today: utcDay(time),
    certified: known,
    outsideOf: tables.outsideOf,
    ...(tables.tenantSet === null ? {} : { tenantSet: tables.tenantSet }),
  });
}

function unite(own: readonly Obligation[], court: readonly Obligation[]): readonly Obligation[] {
  return court.length === 0 ? own : [...own, ...court];
}

/** What has to be proved before the flow is let go. */
const pendingBefore = (obligations: readonly Obligation[], discharged: readonly string[]): readonly Obligation[] =>
  obligations.filter(({ id, phase }) => phase === 'before' && !discharged.includes(id));

const refusal = (
  reasons: readonly string[],
  policy: PolicyEvaluationResult | null,
  obligations: readonly Obligation[],
  stopsWorkload: boolean,
): DecisionOutcome => ({
  ...{ state: 'Red', compliance: 'non-compliant', reasons, policy, obligations, spends: [], lifetimeMs: null },
  action: stopsWorkload ? 'stop-workload' : 'block',
});

function fitsEntry(outcome: DecisionOutcome): boolean {
  try {
    return encodeOnce(outcomeCodec, outcome).length <= outcomeBytesMax;
  } catch (error) {
    if (error instanceof CodecError) return false;
    throw error;
  }
}

/** `tables` are those that `inputs.state.policy` names; null where it is null. */
export function decide(
  inputs: DecisionInputs,
  tables: DecisionTables | null,
  run: RunStage = runPlainly,
): DecisionOutcome {
  if (inputs.isLate) return refusal(['deadline'], null, [], false);
  const outcome = outcomeOf(inputs, tables, run);
  return fitsEntry(outcome) ? outcome : refusal(['result-too-large'], null, [], outcome.action === 'stop-workload');
}

function outcomeOf(inputs: DecisionInputs, tables: DecisionTables | null, run: RunStage): DecisionOutcome {
  const court = run('court', () => courtVerdict(inputs.state.constraints));
  const policy = run('policy', () => policyResult(inputs, tables));
  return run('traffic', () => joined(inputs, court, policy));
}

/** Court and policies together, with what the light itself asks: fresh state, leases, room in the quarantine. */
function joined(inputs: DecisionInputs, court: CourtVerdict, policy: PolicyEvaluationResult | null): DecisionOutcome {
  const shortage = inputs.counters.flatMap(({ counter, isLeased }) => (isLeased ? [] : [`counter-lease:${counter}`]));
  const reasons = [
    ...freshnessReasons(inputs.time, inputs.minHeight, inputs.state),
    ...(policy === null ? ['policy-not-ready'] : []),
    ...court.reasons,
    ...shortage,
  ];
  if (policy === null || reasons.length > 0 || policy.state === 'Red')
    return refusal(reasons, policy, policy?.state === 'Red' ? policy.obligations : [], court.stopsWorkload);
  const state = stateRank[court.state] > stateRank[policy.state] ? court.state : policy.state;
  const obligations = unite(policy.obligations, court.obligations);
  const isHeld = pendingBefore(obligations, inputs.discharged).length > 0;
  if (isHeld && !inputs.hasRoom) return refusal(['quarantine-full'], policy, [], false);
  return {
    state,
    action: isHeld ? 'hold' : state === 'Green' && obligations.length === 0 ? 'none' : 'log',
    compliance: state === 'Green' ? 'compliant' : 'conditional',
    reasons,
    policy,
    obligations,
    spends: isHeld ? [] : inputs.counters.map(({ counter, window, persons }) => ({ counter, window, persons })),
    lifetimeMs: isHeld ? null : decisionLifetimeMs,
  };
}
