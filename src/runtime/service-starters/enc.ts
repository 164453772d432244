/** Starts execution clusters as a manifest describes them: the first on the node's port, the others on those that follow. */
import { arch, cpus, totalmem } from 'node:os';
import { clusterOptions } from '../cluster-options.ts';
import { clusterAddresses, type RunningEncService, startEncService } from '../enc-service.ts';
import type { ServiceConfig, ServiceContext } from '../service-config.ts';

export function startEnc(
  { name, settings, dataDir, apiAddress, endpoints, otlpEndpoint }: ServiceConfig<'enc'>,
  { signer, client, tls, genesis, onRefused }: ServiceContext,
): Promise<RunningEncService> {
  const { clusterCount, countries, docklock } = settings;
  const addresses = clusterAddresses(apiAddress, clusterCount);
  const at = (role: string, otherwise: number): { readonly endpoint: string } => ({
    endpoint: endpoints.services[role] ?? `http://127.0.0.1:${otherwise}`,
  });
  return startEncService({
    ...{ name, signer, client, tls, dataDir, genesis, otlpEndpoint, onRefused, addresses, address: apiAddress },
    clusters: clusterOptions({
      ...{ name, count: clusterCount, countries, docklock: { endpoint: docklock } },
      host: { architecture: arch(), cores: cpus().length, memoryBytes: totalmem() },
    }),
    isRegistering: true,
    ...{ court: at('court', 21_002), policy: at('policy', 21_003), traffic: at('traffic', 21_004) },
    logTo: 'file',
  });
}
