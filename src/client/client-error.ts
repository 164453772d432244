import { CodedError } from '../protocols/shared/errors.ts';

export type ClientErrorCode =
  | 'unreachable' // no connection, or it broke
  | 'timeout' // no answer in time
  | 'not-found' // the node knows no such thing
  | 'refused' // the node refused; `reason` has its code
  | 'unavailable' // the node cannot serve now; try again
  | 'bad-answer'; // not what a node of this version answers

/** A request to a node that did not succeed. */
export class ClientError extends CodedError<ClientErrorCode> {
  override readonly name = 'ClientError';
  /** Code of the node's problem document (`insufficient-balance`, `nonce-used`, …); empty where there was none. */
  readonly reason: string;

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { readonly reason?: string; readonly cause?: unknown } = {},
  ) {
    super(code, message, options.cause === undefined ? {} : { cause: options.cause });
    this.reason = options.reason ?? '';
  }
}
