/**
 * What the court lays on data flows: suspensions, and actions of rulings (force a flow Red or Yellow, stop a workload). The
 * light knows of agreements and rulings no more than this.
 */
import { type Codec, digest32, list, nullable, struct, textMax, uint } from '../shared/codec.ts';
import type { Digest } from '../shared/brands.ts';
import type { FlowRecord } from './flow.ts';

/** `review` holds the flow until `obligation` is discharged. */
export type ConstraintEffect = 'forbid' | 'stop-workload' | 'review';

export interface CourtConstraint {
  /** Digest of the agreement or of the ruling that it comes from. */
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
  effect: textMax(16) as Codec<ConstraintEffect>,
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
