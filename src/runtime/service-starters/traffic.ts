/** Starts a traffic light as a manifest describes it. */
import { pipelineLimits } from '../../actors/traffic/following.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { ServiceConfig, ServiceContext } from '../service-config.ts';
import { contentSource } from '../shipped-pack.ts';
import { type RunningTrafficService, startTrafficService } from '../traffic-service.ts';

export function startTraffic(
  { name, settings, dataDir, apiAddress, endpoints, otlpEndpoint }: ServiceConfig<'traffic'>,
  { signer, client, tls, genesis, onRefused }: ServiceContext,
): Promise<RunningTrafficService> {
  const { pipelineMode, decisionLatency, stateMaxAge, reviewers } = settings;
  return startTrafficService({
    ...{ name, signer, client, tls, dataDir, genesis, onRefused },
    source: contentSource(endpoints.services['policy'] === undefined ? [] : [endpoints.services['policy']]),
    address: apiAddress,
    reviewers: reviewers.flatMap(({ role, publicKey }) =>
      publicKey === null ? [] : [{ role, key: publicKey as PublicKey }],
    ),
    limits: { ...pipelineLimits(pipelineMode, decisionLatency), stateAgeMsMax: stateMaxAge },
    otlpEndpoint,
    logTo: 'file',
  });
}
