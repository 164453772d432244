/** A client of a traffic light's HTTP interface. */
import { askService, type ServiceClientOptions } from './service-request.ts';

export class TrafficClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
  }

  /** One request, or a list. Rejects with `refused` and the light's reason. */
  decide(request: unknown): Promise<unknown> {
    return askService(this.#options, '/v1/decisions', request);
  }

  decision(id: string): Promise<unknown> {
    return askService(this.#options, `/v1/decisions/${encodeURIComponent(id)}`);
  }

  proof(id: string): Promise<unknown> {
    return askService(this.#options, `/v1/decisions/${encodeURIComponent(id)}/proof`);
  }

  /** Of the receipt that a case shows beside an action that a light confirmed. */
  obeyedProof(receipt: string): Promise<unknown> {
    return askService(this.#options, `/v1/obeyed/${encodeURIComponent(receipt)}/proof`);
  }

  replay(id: string): Promise<unknown> {
    return askService(this.#options, `/v1/decisions/${encodeURIComponent(id)}/replay`);
  }

  async decisions(filter: Readonly<Record<string, string>> = {}): Promise<readonly unknown[]> {
    const query = new URLSearchParams(filter).toString();
    const { decisions } = (await askService(this.#options, `/v1/decisions?${query}`)) as {
      readonly decisions: readonly unknown[];
    };
    return decisions;
  }

  async quarantine(): Promise<readonly unknown[]> {
    const { items } = (await askService(this.#options, '/v1/quarantine')) as { readonly items: readonly unknown[] };
    return items;
  }

  /** `signature` over docs/formats/traffic-decision.md, "Discharge proofs". */
  review(id: string, how: 'discharge' | 'release' | 'reject', proof: unknown): Promise<unknown> {
    return askService(this.#options, `/v1/quarantine/${encodeURIComponent(id)}/${how}`, proof);
  }

  status(): Promise<unknown> {
    return askService(this.#options, '/v1/status');
  }
}
