/**
 * A typed client of a node's HTTP interface, for the command line and for programs that embed the package.
 *
 * @example
 * const client = new ChainClient({ endpoint: 'http://127.0.0.1:21001' });
 * const { height } = await client.network();
 * for await (const event of client.events({ module: 'accounts' })) console.log(event.kind);
 */
import type {
  AccountView,
  BlockView,
  ConsensusView,
  EventFilter,
  EventView,
  HealthView,
  NetworkView,
  ServiceView,
  StateChangesView,
  StatePage,
  StateView,
  TransactionView,
  ValidatorView,
} from '../runtime/ports/chain-api.ts';
import { ClientError } from './client-error.ts';
import { readEventStream } from './event-reader.ts';

export interface ChainClientOptions {
  /** `http://127.0.0.1:21001`. */
  readonly endpoint: string;
  /** PEM of the authority that the node's certificate is checked against; the operating system's where absent. */
  readonly certificateAuthority?: string;
  /** Makes the token of one request, where the node asks for one. */
  readonly token?: () => string;
  /** For one answer, ms. Default 10,000. Waiting for finality comes on top. */
  readonly timeoutMs?: number;
}

export type Submission =
  | { readonly status: 'pending'; readonly hash: string; readonly outcome: 'accepted' | 'known' }
  | TransactionView;

export interface BatchEntry {
  readonly outcome: 'accepted' | 'known' | 'rejected';
  readonly hash: string | null;
  readonly reason?: string;
  readonly detail?: string;
  readonly transaction?: TransactionView | null;
}

export interface TransactionStatus {
  readonly hash: string;
  readonly status: 'pending' | 'final' | 'unknown';
  /** Null unless it is final; `code` is `ok` or the module's error code. */
  readonly height: number | null;
  readonly index: number | null;
  readonly code: string | null;
}

export interface Permissions {
  readonly roles: readonly string[];
  readonly kinds: readonly { readonly kind: string; readonly roles: readonly string[] }[];
}

export interface WaitOptions {
  /** Answers when the transaction is final, or after so many milliseconds (at most 60,000). */
  readonly waitMs?: number;
}

export interface ProofQuery {
  /** Whether the proof bundle is to come with the answer. */
  readonly proof?: boolean;
  /** The bundle too, and one that passes through the header at this height; null in its place where none does. */
  readonly through?: number;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface RequestOptions {
  readonly query?: Query | undefined;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Statuses beside 2xx whose body is an answer. */
  readonly accept?: readonly number[];
}

export class ChainClient {
  readonly endpoint: string;
  readonly #options: ChainClientOptions;
  #fetch: Promise<typeof fetch> | undefined;

  constructor(options: ChainClientOptions) {
    this.#options = options;
    this.endpoint = options.endpoint.replace(/\/+$/, '');
  }

  network(): Promise<NetworkView> {
    return this.#json('/v1/network');
  }

  genesis(): Promise<unknown> {
    return this.#json('/v1/genesis');
  }

  consensus(): Promise<ConsensusView> {
    return this.#json('/v1/consensus');
  }

  mempool(): Promise<{ readonly count: number; readonly bytes: number }> {
    return this.#json('/v1/mempool');
  }

  permissions(): Promise<Permissions> {
    return this.#json('/v1/permissions');
  }

  health(): Promise<HealthView> {
    return this.#json('/healthz', { accept: [503] });
  }

  readiness(): Promise<HealthView> {
    return this.#json('/readyz', { accept: [503] });
  }

