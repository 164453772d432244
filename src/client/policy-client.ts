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

export class PolicyClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = { timeoutMs: timeoutMsDefault, ...options };
  }

  /** `transaction`: canonical bytes, signed, in hex. Rejects with ClientError. */
  publish(content: string, transaction: string): Promise<PublishedAnswer> {
    return askService(this.#options, '/v1/policies', { content, transaction }) as Promise<PublishedAnswer>;
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
