/**
 * Runs a service of a network in this process: one row a role. What a role needs is loaded when it is started, so that a
 * validator's process holds none of it.
 */
import { readFileSync } from 'node:fs';
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import { ChainClient } from '../client/chain-client.ts';
import { mintToken } from '../client/token.ts';
import { CodedError } from '../protocols/shared/errors.ts';
import type { ServiceRole } from './manifest-services.ts';
import { isLoopbackHost, parseAddress } from './adapters/http/addresses.ts';
import { readPassphrase, readSigner } from './adapters/key-files.ts';
import { readGenesis } from './network-prepare.ts';
import type { HostedNode } from './node-host.ts';
import type { Signer } from './ports/signer.ts';
import type { ServiceConfig, ServiceContext } from './service-config.ts';

class ServiceHostError extends CodedError<'stopped'> {
  override readonly name = 'ServiceHostError';
}

export interface HostedService extends HostedNode {
  /** Sends a transaction of the service's account, after those that it sends itself. */
  readonly send: ChainFeed['send'];
}

interface StartedService {
  /** `host:port` */
  readonly address: string;
  readonly send: ChainFeed['send'];
  stop(): Promise<void>;
}

type Starter<R extends ServiceRole> = (config: ServiceConfig<R>, context: ServiceContext) => Promise<StartedService>;

const starters: { readonly [R in ServiceRole]: Starter<R> } = {
  court: async (config, context) => (await import('./service-starters/court.ts')).startCourt(config, context),
  policy: async (config, context) => (await import('./service-starters/policy.ts')).startPolicy(config, context),
  traffic: async (config, context) => (await import('./service-starters/traffic.ts')).startTraffic(config, context),
  enc: async (config, context) => (await import('./service-starters/enc.ts')).startEnc(config, context),
  docklock: async (config, context) => (await import('./service-starters/docklock.ts')).startDocklock(config, context),
};

const readinessPollMs = 100;

/** Rejects with what the service's start rejects with: KeyFileError, PrepareError, StoreError, HttpListenError, ClientError. */
export async function startService(
  config: ServiceConfig,
  onRefused?: (reason: string) => void,
): Promise<HostedService> {
  const passphrase =
    config.passphraseVariable === null ? null : readPassphrase({ variable: config.passphraseVariable });
  const signer = await readSigner(config.keyFile, passphrase);
  const { chainId, authorityFile, http } = config;
  const client = clientOf(config.endpoints.bpci, { signer, chainId, authorityFile });
  const tls =
    http === null
      ? null
      : { certificate: readFileSync(http.certificateFile, 'utf8'), key: readFileSync(http.keyFile, 'utf8') };
  const start = starters[config.role] as Starter<ServiceRole>;
  const genesis = config.genesisFile === null ? undefined : readGenesis(config.genesisFile);
  const service = await start(config, { signer, client, tls, genesis, onRefused });
  let isStopped = false;
  const own = clientOf(urlOf(service.address), { signer, chainId, authorityFile, service: config.role });
  return {
    name: config.name,
    send: service.send,
    addresses: { link: null, api: service.address, metrics: null },
    ready: untilReady(own, () => isStopped),
    // A service that cannot go on says so in its readiness; a defect ends the process.
    failed: new Promise(() => undefined),
    stop: async () => {
      isStopped = true;
      await service.stop();
    },
  };
}

const urlOf = (address: string): string =>
  `${isLoopbackHost(parseAddress(address).host) ? 'http' : 'https'}://${address}`;

/** Off loopback every request carries a token of the service's own account. */
function clientOf(
  endpoint: string,
  {
    signer,
    chainId,
    authorityFile,
    service,
  }: {
    readonly signer: Signer;
    readonly chainId: string;
    readonly authorityFile: string | null;
    readonly service?: string;
  },
): ChainClient {
  if (endpoint.startsWith('http:')) return new ChainClient({ endpoint });
  return new ChainClient({
    endpoint,
    ...(authorityFile === null ? {} : { certificateAuthority: readFileSync(authorityFile, 'utf8') }),
    token: () => mintToken(signer, { chainId, ...(service === undefined ? {} : { service }) }),
  });
}

/** Asks the service's own health check, as anybody would. Rejects where it is stopped before. */
async function untilReady(own: ChainClient, isStopped: () => boolean): Promise<void> {
  for (;;) {
    if (isStopped()) throw new ServiceHostError('stopped', 'the service was stopped before it was ready');
    const isReady = await own.readiness().then(
      ({ ok }) => ok,
      // It may be about to listen, or busy: asked again.
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, readinessPollMs));
  }
}
