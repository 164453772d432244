/** Published sets as one viewer may see them: those of the network, and of the tenant that it is. */
import type { ActiveSet } from '../../protocols/ledger/modules/policies/policies.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import { PolicyServiceError } from '../../runtime/ports/policy-api.ts';
import type { KnownSets } from './messages.ts';

const shownMax = 500;

export interface PublishedSetsOptions {
  /** null: the chain is not followed yet. */
  readonly known: () => Promise<KnownSets | null>;
  readonly bytesOf: (content: Digest) => Promise<Uint8Array>;
  /** Whether an account may see the sets of tenants that it is not. */
  readonly isOfficial: (account: string) => boolean;
}

interface Found {
  readonly set: ActiveSet;
  readonly known: KnownSets;
}

type Shown = ActiveSet & { readonly status: 'active' | 'waiting' | 'superseded' };

/** Every method rejects with {@link PolicyServiceError}. */
export class PublishedSets {
  readonly #options: PublishedSetsOptions;

  constructor(options: PublishedSetsOptions) {
    this.#options = options;
  }

  /** The newest first. */
  async list(viewer: string | null): Promise<readonly Shown[]> {
    const known = await this.#known();
    return this.#visible(known, viewer)
      .slice(0, shownMax)
      .map((set) => {
        const waits = set.activeFrom === null ? 'waiting' : 'superseded';
        return { ...set, status: known.active.has(set.id) ? 'active' : waits };
      });
  }

  /** By its publication, its content or its policy set, the newest of several; without a name the network's active one. */
  async find(name: string | undefined, viewer: string | null): Promise<Found> {
    const known = await this.#known();
    if (name === undefined) {
      if (known.network !== null) return { set: known.network, known };
      throw new PolicyServiceError('not-ready', 'no policy set is active');
    }
    const isNamed = ({ id, content, policySet }: ActiveSet): boolean =>
      name === id || name === content || name === policySet;
    const set = this.#visible(known, viewer).find(isNamed);
    if (set !== undefined) return { set, known };
    throw new PolicyServiceError('unknown-set', 'no published set has this name');
  }

  async bytesOf({ content }: ActiveSet): Promise<Uint8Array> {
    try {
      return await this.#options.bytesOf(content);
    } catch (cause) {
      throw new PolicyServiceError('content-not-here', `the bytes of ${content} are not to be had`, null, { cause });
    }
  }

  /** Evaluations for a tenant that has a set of its own tell of it. */
  async mayAskFor(tenant: string, viewer: string | null): Promise<boolean> {
    if (viewer === null || viewer === tenant || this.#options.isOfficial(viewer)) return true;
    return !(await this.#known()).sets.some((set) => set.tenant === tenant);
  }

  async #known(): Promise<KnownSets> {
    const known = await this.#options.known();
    if (known === null) throw new PolicyServiceError('not-ready', 'the chain is not followed yet');
    return known;
  }

  #visible({ sets }: KnownSets, viewer: string | null): readonly ActiveSet[] {
    const isSeen = ({ tenant }: ActiveSet): boolean =>
      tenant === null || viewer === null || viewer === tenant || this.#options.isOfficial(viewer);
    return sets.filter(isSeen).sort((a, b) => b.publishedAt - a.publishedAt);
  }
}
