import { CodedError } from '../shared/errors.ts';

export type PolicyErrorCode = 'invalid-request' | 'invalid-facts' | 'invalid-policy' | 'invalid-overlay';

/** A request, fact set, policy or overlay that is not one. `place` is a path (`destination.country`), a rule or a fact. */
export class PolicyError extends CodedError<PolicyErrorCode> {
  override readonly name = 'PolicyError';
  readonly place: string;

  constructor(code: PolicyErrorCode, place: string, problem: string) {
    super(code, `${place}: ${problem}`);
    this.place = place;
  }
}
