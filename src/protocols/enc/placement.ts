/**
 * Placement: which clusters a workload fits, the best first, and of every other why not. Nothing is reserved here.
 * Source: execution design, "Placement": filter, then score.
 */
import type { Capabilities, Certification, ClusterState } from '../ledger/modules/enc/bodies.ts';
import type { Digest } from '../shared/brands.ts';
import { compareText } from '../shared/bytes.ts';
import { countryOf, type Workload, type WorkloadResources } from './workload.ts';

/** What a cluster has left; `containers` counts those that may be added. */
export interface FreeCapacity extends Omit<WorkloadResources, 'pids'> {
  readonly containers: number;
}

export interface PlacementCluster {
  readonly id: string;
  readonly state: ClusterState;
  /** Whether it can be asked to run something now. */
  readonly isReachable: boolean;
  /** An order of the court is on the cluster. */
  readonly isForbidden: boolean;
  readonly region: string;
  readonly country: string;
  readonly capabilities: Capabilities;
  readonly certifications: readonly Certification[];
  /** Agreements that it serves alone; empty: any. */
  readonly agreements: readonly Digest[];
  readonly free: FreeCapacity;
}

export type UnfitReason =
  | 'not-active'
  | 'unreachable'
  | 'court-order'
  | 'not-named'
  | 'not-agreed'
  | 'agreement-not-served'
  | 'country'
  | 'region'
  | 'certification'
  | 'architecture'
  | 'isolation-class'
  | 'cpu'
  | 'memory'
  | 'storage'
  | 'containers'
  /** The policies say Red of its country. */
  | 'policy';

export interface Unfit {
  readonly cluster: string;
  readonly reasons: readonly UnfitReason[];
}

export interface Placement {
  /** Names, the best first. */
  readonly candidates: readonly string[];
  /** By name. */
  readonly unfit: readonly Unfit[];
}

/** What the agreements of a workload ask of where it runs. */
export interface PlacementTerms {
  readonly agreements: readonly Digest[];
  /** Clusters that each of them names; those that name none are left out. */
  readonly bound: readonly (readonly string[])[];
}

/** Whether one of the places is the country, or holds it, or is within it. */
const isIn = (country: string, places: readonly string[]): boolean =>
  places.some((place) => place === country || place === countryOf(country));

/** Written out check by check: it runs for each workload and cluster. */
function reasonsAgainst(
  { placement, resources, isolationClass }: Workload,
  cluster: PlacementCluster,
  { agreements, bound }: PlacementTerms,
  now: number,
): readonly UnfitReason[] {
  const { id, free, capabilities, certifications, country } = cluster;
  const reasons: UnfitReason[] = [];
  if (cluster.state !== 'active') reasons.push('not-active');
  if (!cluster.isReachable) reasons.push('unreachable');
  if (cluster.isForbidden) reasons.push('court-order');
  if (placement.clusters.length > 0 && !placement.clusters.includes(id)) reasons.push('not-named');
  if (!bound.every((names) => names.includes(id))) reasons.push('not-agreed');
  if (cluster.agreements.length > 0 && !agreements.every((each) => cluster.agreements.includes(each)))
    reasons.push('agreement-not-served');
  if (placement.countries.length > 0 && !isIn(country, placement.countries)) reasons.push('country');
  if (placement.regions.length > 0 && !placement.regions.includes(cluster.region)) reasons.push('region');
  for (const name of placement.certifications) {
    if (certifications.some((each) => each.name === name && each.expires > now)) continue;
    reasons.push('certification');
    break;
  }
  if (placement.architecture !== null && placement.architecture !== capabilities.architecture)
    reasons.push('architecture');
  if (!capabilities.runtimes.some((runtime) => runtime.isolationClass === isolationClass))
    reasons.push('isolation-class');
  if (resources.cpuMillis > free.cpuMillis) reasons.push('cpu');
  if (resources.memoryMiB > free.memoryMiB) reasons.push('memory');
  if (resources.storageMiB > free.storageMiB) reasons.push('storage');
  if (free.containers < 1) reasons.push('containers');
  return reasons;
}

const millionthsOf = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.floor((part * 1_000_000) / whole);

/** Share of the scarcer of processor and memory that would be left, in millionths. */
function leftOver({ resources }: Workload, { free, capabilities }: PlacementCluster): number {
  return Math.min(
    millionthsOf(free.cpuMillis - resources.cpuMillis, capabilities.cpuMillis),
    millionthsOf(free.memoryMiB - resources.memoryMiB, capabilities.memoryMiB),
  );
}

/**
 * Services are spread (the emptiest cluster first), jobs packed (the fullest that still has room). Where it was before goes
 * before all others.
 *
 * @param now ms since 1970, for certifications that expire
 */
export function place(
  workload: Workload,
  clusters: readonly PlacementCluster[],
  terms: PlacementTerms,
  { now, before = null }: { readonly now: number; readonly before?: string | null },
): Placement {
  const unfit: Unfit[] = [];
  const fit: { readonly id: string; readonly score: number }[] = [];
  for (const cluster of clusters) {
    const reasons = reasonsAgainst(workload, cluster, terms, now);
    if (reasons.length > 0) unfit.push({ cluster: cluster.id, reasons });
    else {
      const left = leftOver(workload, cluster);
      const score = cluster.id === before ? 2_000_000 : workload.kind === 'service' ? left : 1_000_000 - left;
      fit.push({ id: cluster.id, score });
    }
  }
  fit.sort((a, b) => b.score - a.score || compareText(a.id, b.id));
  return { candidates: fit.map(({ id }) => id), unfit };
}

/** What is left once the workload has its place. */
export const reserve = (
  free: FreeCapacity,
  { cpuMillis, memoryMiB, storageMiB }: Omit<WorkloadResources, 'pids'>,
): FreeCapacity => ({
  cpuMillis: free.cpuMillis - cpuMillis,
  memoryMiB: free.memoryMiB - memoryMiB,
  storageMiB: free.storageMiB - storageMiB,
  containers: free.containers - 1,
});
