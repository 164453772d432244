import { CodedError } from '../shared/errors.ts';

export type TrafficErrorCode = 'invalid-request' | 'invalid-proof';

/** A request or a proof that is not one. `place` is a path (`flow.destination.country`). */
export class TrafficError extends CodedError<TrafficErrorCode> {
  override readonly name = 'TrafficError';
  readonly place: string;

  constructor(code: TrafficErrorCode, place: string, problem: string) {
    super(code, `${place}: ${problem}`);
    this.place = place;
  }
}
