/** Starts a court as a manifest describes it. */
import { minorUnitsPerUnit } from '../../client/amounts.ts';
import { type RunningCourtService, startCourtService } from '../court-service.ts';
import type { ServiceConfig, ServiceContext } from '../service-config.ts';

export function startCourt(
  { name, settings, dataDir, apiAddress, otlpEndpoint }: ServiceConfig<'court'>,
  { signer, client, tls, genesis, onRefused }: ServiceContext,
): Promise<RunningCourtService> {
  return startCourtService({
    ...{ name, signer, client, tls, dataDir, genesis, otlpEndpoint, onRefused },
    address: apiAddress,
    terms: {
      name: settings.name,
      jurisdiction: settings.jurisdiction,
      arbitrationThreshold: BigInt(settings.arbitrationThreshold) * minorUnitsPerUnit,
      legalFrameworkVersion: settings.legalFramework,
    },
    logTo: 'file',
  });
}
