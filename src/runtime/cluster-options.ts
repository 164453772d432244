/** Clusters of one host as an operator asks for them: so many, in these countries in turn, each with its share of the host. */
import type { ServiceClientOptions } from '../client/service-request.ts';
import type { Capabilities } from '../protocols/ledger/modules/enc/bodies.ts';
import type { ClusterOptions } from './enc-service.ts';

export interface ClustersAsked {
  /** Before the number. */
  readonly name: string;
  readonly count: number;
  readonly countries: readonly string[];
  readonly host: { readonly architecture: string; readonly cores: number; readonly memoryBytes: number };
  readonly docklock: ServiceClientOptions;
}

/** Members of the European Economic Area; elsewhere the region is that of the policy engine's coarse map. */
const eea = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(' ');
const asiaPacific = 'AU CN HK ID IN JP KR MY NZ PH SG TH TW VN'.split(' ');

const regionOf = (country: string): string =>
  eea.includes(country) ? 'EU' : country === 'US' ? 'US' : asiaPacific.includes(country) ? 'APAC' : 'Global';

/** As OCI images name what Node.js names otherwise. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64' };

export function clusterOptions({ name, count, countries, host, docklock }: ClustersAsked): readonly ClusterOptions[] {
  const capabilities: Capabilities = {
    architecture: architectures[host.architecture] ?? host.architecture,
    cpuMillis: Math.floor((host.cores * 1000) / count),
    memoryMiB: Math.floor(host.memoryBytes / (1024 * 1024) / count),
    storageMiB: 10 * 1024,
    containers: 200,
    runtimes: [
      { driver: 'oci', isolationClass: 'container' },
      { driver: 'wasm', isolationClass: 'wasm-sandbox' },
    ],
  };
  return Array.from({ length: count }, (_, index) => {
    const country = countries[index % countries.length] ?? 'DE';
    return {
      id: `${name}-${index + 1}`,
      region: regionOf(country),
      country,
      capabilities,
      certifications: [],
      docklock,
    };
  });
}
