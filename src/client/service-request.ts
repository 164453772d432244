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
export async function askService(
  { endpoint, token, timeoutMs = timeoutMsDefault }: ServiceClientOptions,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const url = endpoint.replace(/\/+$/, '') + path;
  let response: Response;
  try {
    response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token()}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw new ClientError('unreachable', `${endpoint} cannot be reached`, { cause });
  }
  const answer = (await response.json().catch((cause: unknown) => {
    throw new ClientError('bad-answer', `${url} did not answer in JSON`, { cause });
  })) as { readonly code?: unknown; readonly detail?: unknown };
  if (response.ok) return answer;
  const reason = typeof answer.code === 'string' ? answer.code : '';
  const detail = typeof answer.detail === 'string' ? answer.detail : `status ${response.status}`;
  const code = response.status === 404 ? 'not-found' : response.status >= 500 ? 'unavailable' : 'refused';
  throw new ClientError(code, detail, { reason });
}
