/**
 * What services have in common: telemetry, a key, the chain that they follow, an actor system and an HTTP server, and the order in
 * which all of it ends. A service adds its actor and its routes. Nothing outside the data directory and the address is
 * touched; after `stop` no handle is left open.
 */
import { join } from 'node:path';
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import type { ChainClient } from '../client/chain-client.ts';
import type { HttpChainFeed } from '../client/http-chain-feed.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import { createActorSystem } from './actor-system.ts';
import { isLoopbackHost, parseAddress } from './adapters/http/addresses.ts';
import type { Application } from './adapters/http/application.ts';
import { startServiceServer } from './adapters/http/server.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import { createSystemRandom } from './adapters/system-random.ts';
import { createTelemetry } from './adapters/telemetry.ts';
import type { ActorSystem } from './ports/actors.ts';
import type { Clock } from './ports/clock.ts';
import type { Signer } from './ports/signer.ts';
import type { Telemetry } from './ports/telemetry.ts';
import { servedChain, type ServedChainOptions } from './served-chain.ts';
import { followChain } from './service-feed.ts';
import { serviceSigner } from './service-key.ts';

export interface ServiceOptions {
  readonly client: ChainClient;
  /** `host:port` */
  readonly address: string;
  /** Further addresses at which the same is served. */
  readonly alsoAt?: readonly string[];
  /** Holds its logs and what it keeps; and its key under `keys`, made where it is absent and no signer is given. */
  readonly dataDir: string;
  /** In its log lines. Default the kind of service. */
  readonly name?: string;
  /** The service's key, where somebody else keeps it. */
  readonly signer?: Signer;
  /** PEM texts; absent or null serves plain HTTP, on loopback only. */
  readonly tls?: { readonly certificate: string; readonly key: string } | null;
  /** What the chain is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
  /** Base URL of an OTLP/HTTP collector for traces; absent or null: none. */
  readonly otlpEndpoint?: string | null;
  readonly logTo: 'file' | 'stdout' | 'silent';
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused?: ((reason: string) => void) | undefined;
}

export interface RunningService<Api> {
  /** `host:port`, the port filled in. */
  readonly address: string;
  /** The service's account: it needs to exist on chain before the service can send anything. */
  readonly publicKey: PublicKey;
  readonly chainId: string;
  readonly api: Api;
  /** Sends a transaction of the service's account, after those that it sends itself. */
  readonly send: ChainFeed['send'];
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface ServiceKind {
  readonly service: 'court' | 'policy' | 'traffic' | 'enc' | 'docklock';
  /** Of its key file. */
  readonly keyName: string;
  readonly title: string;
  readonly text: string;
}

/** What a service is built on. */
export interface ServiceFrame {
  readonly telemetry: Telemetry;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly feed: HttpChainFeed;
  readonly system: ActorSystem;
  /** Ends after the service's actors, the last one first. */
  readonly uses: (closer: () => Promise<unknown>) => void;
}

export interface BuiltService<Api> {
  readonly api: Api;
  readonly readiness: Omit<ServedChainOptions, 'feed'>;
  readonly register: (http: Application) => void;
  /** Where the service knows more of accounts than the chain says of them. */
  readonly rolesOf?: (account: string) => readonly string[];
  /** Told the address, the port filled in. */
  readonly onListening?: (address: string) => void;
}

/** Under which others reach it. */
export function serviceEndpoint(address: string, tls: ServiceOptions['tls']): string {
  const isPlain = (tls ?? null) === null || isLoopbackHost(parseAddress(address).host);
  return `${isPlain ? 'http' : 'https'}://${address}`;
}

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError; then nothing is left open. */
export async function startService<Api>(
  options: ServiceOptions,
  kind: ServiceKind,
  build: (frame: ServiceFrame) => BuiltService<Api>,
): Promise<RunningService<Api>> {
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await start(options, kind, build, closers)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start<Api>(
  { client, address, dataDir, logTo, genesis, tls = null, ...options }: ServiceOptions,
  { service, keyName, title, text }: ServiceKind,
  build: (frame: ServiceFrame) => BuiltService<Api>,
  closers: (() => Promise<unknown>)[],
): Promise<Omit<RunningService<Api>, 'stop'>> {
  const { name = service, otlpEndpoint = null, onRefused, alsoAt = [] } = options;
  const running = createTelemetry({ name, role: service, logTo, logLevel: 'info', dataDir, otlpEndpoint });
  const { telemetry } = running;
  closers.push(() => running.close());
  const signer = options.signer ?? (await serviceSigner(join(dataDir, 'keys'), keyName));
  const clock = createSystemClock();
  const feed = await followChain({ client, signer, clock, log: telemetry.log, dataDir, genesis });
  closers.push(() => feed.stop());
  const system = createActorSystem({ clock, random: createSystemRandom(), telemetry });
  const used: (() => Promise<unknown>)[] = [];
  closers.push(async () => {
    await system.terminate();
    for (const closer of used.splice(0).reverse()) await closer();
  });
  const { api, readiness, register, rolesOf, onListening } = build({
    ...{ telemetry, signer, clock, feed, system },
    uses: (closer) => void used.push(closer),
  });
  const { chainId } = feed;
  const serve = async (at: string): Promise<string> => {
    const server = await startServiceServer({
      ...{ address: at, tls, telemetry, chainId, service, description: { title, text, service } },
      ...{ metricsText: running.metricsText, onRefused, register },
      api: { ...servedChain({ feed, ...readiness }), ...(rolesOf === undefined ? {} : { rolesOf }) },
    });
    closers.push(() => server.close());
    return server.address;
  };
  const server = { address: await serve(address) };
  for (const further of alsoAt) await serve(further);
  onListening?.(server.address);
  const send: ChainFeed['send'] = (transaction, body) => feed.send(transaction, body);
  return { address: server.address, publicKey: signer.publicKey, chainId, api, send };
}
