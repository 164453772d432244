import { CodedError } from '../shared/errors.ts';

export type EncErrorCode = 'invalid-workload' | 'invalid-proof';

/** `place` is the path of what is wrong. */
export class EncError extends CodedError<EncErrorCode> {
  override readonly name = 'EncError';
  readonly place: string;

  constructor(code: EncErrorCode, place: string, problem: string) {
    super(code, place === '' ? problem : `${place}: ${problem}`);
    this.place = place;
  }
}
