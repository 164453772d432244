/**
 * Problem details (RFC 9457): the one shape of every refusal. `type` is `urn:bpci:problem:<code>`; `code` is the same
 * code alone. No stack trace, internal path or message of a library ever enters one.
 */
import { CodedError } from '../../../protocols/shared/errors.ts';

/** Every code that the interface itself gives; refusals of a transaction carry the chain's own reason as their code. */
const problemTitles = {
  'invalid-request': 'The request does not fit its schema',
  'invalid-json': 'The body is not JSON',
  'json-too-deep': 'The JSON is nested too deeply',
  'empty-body': 'A body is needed',
  'invalid-transaction-bytes': 'A transaction is not given as bytes',
  'unsupported-media-type': 'The content type is not supported',
  'body-too-large': 'The body is too large',
  'url-too-long': 'The address is too long',
  'not-found': 'Nothing is there',
  'unknown-route': 'No such endpoint',
  unauthenticated: 'A token is needed',
  'invalid-token': 'The token does not hold',
  'wrong-role': 'The account has not the role that this needs',
  'wrong-host': 'The request names a host that is not this one',
  'rate-limited': 'Too many requests',
  'too-many-streams': 'Too many event streams are open',
  'not-ready': 'The node is not ready',
  'transactions-rejected': 'No transaction of the batch was taken',
  'bad-request': 'The request cannot be understood',
  internal: 'The request could not be served',
} as const;

type ProblemCode = keyof typeof problemTitles;

interface ProblemField {
  /** Where: `body/transactions/3`, `querystring/height`, `params/hash`, `headers/last-event-id`. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly ProblemField[];
  readonly [extension: string]: unknown;
}

export interface ProblemOptions {
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemField[];
  /** Further members of the document. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** Response headers that belong to it (`www-authenticate`, `retry-after`). */
  readonly headers?: Readonly<Record<string, string>>;
  readonly title?: string;
}

/** Thrown by a route to answer with a problem document. */
export class HttpProblem extends CodedError {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly document: ProblemDetails;

  constructor(code: string, options: ProblemOptions) {
    super(code, options.detail);
    this.status = options.status;
    this.headers = options.headers ?? {};
    this.document = {
      type: `urn:bpci:problem:${code}`,
      title: options.title ?? titleOf(code),
      status: options.status,
      detail: options.detail,
      code,
      ...(options.errors === undefined ? {} : { errors: options.errors }),
      ...options.extensions,
    };
  }
}

const titleOf = (code: string): string =>
  Object.hasOwn(problemTitles, code) ? problemTitles[code as ProblemCode] : 'The transaction was refused';

/** Text from outside, cut so that an answer never grows with what was sent. */
export const excerpt = (text: string): string => (text.length <= 80 ? text : `${text.slice(0, 80)}…`);

export const notFound = (what: string): HttpProblem =>
  new HttpProblem('not-found', { status: 404, detail: `${what} is not known to this node` });

export const invalidField = (field: string, message: string): HttpProblem =>
  new HttpProblem('invalid-request', { status: 400, detail: `${field}: ${message}`, errors: [{ field, message }] });