  async validators(height?: number): Promise<readonly ValidatorView[]> {
    const { validators } = await this.#json<{ validators: readonly ValidatorView[] }>('/v1/validators', {
      query: { height },
    });
    return validators;
  }

  async services(): Promise<readonly ServiceView[]> {
    const { services } = await this.#json<{ services: readonly ServiceView[] }>('/v1/services');
    return services;
  }

  /** Rejects with `not-found` where the node has no such block. */
  block(height: number | 'latest'): Promise<BlockView> {
    return this.#json(`/v1/blocks/${height}`);
  }

  account(key: string): Promise<AccountView> {
    return this.#json(`/v1/accounts/${encodeURIComponent(key)}`);
  }

  state(module: string, key: string, options: ProofQuery & { readonly height?: number } = {}): Promise<StateView> {
    return this.#json(`/v1/state/${encodeURIComponent(module)}/${encodeURIComponent(key)}`, { query: { ...options } });
  }

  /** A page of a module's entries at the tip. */
  stateEntries(module: string, options: { readonly after?: string; readonly limit?: number } = {}): Promise<StatePage> {
    return this.#json(`/v1/state/${encodeURIComponent(module)}`, { query: { ...options } });
  }

  /** What of the state differs between two heights; without `from` everything. `not-found` where one is not kept. */
  stateChanges(
    query: {
      readonly from?: number | undefined;
      readonly to?: number | undefined;
      readonly trusted?: number | undefined;
      readonly after?: string | undefined;
    } = {},
  ): Promise<StateChangesView> {
    return this.#json('/v1/state-changes', { query });
  }

  transaction(hash: string): Promise<TransactionView>;
  transaction(hash: string, options: ProofQuery): Promise<TransactionView & { proof?: unknown }>;
  transaction(hash: string, options: ProofQuery = {}): Promise<TransactionView> {
    return this.#json(`/v1/transactions/${encodeURIComponent(hash)}`, { query: { ...options } });
  }

  /** What became of at most 1,000 transactions, in the order of their hashes. */
  async lookUp(hashes: readonly string[]): Promise<readonly TransactionStatus[]> {
    const { transactions } = await this.#json<{ transactions: readonly TransactionStatus[] }>(
      '/v1/transactions/lookup',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hashes }) },
    );
    return transactions;
  }

  /** Canonical bytes of one signed transaction. Rejects with `refused` and the chain's reason where it is not taken. */
  submit(transaction: Uint8Array, options: WaitOptions = {}): Promise<Submission> {
    return this.#json('/v1/transactions', {
      ...waiting(options),
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: transaction,
    });
  }

  /** At most 1,000. Rejects only where none is taken; `results` has an entry for each, in order. */
  async submitBatch(transactions: readonly Uint8Array[], options: WaitOptions = {}): Promise<readonly BatchEntry[]> {
    const hex = transactions.map((bytes) => Buffer.from(bytes).toString('hex'));
    const { results } = await this.#json<{ results: readonly BatchEntry[] }>('/v1/transactions', {
      ...waiting(options),
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ transactions: hex }),
    });
    return results;
  }

  /** A file of the transparency log: `checkpoint`, `tile/0/000`, … */
  async logFile(path: string): Promise<Uint8Array> {
    const response = await this.#request(`/v1/log/${path}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Stored events, oldest first, after an id (`null`: from the beginning). */
  eventPage(
    options: EventFilter & { readonly after?: string | null; readonly limit?: number } = {},
  ): Promise<{ readonly events: readonly EventView[]; readonly lastEventId: string | null }> {
    const { after = null, ...query } = options;
    return this.#json('/v1/events', { query: { ...query, after: after ?? 'start' } });
  }

  /**
   * Events as they become final, for ever; a broken connection is taken up again where it was cut. `after` null begins
   * with the first event of the chain, absent with the next one.
   */
  events(
    options: EventFilter & { readonly after?: string | null; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<EventView> {
    const { signal, after, ...filter } = options;
    return readEventStream({
      ...(after === undefined ? {} : { after: after ?? 'start' }),
      ...(signal === undefined ? {} : { signal }),
      connect: (position, abort) =>
        this.#request('/v1/events', {
          query: { ...filter, after: position === 'start' ? position : undefined },
          headers: {
            accept: 'text/event-stream',
            ...(position === null || position === 'start' ? {} : { 'last-event-id': position }),
          },
          signal: abort,
          timeoutMs: 0,
        }),
    });
  }

  async #json<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.#request(path, {
      ...options,
      headers: { accept: 'application/json', ...options.headers },
    });
    const text = await boundedText(response, this.endpoint + path);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new ClientError('bad-answer', `${this.endpoint}${path} did not answer in JSON`, { cause });
    }
  }

  async #request(path: string, options: RequestOptions = {}): Promise<Response> {
    const url = new URL(this.endpoint + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? 10_000;
    const signals = [
      ...(timeoutMs === 0 ? [] : [AbortSignal.timeout(timeoutMs)]),
      ...(options.signal === undefined ? [] : [options.signal]),
    ];
    const token = this.#options.token?.();
    const response = await this.#send(url, {
      method: options.method ?? 'GET',
      headers: { ...options.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: AbortSignal.any(signals),
    });
    if (response.ok || options.accept?.includes(response.status) === true) return response;
    throw await refusal(response);
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    this.#fetch ??= fetchWith(this.#options.certificateAuthority);
    const send = await this.#fetch;
    try {
      return await send(url, init);
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'TimeoutError') {
        throw new ClientError('timeout', `${url.origin} did not answer in time`, { cause });
      }
      throw new ClientError('unreachable', `${url.origin} cannot be reached: ${reasonOf(cause)}`, { cause });
    }
  }
}

/** The longest answer in JSON: a page of state with its largest value, in hex. */
const answerBytesMax = 64 * 2 ** 20;

/** Rejects with ClientError where the answer has no end, or breaks off. */
async function boundedText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > answerBytesMax) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'TimeoutError')
      throw new ClientError('timeout', `${url} did not answer in time`, { cause });
    throw new ClientError('bad-answer', `the answer of ${url} broke off`, { cause });
  }
  if (bytes <= answerBytesMax) return Buffer.concat(chunks).toString('utf8');
  throw new ClientError('bad-answer', `${url} answers with more than ${answerBytesMax} bytes`);
}

const waiting = ({ waitMs }: WaitOptions): RequestOptions =>
  waitMs === undefined ? {} : { query: { wait: 'final', timeout: waitMs }, timeoutMs: waitMs + 10_000 };

/** The innermost reason of a failed fetch: its own message says only that it failed. */
function reasonOf(cause: unknown): string {
  let error = cause;
  while (error instanceof Error && error.cause !== undefined) error = error.cause;
  if (error instanceof AggregateError) error = error.errors[0] as unknown;
  return error instanceof Error ? error.message : String(error);
}

async function fetchWith(certificateAuthority: string | undefined): Promise<typeof fetch> {
  if (certificateAuthority === undefined) return fetch;
  const { Agent, fetch: ownFetch } = await import('undici');
  const dispatcher = new Agent({ connect: { ca: certificateAuthority } });
  return ((url: URL, init: object) => ownFetch(url, { ...init, dispatcher })) as unknown as typeof fetch;
}

async function refusal(response: Response): Promise<ClientError> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    return new ClientError('unreachable', `the answer of status ${response.status} broke off`, { cause });
  }
  let problem: { readonly code?: unknown; readonly detail?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) problem = parsed;
  } catch (cause) {
    return new ClientError('bad-answer', `status ${response.status} without a problem document`, { cause });
  }
  const reason = typeof problem.code === 'string' ? problem.code : '';
  const detail = typeof problem.detail === 'string' ? problem.detail : `status ${response.status}`;
  const code = response.status === 404 ? 'not-found' : response.status >= 500 ? 'unavailable' : 'refused';
  return new ClientError(code, detail, { reason });
}
