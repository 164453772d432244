/**
 * Work on policy sets that is not quick, behind one interface: worker threads in production, the caller's own thread where there
 * are none. The same function does it in both.
 */
import type { Analysis, Difference } from '../../protocols/policy/analysis.ts';
import type { ContentNames } from '../../protocols/policy/content.ts';
import type { PolicyEvaluationResult } from '../../protocols/policy/evaluate.ts';
import type { Explanation } from '../../protocols/policy/explain.ts';
import type { Day, FactSet } from '../../protocols/policy/facts.ts';
import type { InForce } from '../../protocols/policy/overlay.ts';
import type { CompileJob } from '../../protocols/policy/published.ts';
import type { PolicyEvaluationRequest } from '../../protocols/policy/request.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { CodedError } from '../../protocols/shared/errors.ts';

interface CheckJob {
  readonly bytes: Uint8Array;
  /** Facts as of another day than the content's own. */
  readonly asOf?: Day;
  /** Random inputs on which bitmaps and Cedar are compared, and their seed. */
  readonly random: number;
  readonly seed: number;
}

export interface CheckReport {
  readonly names: ContentNames;
  readonly compiledHash: Digest;
  readonly validUntil: Day | null;
  readonly rules: number;
  readonly regimes: readonly string[];
  /** What Cedar says is wrong with the policies against their schema. */
  readonly invalid: readonly string[];
  readonly analysis: Analysis;
  /** Inputs compared with Cedar. */
  readonly compared: number;
  /** Where the two say otherwise, as text; at most ten. */
  readonly mismatches: readonly string[];
}

interface DiffJob {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Facts of both as of this day instead of their own. */
  readonly asOf?: Day;
}

export interface DiffReport {
  readonly before: ContentNames;
  readonly after: ContentNames;
  readonly differences: readonly Difference[];
  /** Rules that only Cedar evaluates: not compared. */
  readonly outside: readonly string[];
}

interface StudyJob extends CompileJob {
  readonly request: PolicyEvaluationRequest;
  readonly today: Day;
}

/** One request looked at from all sides. */
export interface Study extends Explanation {
  readonly result: PolicyEvaluationResult;
  readonly compiledHash: Digest;
}

interface FactsJob {
  readonly bytes: Uint8Array;
  readonly names: ContentNames;
}

/** What is done, by name: what it takes and what it gives. */
export interface PolicyWork {
  readonly compile: { readonly job: CompileJob; readonly result: InForce };
  readonly check: { readonly job: CheckJob; readonly result: CheckReport };
  readonly diff: { readonly job: DiffJob; readonly result: DiffReport };
  readonly study: { readonly job: StudyJob; readonly result: Study };
  readonly facts: { readonly job: FactsJob; readonly result: FactSet };
}

export type WorkName = keyof PolicyWork;

export type WorkshopErrorCode =
  | 'time-out' // it took too long and was given up
  | 'overload' // too much is waiting
  | 'failed'; // the thread ended: out of memory, or closed

export class WorkshopError extends CodedError<WorkshopErrorCode> {
  override readonly name = 'WorkshopError';
}

export interface PolicyWorkshop {
  /** Rejects with PolicyError for what is no policy set, else with {@link WorkshopError}. */
  do<Name extends WorkName>(name: Name, job: PolicyWork[Name]['job']): Promise<PolicyWork[Name]['result']>;
}
