/**
 * Admission of a workload: the compliance pipeline as a state machine. Court, then placement, then policies for each candidate's
 * country, then the light, whose one decision binds a cluster and its country, then the lease on chain. Each step is asked of its
 * owner and its answer kept: the receipt names it, and people are shown it. What goes wrong anywhere admits nothing.
 *
 * Source: execution design, "Admission".
 */
import type { PolicyState } from '../policy/rules.ts';
import type { Digest } from '../shared/brands.ts';
import type { Placement, PlacementTerms, Unfit } from './placement.ts';

type AdmissionStepName = 'court' | 'placement' | 'policy' | 'traffic' | 'lease';

export interface AdmissionStep {
  readonly step: AdmissionStepName;
  readonly outcome: 'passed' | 'refused' | 'held' | 'failed';
  /** For a person. */
  readonly detail: string;
}

/** What the light decided. */
export interface BoundDecision {
  readonly id: Digest;
  readonly state: PolicyState;
  /** `none`, `log`: it passes; `hold`: not before its obligations are proved. */
  readonly action: string;
  readonly policySet: Digest | null;
  readonly reasons: readonly string[];
  /** Until when it may be acted on, ms since 1970; null where nothing passes. */
  readonly expires: number | null;
}

export interface CourtAnswer {
  readonly complies: boolean;
  /** Agreements in force that bind it, with the clusters that they name. */
  readonly terms: PlacementTerms;
  readonly problems: readonly string[];
}

export type AdmissionState = {
  readonly steps: readonly AdmissionStep[];
  readonly unfit: readonly Unfit[];
  readonly terms: PlacementTerms;
} & (
  | { readonly stage: 'court' }
  | { readonly stage: 'placement' }
  | { readonly stage: 'policy'; readonly candidates: readonly Candidate[] }
  | { readonly stage: 'traffic'; readonly candidate: Candidate; readonly others: readonly Candidate[] }
  | { readonly stage: 'lease'; readonly candidate: Candidate; readonly decision: BoundDecision }
  | { readonly stage: 'admitted'; readonly candidate: Candidate; readonly decision: BoundDecision }
  /** Yellow: nothing is reserved; `decision` is what has to be released. */
  | { readonly stage: 'held'; readonly candidate: Candidate; readonly decision: BoundDecision }
  | { readonly stage: 'refused'; readonly at: AdmissionStepName }
);

export interface Candidate {
  readonly cluster: string;
  readonly country: string;
}

export type AdmissionInput =
  | { readonly type: 'court'; readonly answer: CourtAnswer }
  | { readonly type: 'placement'; readonly placement: Placement; readonly candidates: readonly Candidate[] }
  /** What the policies say of each candidate's country. */
  | { readonly type: 'policy'; readonly states: ReadonlyMap<string, PolicyState> }
  | { readonly type: 'traffic'; readonly decision: BoundDecision }
  /** `ok`, or why the chain refused. */
  | { readonly type: 'lease'; readonly code: string }
  /** Whoever was to answer did not, or something else than an answer. */
  | { readonly type: 'failed'; readonly problem: string };

const noTerms: PlacementTerms = { agreements: [], bound: [] };

export const beginAdmission = (): AdmissionState => ({ stage: 'court', steps: [], unfit: [], terms: noTerms });

type Base = Pick<AdmissionState, 'steps' | 'unfit' | 'terms'>;

const after = (
  { steps, unfit, terms }: AdmissionState,
  step: AdmissionStepName,
  outcome: AdmissionStep['outcome'],
  detail: string,
): Base => ({ steps: [...steps, { step, outcome, detail }], unfit, terms });

const refusal = (state: AdmissionState, at: AdmissionStepName, detail: string): AdmissionState => ({
  ...after(state, at, 'refused', detail),
  ...{ stage: 'refused', at },
});

function uponCourt(state: AdmissionState, { complies, terms, problems }: CourtAnswer): AdmissionState {
  if (terms.agreements.length === 0) return refusal(state, 'court', 'no agreement in force binds the tenant');
  if (!complies) return refusal(state, 'court', problems.join(', '));
  const names = terms.agreements.map((id) => id.slice(0, 12)).join(', ');
  return { ...after(state, 'court', 'passed', `agreements ${names}`), terms, stage: 'placement' };
}

function uponPlacement(
  state: AdmissionState,
  { candidates, placement }: Extract<AdmissionInput, { type: 'placement' }>,
): AdmissionState {
  const { unfit } = placement;
  const known = { ...state, unfit };
  if (candidates.length === 0) return refusal(known, 'placement', `none of ${unfit.length} clusters fits`);
  const names = candidates.map(({ cluster, country }) => `${cluster} (${country})`).join(', ');
  return { ...after(known, 'placement', 'passed', names), stage: 'policy', candidates };
}

function uponPolicy(
  state: Extract<AdmissionState, { stage: 'policy' }>,
  states: ReadonlyMap<string, PolicyState>,
): AdmissionState {
  // What was not answered is Red.
  const stateOf = ({ country }: Candidate): PolicyState => states.get(country) ?? 'Red';
  const red = state.candidates.filter((candidate) => stateOf(candidate) === 'Red');
  const unfit = [...state.unfit, ...red.map(({ cluster }): Unfit => ({ cluster, reasons: ['policy'] }))];
  const known = { ...state, unfit };
  const rank: Readonly<Record<PolicyState, number>> = { Green: 0, Yellow: 1, Red: 2 };
  // Stable: within a state the order of the placement stays.
  const [candidate, ...others] = state.candidates
    .filter((each) => stateOf(each) !== 'Red')
    .sort((a, b) => rank[stateOf(a)] - rank[stateOf(b)]);
  const detail = state.candidates.map((each) => `${each.country} ${stateOf(each)}`).join(', ');
  if (candidate === undefined) return refusal(known, 'policy', detail);
  return { ...after(known, 'policy', 'passed', detail), stage: 'traffic', candidate, others };
}

function uponTraffic(state: Extract<AdmissionState, { stage: 'traffic' }>, decision: BoundDecision): AdmissionState {
  const { candidate } = state;
  const of = `${decision.state} for ${candidate.cluster}, decision ${decision.id.slice(0, 12)}`;
  if (decision.action === 'hold') {
    return { ...after(state, 'traffic', 'held', of), stage: 'held', candidate, decision };
  }
  const passes = decision.state !== 'Red' && (decision.action === 'none' || decision.action === 'log');
  if (!passes) return refusal(state, 'traffic', [of, ...decision.reasons].join(': '));
  return { ...after(state, 'traffic', 'passed', of), stage: 'lease', candidate, decision };
}

/** Inputs that are not awaited change nothing. */
export function uponAnswer(state: AdmissionState, input: AdmissionInput): AdmissionState {
  const { stage } = state;
  if (stage === 'admitted' || stage === 'held' || stage === 'refused') return state;
  if (input.type === 'failed') return { ...after(state, stage, 'failed', input.problem), stage: 'refused', at: stage };
  if (input.type !== stage) return state;
  switch (input.type) {
    case 'court':
      return uponCourt(state, input.answer);
    case 'placement':
      return uponPlacement(state, input);
    case 'policy':
      return stage === 'policy' ? uponPolicy(state, input.states) : state;
    case 'traffic':
      return stage === 'traffic' ? uponTraffic(state, input.decision) : state;
    case 'lease': {
      if (stage !== 'lease') return state;
      const { candidate, decision } = state;
      if (input.code !== 'ok') return refusal(state, 'lease', input.code);
      return { ...after(state, 'lease', 'passed', candidate.cluster), stage: 'admitted', candidate, decision };
    }
  }
}
