/**
 * The three kinds of failure, never mixed:
 * - a {@link Verdict} is a value: what someone else did wrong;
 * - an {@link InvariantError} is thrown: what we did wrong (the actor crashes, supervision restarts it);
 * - a {@link CodedError} is thrown by operations (store, network, configuration) and names one code of a closed union.
 */

/** A bug of ours: a condition that the code itself promised. Never thrown for what a peer or a user sends. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** An operation that failed for a reason its caller can name. `code` is one member of the folder's union. */
export class CodedError<Code extends string = string> extends Error {
  override readonly name: string = 'CodedError';
  readonly code: Code;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; details?: Record<string, string | number | boolean> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** What a state machine says of one input. A refusal is data with a reason code, counted per delivering link. */
export type Verdict<Ignored extends string = string, Rejected extends string = string> =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'ignored'; readonly reason: Ignored }
  | { readonly kind: 'rejected'; readonly reason: Rejected };

export const accepted: Verdict<never, never> = { kind: 'accepted' };
export const ignored = <Reason extends string>(reason: Reason): Verdict<Reason, never> => ({ kind: 'ignored', reason });
export const rejected = <Reason extends string>(reason: Reason): Verdict<never, Reason> => ({
  kind: 'rejected',
  reason,
});
