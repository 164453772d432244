/**
 * An Agreement Court as a service: its key, chain feed, actor and HTTP interface. Touches nothing outside its data directory and its
 * address; after `stop` no handle is left open.
 */
import { join } from 'node:path';
import type { CourtChain } from '../actors/court/court-chain.ts';
import { createCourtApi } from '../actors/court/court-api.ts';
import { courtActor, type CourtTerms } from '../actors/court/court.ts';
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import type { ChainClient } from '../client/chain-client.ts';
import { createCourtChain } from '../client/court-chain.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import type { ServiceListing } from '../protocols/registry/listing.ts';
import { createActorSystem } from './actor-system.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { isLoopbackHost, parseAddress } from './adapters/http/addresses.ts';
import { registerCourt } from './adapters/http/routes-court.ts';
import { startServiceServer } from './adapters/http/server.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import { createSystemRandom } from './adapters/system-random.ts';
import { createTelemetry } from './adapters/telemetry.ts';
import type { CourtApi } from './ports/court-api.ts';
import type { Signer } from './ports/signer.ts';
import { servedChain } from './served-chain.ts';
import { followChain } from './service-feed.ts';
import { serviceSigner } from './service-key.ts';

export interface CourtServiceConfig {
  readonly client: ChainClient;
  /** `host:port` */
  readonly address: string;
  /** Holds its logs and the statements handed in; and `keys/court.key`, made where it is absent and no signer is given. */
  readonly dataDir: string;
  /** In its log lines. Default `court`. */
  readonly name?: string;
  /** The court's key, where somebody else keeps it. */
  readonly signer?: Signer;
  /** PEM texts; absent or null serves plain HTTP, on loopback only. */
  readonly tls?: { readonly certificate: string; readonly key: string } | null;
  /** What the chain is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
  readonly terms: CourtTerms;
  readonly logTo: 'file' | 'stdout' | 'silent';
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused?: ((reason: string) => void) | undefined;
}

export interface RunningCourtService {
  /** `host:port`, the port filled in. */
  readonly address: string;
  /** The court's account: it needs to exist on chain before the court can send anything. */
  readonly publicKey: PublicKey;
  readonly chainId: string;
  readonly api: CourtApi;
  /** Sends a transaction of the service's account, after those that it sends itself. */
  readonly send: ChainFeed['send'];
  /** Idempotent. */
  stop(): Promise<void>;
}

const description = {
  title: 'bpci agreement court',
  text: 'Agreements, disputes about them, and who decides.',
  service: 'court',
};

async function readinessOf(api: CourtApi): Promise<{ readonly isReady: boolean; readonly problem: string | null }> {
  const status = await api.status();
  return status.kind === 'answer' ? { isReady: true, problem: null } : { isReady: false, problem: status.detail };
}

/** Under the name by which agreements know it. */
function listingOf({ terms, tls }: CourtServiceConfig, address: string): ServiceListing {
  const isPlain = (tls ?? null) === null || isLoopbackHost(parseAddress(address).host);
  const endpoints = [`${isPlain ? 'http' : 'https'}://${address}`];
  return { id: terms.name, region: 'Global', endpoints };
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export async function startCourtService(config: CourtServiceConfig): Promise<RunningCourtService> {
  const { client, dataDir, address, logTo, terms } = config;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const running = createTelemetry({
      ...{ name: config.name ?? 'court', role: 'court', logTo, logLevel: 'info', dataDir, otlpEndpoint: null },
    });
    const { telemetry } = running;
    closers.push(() => running.close());
    const signer = config.signer ?? (await serviceSigner(join(dataDir, 'keys'), 'court'));
    const [clock, random] = [createSystemClock(), createSystemRandom()];
    const feed = await followChain({ client, signer, clock, log: telemetry.log, dataDir, genesis: config.genesis });
    closers.push(() => feed.stop());
    const chain: CourtChain = createCourtChain(client, feed);
    const schema = { kind: 'court', version: 1, chainId: feed.chainId };
    const store = openLmdbStore({ directory: join(dataDir, 'statements'), schema });
    closers.push(() => store.close());
    const system = createActorSystem({ clock, random, telemetry });
    closers.push(() => system.terminate());
    const signatures = createVerifier();
    const court = system.spawn(courtActor({ chain, terms, telemetry, store, signatures, account: signer.publicKey }));
    const api = createCourtApi({ system, court, chain, terms });
    const served = servedChain({ feed, name: 'court', whenReady: 'works', status: () => readinessOf(api) });
    const server = await startServiceServer({
      ...{ address, tls: config.tls ?? null, telemetry, chainId: feed.chainId, service: 'court', description },
      ...{ api: served, metricsText: running.metricsText, onRefused: config.onRefused },
      register: (http) => registerCourt(http, api),
    });
    closers.push(() => server.close());
    system.tell(court, { type: 'announce', listing: listingOf(config, server.address) });
    const send: ChainFeed['send'] = (kind, body) => feed.send(kind, body);
    return { address: server.address, publicKey: signer.publicKey, chainId: feed.chainId, api, send, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
