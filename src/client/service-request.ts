/** One question to a service, in JSON. */
import { ClientError } from './client-error.ts';

export interface ServiceClientOptions {
  /** `http://127.0.0.1:21004` */
  readonly endpoint: string;
  /** Makes the token of one request, where the service asks for one. */
  readonly token?: () => string;
  /** For one answer, ms. */
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 10_000;

/** A POST where there is a body. Rejects with ClientError, `reason` as the service's problem document has it. */
export async function askService(options: ServiceClientOptions, path: string, body?: unknown): Promise<unknown> {
  const signal = AbortSignal.timeout(options.timeoutMs ?? timeoutMsDefault);
  const response = await send(options, path, { body, signal });
  const answer = await jsonOf(response);
  if (response.ok) return answer;
  throw refusalOf(response.status, answer);
}

/** The body of an answer that may have no end. Rejects with ClientError. */
export async function openService(options: ServiceClientOptions, path: string): Promise<ReadableStream<Uint8Array>> {
  const response = await send(options, path, {});
  if (!response.ok) throw refusalOf(response.status, await jsonOf(response));
  if (response.body === null) throw new ClientError('bad-answer', `${response.url} answered nothing`);
  return response.body;
}

async function send(
  { endpoint, token }: ServiceClientOptions,
  path: string,
  { body, signal }: { readonly body?: unknown; readonly signal?: AbortSignal },
): Promise<Response> {
  try {
    return await fetch(endpoint.replace(/\/+$/, '') + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token()}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    throw new ClientError('unreachable', `${endpoint} cannot be reached`, { cause });
  }
}

const jsonOf = (response: Response): Promise<unknown> =>
  response.json().catch((cause: unknown) => {
    throw new ClientError('bad-answer', `${response.url} did not answer in JSON`, { cause });
  });

function refusalOf(status: number, answer: unknown): ClientError {
  const { code: reasonCode, detail: text } = answer as { readonly code?: unknown; readonly detail?: unknown };
  const reason = typeof reasonCode === 'string' ? reasonCode : '';
  const detail = typeof text === 'string' ? text : `status ${status}`;
  const code = status === 404 ? 'not-found' : status >= 500 ? 'unavailable' : 'refused';
  return new ClientError(code, detail, { reason });
}
