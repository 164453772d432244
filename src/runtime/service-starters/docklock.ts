/** Starts DockLock as a manifest describes it. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { type RunningDocklockService, startDocklockService } from '../docklock-service.ts';
import type { ServiceConfig, ServiceContext } from '../service-config.ts';

export const startDocklock = (
  { name, settings, dataDir, apiAddress, otlpEndpoint }: ServiceConfig<'docklock'>,
  { signer, client, tls, genesis, onRefused }: ServiceContext,
): Promise<RunningDocklockService> =>
  startDocklockService({
    ...{ name, signer, client, tls, dataDir, genesis, otlpEndpoint, onRefused },
    address: apiAddress,
    poolSize: settings.pool,
    operators: settings.operators as readonly PublicKey[],
    logTo: 'file',
  });
