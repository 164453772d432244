/** Starts a policy engine as a manifest describes it. */
import { type RunningPolicyService, startPolicyService } from '../policy-service.ts';
import type { ServiceConfig, ServiceContext } from '../service-config.ts';
import { contentSource } from '../shipped-pack.ts';

export function startPolicy(
  { name, settings, dataDir, apiAddress, otlpEndpoint }: ServiceConfig<'policy'>,
  { signer, client, tls, genesis, onRefused }: ServiceContext,
): Promise<RunningPolicyService> {
  return startPolicyService({
    ...{ name, signer, client, tls, dataDir, genesis, otlpEndpoint, onRefused },
    address: apiAddress,
    source: contentSource(settings.contentsFrom),
    domain: { regions: settings.geographicRegions, classifications: settings.dataClassifications },
    logTo: 'file',
  });
}
