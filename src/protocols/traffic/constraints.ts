/**
 * What agreements and the court lay on data flows: terms that an operation does not keep, suspensions, and actions of rulings (force
 * a flow Red or Yellow, stop a workload). The light knows of agreements and rulings no more than this.
 */
import type { Obligation } from '../policy/evaluate.ts';
import { type PolicyState, worse } from '../policy/rules.ts';
import { type Codec, digest32, list, nullable, struct, textMax, uint } from '../shared/codec.ts';
import type { Digest } from '../shared/brands.ts';
import type { FlowRecord } from './flow.ts';

/** An operation as agreements speak of it. null: any, so that what forbids one forbids it. */
export interface Operation {
  /** Name or account. */
  readonly tenant: string;
  readonly workload: string | null;
  /** ISO 3166-1, where data goes or is kept. */
  readonly country: string | null;
  readonly classification: string | null;
}

/** The agreement that binds an operation does not let it happen. */
export type AgreementProblem =
  /** The last agreement that bound it has ended, and none in force binds it. */
  'agreement-ended' | 'agreement-suspended' | 'country-not-agreed' | 'class-not-agreed';

/** `review` holds the flow until `obligation` is discharged; everything else is Red. */
export type ConstraintEffect = 'forbid' | 'stop-workload' | 'review' | AgreementProblem;

export interface CourtConstraint {
  /** The agreement or the case that it comes from. */
  readonly source: Digest;
  readonly effect: ConstraintEffect;
  /** null: any. */
  readonly operations: readonly string[] | null;
  readonly classifications: readonly string[] | null;
  /** Countries; null: anywhere. */
  readonly destinations: readonly string[] | null;
  /** For `review`: the role that signs the proof, and in how many seconds it is due. */
  readonly proofBy: string | null;
  readonly deadlineSeconds: number | null;
}

/** Constraints that concern one flow at most. */
export const constraintsMax = 32;

const words = nullable(list(textMax(128), 256));

export const constraintCodec: Codec<CourtConstraint> = struct<CourtConstraint>({
  source: digest32,
  effect: textMax(32) as Codec<ConstraintEffect>,
  operations: words,
  classifications: words,
  destinations: words,
  proofBy: nullable(textMax(64)),
  deadlineSeconds: nullable(uint),
});

/** Whether it concerns this flow. An open destination may be any: it is concerned. */
export function concerns(constraint: CourtConstraint, flow: FlowRecord): boolean {
  const { operations, classifications, destinations } = constraint;
  const { country } = flow.destination;
  return (
    (operations === null || operations.includes(flow.operation)) &&
    (classifications === null || classifications.includes(flow.classification)) &&
    (destinations === null || country === null || destinations.includes(country))
  );
}

export interface CourtVerdict {
  readonly state: PolicyState;
  readonly reasons: readonly string[];
  readonly obligations: readonly Obligation[];
  readonly stopsWorkload: boolean;
}

const courtObligation = ({ source, proofBy, deadlineSeconds }: CourtConstraint): Obligation => ({
  id: `court:${source}`,
  kind: 'court-review',
  phase: 'before',
  ...{ deadlineSeconds, proofBy, rules: [] },
});

/** `court:` and the case or debt that an order is about; or what an agreement says, and its name. */
const reasonOf = ({ effect, source }: CourtConstraint): string =>
  effect === 'forbid' || effect === 'stop-workload' ? `court:${source}` : `${effect}:${source}`;

/** The court's stage of a decision, and its answer to whoever asks for compliance: the worst of the constraints on an operation. */
export function courtVerdict(constraints: readonly CourtConstraint[]): CourtVerdict {
  let state: PolicyState = 'Green';
  const reasons: string[] = [];
  const obligations: Obligation[] = [];
  for (const constraint of constraints) {
    const own = constraint.effect === 'review' ? 'Yellow' : 'Red';
    state = worse(state, own);
    if (own === 'Red') reasons.push(reasonOf(constraint));
    else obligations.push(courtObligation(constraint));
  }
  return { state, reasons, obligations, stopsWorkload: constraints.some(({ effect }) => effect === 'stop-workload') };
}
