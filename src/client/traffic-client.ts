/** A client of a traffic light's HTTP interface. */
import { ClientError } from './client-error.ts';

export interface TrafficClientOptions {
  /** `http://127.0.0.1:21004` */
  readonly endpoint: string;
  /** Makes the token of one request, where the light asks for one. */
  readonly token?: () => string;
  /** For one answer, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

export class TrafficClient {
  readonly #options: TrafficClientOptions;

  constructor(options: TrafficClientOptions) {
    this.#options = options;
  }

  /** One request, or a list. Rejects with `refused` and the light's reason. */
  decide(request: unknown): Promise<unknown> {
    return this.#json('/v1/decisions', request);
  }

  decision(id: string): Promise<unknown> {
    return this.#json(`/v1/decisions/${encodeURIComponent(id)}`);
  }

  proof(id: string): Promise<unknown> {
    return this.#json(`/v1/decisions/${encodeURIComponent(id)}/proof`);
  }

  replay(id: string): Promise<unknown> {
    return this.#json(`/v1/decisions/${encodeURIComponent(id)}/replay`);
  }

  async decisions(filter: Readonly<Record<string, string>> = {}): Promise<readonly unknown[]> {
    const query = new URLSearchParams(filter).toString();
    const { decisions } = (await this.#json(`/v1/decisions?${query}`)) as { readonly decisions: readonly unknown[] };
    return decisions;
  }

  async quarantine(): Promise<readonly unknown[]> {
    const { items } = (await this.#json('/v1/quarantine')) as { readonly items: readonly unknown[] };
    return items;
  }

  /** `signature` over docs/formats/traffic-decision.md, "Discharge proofs". */
  review(id: string, how: 'discharge' | 'release' | 'reject', proof: unknown): Promise<unknown> {
    return this.#json(`/v1/quarantine/${encodeURIComponent(id)}/${how}`, proof);
  }

  status(): Promise<unknown> {
    return this.#json('/v1/status');
  }

  async #json(path: string, body?: unknown): Promise<unknown> {
    const { endpoint, token, timeoutMs = 10_000 } = this.#options;
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
}
