/** Who answers the steps of an admission: the court, the policy engine and the light, wherever they run. */
import type { BoundDecision, CourtAnswer } from '../../protocols/enc/admission.ts';
import type { PolicyState } from '../../protocols/policy/rules.ts';
import type { PolicyEvaluationRequest } from '../../protocols/policy/request.ts';
import type { Digest } from '../../protocols/shared/brands.ts';

interface CourtQuestion {
  readonly tenant: string;
  readonly workload: string;
  readonly classification: string;
  /** Those that there are clusters in, each once. */
  readonly countries: readonly string[];
}

/** Each rejects where there is no answer: then nothing is admitted. */
export interface AdmissionOwners {
  /** `complies` where it does in any of the countries. */
  court(question: CourtQuestion): Promise<Pick<CourtAnswer, 'complies' | 'problems'>>;
  /** In the order of the requests; on a state of at least this height. */
  policy(requests: readonly PolicyEvaluationRequest[], minHeight: number): Promise<readonly PolicyState[]>;
  /** The same request id gets the same decision. */
  traffic(request: {
    readonly requestId: string;
    readonly flow: PolicyEvaluationRequest;
    readonly minHeight: number;
    readonly salt: string;
  }): Promise<BoundDecision>;
  /** The decision that let a held one go; null: it is held still. */
  released(held: Digest, tenant: string): Promise<BoundDecision | null>;
}
