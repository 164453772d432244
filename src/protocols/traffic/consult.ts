/**
 * What a light would decide, asked of the policies alone: the same stages on the same state, without a log. Nothing is spent of a
 * counter and nothing is held, so whether a lease is there does not count; what all lights have leased and spent does.
 */
import type { PolicyEvaluationRequest } from '../policy/request.ts';
import type { CounterName } from '../policy/vocabulary.ts';
import type { Digest } from '../shared/brands.ts';
import { decide, type DecisionOutcome, tablesFor } from './decide.ts';
import { toFlowRecord } from './flow.ts';
import { type DecisionInputs, type LightView, resolveCounters, resolveState } from './inputs.ts';

/** The chain's state, as of a block. `total`: persons of a counter's window that all lights have spent or leased. */
export interface ConsultedView extends Omit<LightView, 'counter'> {
  readonly total: (subject: Digest, counter: CounterName, window: string) => number;
}

export interface Consultation {
  readonly outcome: DecisionOutcome;
  /** Names the sets that were asked; null: they are not here. */
  readonly policy: DecisionInputs['state']['policy'];
  /** Counters as they would stand after the flow. */
  readonly counters: PolicyEvaluationRequest['counters'];
}

/** Commits to nobody: no log keeps it. */
const noIdentity = '0'.repeat(64) as Digest;

/** `time` in ms since 1970. Counts of `request` are at most `personsMax`. */
export function consult(view: ConsultedView, request: PolicyEvaluationRequest, time: number): Consultation {
  const { tenant, workload } = request.subject;
  const flow = toFlowRecord(request);
  const standing: LightView['counter'] = (subject, counter, window) => ({
    ...{ total: view.total(subject, counter, window), granted: 0, spent: 0 },
  });
  const parties = { tenant, workload, recipient: request.destination.recipient };
  const state = resolveState({ ...view, counter: standing }, flow, parties, time);
  const counters = resolveCounters(flow, tenant, time, standing).map((value) => ({ ...value, isLeased: true }));
  const inputs: DecisionInputs = {
    ...{ time, minHeight: null, enforcementPoint: null, identity: noIdentity, flow, state, counters },
    ...{ releases: null, discharged: [], hasRoom: true, isLate: false },
  };
  return {
    outcome: decide(inputs, tablesFor(view.policy, tenant)),
    policy: state.policy,
    counters: {
      ...request.counters,
      ...Object.fromEntries(counters.map(({ counter, value }) => [counter, value])),
    },
  };
}
