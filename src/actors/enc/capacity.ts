/** What the clusters of an operator have left, as placement sees them. */
import { newestOf, type WorkloadRecord } from '../../protocols/enc/record.ts';
import { type FreeCapacity, type PlacementCluster, reserve } from '../../protocols/enc/placement.ts';
import type { Workload } from '../../protocols/enc/workload.ts';
import type { Capabilities, RegisterClusterBody } from '../../protocols/ledger/modules/enc/bodies.ts';
import type { ChainFacts } from './chain-facts.ts';

const freeOf = ({ cpuMillis, memoryMiB, storageMiB, containers }: Capabilities): FreeCapacity => ({
  ...{ cpuMillis, memoryMiB, storageMiB, containers },
});

/** Executions without a receipt, and leases under way, have their place. */
export function freeCapacities(
  clusters: readonly Pick<RegisterClusterBody, 'id' | 'capabilities'>[],
  records: Iterable<WorkloadRecord>,
  underWay: Iterable<{ readonly cluster: string; readonly workload: Workload }>,
): Map<string, FreeCapacity> {
  const free = new Map(clusters.map(({ id, capabilities }) => [id, freeOf(capabilities)]));
  const take = (cluster: string, { resources }: Workload): void => {
    const left = free.get(cluster);
    if (left !== undefined) free.set(cluster, reserve(left, resources));
  };
  for (const record of records) {
    const newest = newestOf(record);
    for (const execution of record.executions)
      if ((execution.isBegun || execution === newest) && !execution.isOver) take(execution.cluster, record.workload);
  }
  for (const { cluster, workload } of underWay) take(cluster, workload);
  return free;
}

export function placementCluster(
  { id, region, country, capabilities, certifications, agreements }: RegisterClusterBody,
  facts: ChainFacts,
  free: FreeCapacity,
  { isReachable, isDraining }: { readonly isReachable: boolean; readonly isDraining: boolean },
): PlacementCluster {
  const said = facts.cluster(id)?.state ?? 'offline';
  // The chain comes to know of a drain a block later.
  const state = isDraining && said === 'active' ? 'draining' : said;
  return {
    ...{ id, region, country, capabilities, certifications, agreements, state, free, isReachable },
    isForbidden: facts.isForbidden(id),
  };
}
