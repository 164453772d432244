/** Placement of 1,000 workloads on 100 clusters, one after the other, each reserved before the next is placed; with and without room for all. */
import { performance } from 'node:perf_hooks';
import { place, type PlacementCluster, reserve } from '../src/protocols/enc/placement.ts';
import { readWorkload, type Workload } from '../src/protocols/enc/workload.ts';
import { median, report, rounded } from './support/results.ts';

const clusterCount = 100;
const workloadCount = 1_000;
const runs = 20;
const countries = ['DE', 'FR', 'NL', 'US', 'JP'];

const clustersWith = (cpuMillis: number): PlacementCluster[] =>
  Array.from({ length: clusterCount }, (_, index) => {
    const capabilities = {
      ...{ architecture: 'amd64', cpuMillis, memoryMiB: 65_536, storageMiB: 1_000_000, containers: 500 },
      runtimes: [{ driver: 'oci', isolationClass: 'container' }],
    };
    return {
      ...{
        id: `cluster-${index}`,
        state: 'active',
        isReachable: true,
        isForbidden: false,
        capabilities,
        agreements: [],
      },
      ...{ region: 'EU', country: countries[index % countries.length] ?? 'DE' },
      certifications: [{ name: 'iso-27001', expires: 2 ** 47 }],
      free: { cpuMillis, memoryMiB: 65_536, storageMiB: 1_000_000, containers: 500 },
    };
  });

const workloads: readonly Workload[] = Array.from({ length: workloadCount }, (_, index) =>
  readWorkload({
    ...{ name: `workload-${index}`, kind: index % 2 === 0 ? 'service' : 'job', tenant: 'bench' },
    ...{ image: `sha256:${'ab'.repeat(32)}`, salt: index.toString(16).padStart(64, '0') },
    resources: { cpuMillis: 250 + (index % 7) * 100, memoryMiB: 256, storageMiB: 100, pids: 32 },
    placement: { countries: index % 3 === 0 ? ['DE', 'FR'] : [], certifications: ['iso-27001'] },
    data: { operation: 'process', classification: 'Internal', contents: ['non-personal'], source: 'DE' },
  }),
);

function placeAll(clusters: PlacementCluster[]): { readonly ms: number; readonly placed: number } {
  const byName = new Map(clusters.map(({ id }, index) => [id, index]));
  let placed = 0;
  const begun = performance.now();
  for (const workload of workloads) {
    const { candidates } = place(workload, clusters, { agreements: [], bound: [] }, { now: 0 });
    const index = byName.get(candidates[0] ?? '');
    const chosen = index === undefined ? undefined : clusters[index];
    if (index === undefined || chosen === undefined) continue;
    clusters[index] = { ...chosen, free: reserve(chosen.free, workload.resources) };
    placed += 1;
  }
  return { ms: performance.now() - begun, placed };
}

const rows = [
  { what: 'room for all', cpuMillis: 64_000 },
  { what: 'room for some', cpuMillis: 2_000 },
].map(({ what, cpuMillis }) => {
  const found = Array.from({ length: runs }, () => placeAll(clustersWith(cpuMillis)));
  const ms = found.map((run) => run.ms);
  return {
    what,
    placed: found[0]?.placed ?? 0,
    'median ms': rounded(median(ms)),
    'worst ms': rounded(Math.max(...ms)),
  };
});
const worst = Math.max(...rows.map((row) => row['worst ms']));

report('placement', `${workloadCount} workloads on ${clusterCount} clusters`, {
  settings: { workloadCount, clusterCount, runs },
  rows,
  judgements: [{ what: 'worst run, ms', measured: worst, target: '≤ 1000', met: worst <= 1000 }],
});
