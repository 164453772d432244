/**
 * A traffic light as a service: its key, store, chain feed, actor and HTTP interface. Touches nothing outside its data directory
 * and its address; after `stop` no handle is left open.
 */
import { join } from 'node:path';
import { createTrafficApi } from '../actors/traffic/traffic-api.ts';
import { defaultTrafficLightLimits, type TrafficLightLimits } from '../actors/traffic/following.ts';
import { trafficLightActor } from '../actors/traffic/traffic-light.ts';
import type { TrafficLightMessage } from '../actors/traffic/messages.ts';
import type { ServiceListing } from '../protocols/registry/listing.ts';
import { type ContentSource, PolicyLibrary } from '../actors/policy/policy-library.ts';
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import type { ChainClient } from '../client/chain-client.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import type { ReviewerRole } from '../protocols/ledger/modules/traffic/bodies.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { createActorSystem } from './actor-system.ts';
import { prepareOutside } from './adapters/cedar-outside.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { isLoopbackHost, parseAddress } from './adapters/http/addresses.ts';
import { registerTraffic } from './adapters/http/routes-traffic.ts';
import { startServiceServer } from './adapters/http/server.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import { PolicyWorkers } from './adapters/policy-workers.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import { createSystemRandom } from './adapters/system-random.ts';
import { createTelemetry } from './adapters/telemetry.ts';
import type { ActorRef } from './ports/actors.ts';
import type { Signer } from './ports/signer.ts';
import type { TrafficApi } from './ports/traffic-api.ts';
import { servedChain } from './served-chain.ts';
import { followChain } from './service-feed.ts';
import { serviceSigner } from './service-key.ts';

export interface TrafficServiceConfig {
  readonly client: ChainClient;
  /** Where published policy sets are fetched. */
  readonly source: ContentSource;
  /** `host:port` */
  readonly address: string;
  /** Holds the log; and `keys/light.key`, made where it is absent and no signer is given. */
  readonly dataDir: string;
  /** In its log lines. Default `traffic`. */
  readonly name?: string;
  /** The light's key, where somebody else keeps it. */
  readonly signer?: Signer;
  /** PEM texts; absent or null serves plain HTTP, on loopback only. */
  readonly tls?: { readonly certificate: string; readonly key: string } | null;
  readonly reviewers: readonly ReviewerRole[];
  /** What the chain is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
  readonly limits?: Partial<TrafficLightLimits>;
  /** Base URL of an OTLP/HTTP collector for traces; absent or null: none. */
  readonly otlpEndpoint?: string | null;
  readonly logTo: 'file' | 'stdout' | 'silent';
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused?: ((reason: string) => void) | undefined;
}

export interface RunningTrafficService {
  /** `host:port`, the port filled in. */
  readonly address: string;
  /** The light's account: it needs to exist on chain before it can register. */
  readonly publicKey: PublicKey;
  readonly chainId: string;
  readonly api: TrafficApi;
  /** Sends a transaction of the service's account, after those that it sends itself. */
  readonly send: ChainFeed['send'];
  /** Idempotent. */
  stop(): Promise<void>;
}

const description = {
  title: 'bpci traffic light',
  text: 'Decisions on data flows, logged before they are answered.',
  service: 'traffic',
};

/** Without a name of its own a light is told by its key. A port that is not chosen yet is not told. */
function listingOf({ name, address, tls }: TrafficServiceConfig, key: PublicKey): ServiceListing {
  const { host, port } = parseAddress(address);
  const scheme = isLoopbackHost(host) || (tls ?? null) === null ? 'http' : 'https';
  return {
    id: name ?? `traffic-${key.slice(0, 8)}`,
    endpoints: port === 0 ? [] : [`${scheme}://${address}`],
    region: 'Global',
  };
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export async function startTrafficService(config: TrafficServiceConfig): Promise<RunningTrafficService> {
  const { client, source, dataDir, address, logTo } = config;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const running = createTelemetry({
      ...{
        name: config.name ?? 'traffic',
        role: 'traffic',
        logTo,
        logLevel: 'info',
        dataDir,
        otlpEndpoint: config.otlpEndpoint ?? null,
      },
    });
    const { telemetry } = running;
    closers.push(() => running.close());
    const signer = config.signer ?? (await serviceSigner(join(dataDir, 'keys'), 'light'));
    const [clock, random, verifier] = [createSystemClock(), createSystemRandom(), createVerifier()];
    const feed = await followChain({ client, signer, clock, log: telemetry.log, dataDir, genesis: config.genesis });
    closers.push(() => feed.stop());
    const schema = { kind: 'traffic', version: 1, chainId: feed.chainId };
    const store = openLmdbStore({ directory: join(dataDir, 'log'), schema });
    closers.push(() => store.close());
    const workshop = new PolicyWorkers(clock);
    closers.push(() => workshop.close());
    const system = createActorSystem({ clock, random, telemetry });
    closers.push(() => system.terminate());
    const listeners: Parameters<typeof createTrafficApi>[0]['listeners'] = new Set();
    let light: ActorRef<TrafficLightMessage> | null = null;
    const library = new PolicyLibrary({
      ...{ source, compile: (job) => workshop.do('compile', job), outside: prepareOutside },
      onReady: () => light !== null && system.tell(light, { type: 'tables' }),
      onProblem: (content, problem) => telemetry.log.warn('a published policy set is not here', { content, problem }),
    });
    const spawned = system.spawn(
      trafficLightActor({
        ...{ feed, store, signer, verifier, library, clock, telemetry },
        reviewers: config.reviewers,
        listing: listingOf(config, signer.publicKey),
        limits: { ...defaultTrafficLightLimits, ...config.limits },
        onDecision: (decision, parties) => {
          for (const listener of listeners) listener(decision, parties);
        },
      }),
    );
    light = spawned;
    const api = createTrafficApi({ system, light: () => spawned, clock, listeners, telemetry });
    const served = servedChain({ feed, name: 'light', whenReady: 'deciding', status: () => api.status() });
    const server = await startServiceServer({
      ...{ address, tls: config.tls ?? null, telemetry, chainId: feed.chainId, service: 'traffic', description },
      ...{ api: served, metricsText: running.metricsText, onRefused: config.onRefused },
      register: (http) => registerTraffic(http, api),
    });
    closers.push(() => server.close());
    const send: ChainFeed['send'] = (kind, body) => feed.send(kind, body);
    return { address: server.address, publicKey: signer.publicKey, chainId: feed.chainId, api, send, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
