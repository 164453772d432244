/** What the chain says about workloads, as of a block; each question is answered once a block. */
import type { CourtBook } from '../../protocols/court/court-book.ts';
import type { CourtRules } from '../../protocols/court/court-rules.ts';
import { checkCompliance, type Compliance } from '../../protocols/court/compliance.ts';
import type { PlacementTerms } from '../../protocols/enc/placement.ts';
import type { StopOrder } from '../../protocols/enc/life.ts';
import type { Workload } from '../../protocols/enc/workload.ts';
import { countryOf } from '../../protocols/enc/workload.ts';
import { readAgreement, termsOf } from '../../protocols/ledger/modules/court/agreement-state.ts';
import { readConstraints } from '../../protocols/ledger/modules/court/constraints.ts';
import {
  type ClusterRecord,
  type LeaseRecord,
  readCluster,
  readLease,
} from '../../protocols/ledger/modules/enc/cluster-state.ts';
import { readActiveSet, readTenantSets, readTightening } from '../../protocols/ledger/modules/policies/policies.ts';
import { View } from '../../protocols/ledger/view.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { FollowedState } from '../traffic/chain-feed.ts';

export class ChainFacts {
  readonly height: number;
  /** Header time, ms since 1970. */
  readonly time: number;
  readonly #view: View;
  readonly #rules: CourtRules;
  readonly #compliance = new Map<string, Compliance>();
  #policyMark: string | null = null;
  #forbiddenTargets: ReadonlySet<string> | null = null;

  constructor({ reader, height, time }: FollowedState, book: CourtBook) {
    this.height = height;
    this.time = time;
    this.#view = new View(reader);
    this.#rules = book.rulesOf(reader);
  }

  cluster(id: string): ClusterRecord | undefined {
    return readCluster(this.#view, id);
  }

  lease(workload: Digest): LeaseRecord | undefined {
    return readLease(this.#view, workload);
  }

  /** An order of the court names the cluster. */
  isForbidden(cluster: string): boolean {
    this.#forbiddenTargets ??= new Set(
      readConstraints(this.#view).flatMap(({ action, target }) => (action === 'flow-red' ? [target] : [])),
    );
    return this.#forbiddenTargets.has(cluster);
  }

  /** Of the workload, were its data in this country. */
  #complianceIn({ tenant, name, data }: Workload, country: string): Compliance {
    const operation = {
      ...{ tenant, workload: name, classification: data.classification },
      country: countryOf(country),
    };
    const key = JSON.stringify(operation);
    let found = this.#compliance.get(key);
    if (found === undefined) {
      found = checkCompliance(this.#rules, operation);
      this.#compliance.set(key, found);
    }
    return found;
  }

  /** The agreements in force that bind a workload, and the clusters that they name. */
  terms(workload: Workload): PlacementTerms {
    const { tenant, name, data } = workload;
    const operation = { tenant, workload: name, country: null, classification: data.classification };
    const active = this.#rules.bindingOf(operation).filter((id) => readAgreement(this.#view, id)?.state === 'active');
    const bound = active.map((id) => termsOf(this.#view, id).bindings.clusters).filter((names) => names.length > 0);
    return { agreements: active, bound };
  }

  /** Why what was admitted under these agreements may not go on in this country; null: it may. */
  forbidden(workload: Workload, country: string, agreements: readonly Digest[]): StopOrder | null {
    const gone = agreements.find((id) => readAgreement(this.#view, id)?.state !== 'active');
    if (gone !== undefined) return { by: 'court', reason: `agreement-not-active ${gone.slice(0, 12)}` };
    const { state, agreements: bound } = this.#complianceIn(workload, country);
    // What a person has to look at is the light's to hold.
    if (state !== 'Red') return null;
    const problems = bound.flatMap(({ problems: own }) => own);
    return { by: 'court', reason: [...new Set(problems)].join(', ') };
  }

  /** Changes whenever policies, facts or what tightens them do. */
  get policyMark(): string {
    if (this.#policyMark === null) {
      const network = readActiveSet(this.#view, null);
      const { retiredRules, revokedFacts } = readTightening(this.#view, network?.publishedAt ?? 0);
      const tenants = readTenantSets(this.#view).map(({ id }) => id);
      this.#policyMark = [network?.id ?? '', ...tenants, retiredRules.join(), revokedFacts.join()].join('/');
    }
    return this.#policyMark;
  }
}
