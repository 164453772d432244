/** A client of a policy engine's HTTP interface. */
import { askService, type ServiceClientOptions } from './service-request.ts';

/** A publication waits until it is final. */
const timeoutMsDefault = 60_000;

interface PublishedAnswer {
  readonly publication: string | null;
  readonly transaction: string;
  /** `ok`, or `already-published`. */
  readonly code: string;
}

/** A published set as the engine tells it. */
interface SetView {
  /** Of the publication. */
  readonly id: string;
  readonly status: 'active' | 'waiting' | 'superseded';
  readonly compiled: string | null;
  /** Height; null before. */
  readonly activeFrom: number | null;
}

interface StatusView {
  /** Publications that this engine does not attest, and why. */
  readonly refused: readonly { readonly publication: string; readonly problem: string }[];
}

export class PolicyClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = { timeoutMs: timeoutMsDefault, ...options };
  }

  /** `transaction`: canonical bytes, signed, in hex. Rejects with ClientError. */
  publish(content: string, transaction: string): Promise<PublishedAnswer> {
    return askService(this.#options, '/v1/policies', { content, transaction }) as Promise<PublishedAnswer>;
  }

  /** Published sets, the newest first. Rejects with ClientError. */
  async sets(): Promise<readonly SetView[]> {
    return ((await askService(this.#options, '/v1/policies')) as { readonly sets: readonly SetView[] }).sets;
  }

  /** Rejects with ClientError. */
  status(): Promise<StatusView> {
    return askService(this.#options, '/v1/status') as Promise<StatusView>;
  }

  /** Sets by any of their names. Rejects with ClientError. */
  diff(before: string, after: string, asOf?: string): Promise<unknown> {
    const query = asOf === undefined ? '' : `?asOf=${encodeURIComponent(asOf)}`;
    return askService(
      this.#options,
      `/v1/policies/${encodeURIComponent(before)}/diff/${encodeURIComponent(after)}${query}`,
    );
  }
}
