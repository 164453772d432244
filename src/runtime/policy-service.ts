/**
 * A policy engine as a service: its key, contents, chain feed, worker threads, actor and HTTP interface. Touches nothing outside its
 * data directory and its address; after `stop` no handle is left open.
 */
import { join } from 'node:path';
import { ContentStore, firstOf } from '../actors/policy/content-store.ts';
import { createPolicyApi } from '../actors/policy/policy-api.ts';
import { policyEngineActor } from '../actors/policy/policy-engine.ts';
import type { PolicyEngineMessage } from '../actors/policy/messages.ts';
import { type ContentSource, PolicyLibrary } from '../actors/policy/policy-library.ts';
import { type ServedDomain, wholeDomain } from '../actors/policy/served-domain.ts';
import type { ChainFeed } from '../actors/traffic/chain-feed.ts';
import type { ChainClient } from '../client/chain-client.ts';
import { ClientError } from '../client/client-error.ts';
import type { Genesis } from '../protocols/ledger/genesis.ts';
import { chainId as toChainId, type PublicKey } from '../protocols/shared/brands.ts';
import { createActorSystem } from './actor-system.ts';
import { prepareOutside } from './adapters/cedar-outside.ts';
import { registerAuthZen } from './adapters/http/routes-authzen.ts';
import { registerPolicy } from './adapters/http/routes-policy.ts';
import { startServiceServer } from './adapters/http/server.ts';
import { openLmdbStore } from './adapters/lmdb-store.ts';
import { PolicyWorkers } from './adapters/policy-workers.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import { createSystemRandom } from './adapters/system-random.ts';
import { createTelemetry } from './adapters/telemetry.ts';
import type { ActorRef } from './ports/actors.ts';
import { type PolicyApi, PolicyServiceError } from './ports/policy-api.ts';
import type { Signer } from './ports/signer.ts';
import { servedChain } from './served-chain.ts';
import { followChain } from './service-feed.ts';
import { serviceSigner } from './service-key.ts';

export interface PolicyServiceOptions {
  readonly client: ChainClient;
  /** `host:port` */
  readonly address: string;
  /** Holds the published contents; and `keys/policy.key`, made where it is absent and no signer is given. */
  readonly dataDir: string;
  /** In its log lines. Default `policy`. */
  readonly name?: string;
  /** The service's key, where somebody else keeps it. */
  readonly signer?: Signer;
  /** PEM texts; absent or null serves plain HTTP, on loopback only. */
  readonly tls?: { readonly certificate: string; readonly key: string } | null;
  /** Where contents that were not published here are: the pack that comes with the product, other policy services. */
  readonly source?: ContentSource;
  /** What the chain is proved from. Absent: what the node says its genesis is, on the first start. */
  readonly genesis?: Genesis | undefined;
  /** Default all regions and classes. */
  readonly domain?: ServedDomain;
  /** State older than this decides nothing, ms. Default 30,000. */
  readonly stateAgeMsMax?: number;
  /** Random inputs on which a set is compared with Cedar before it is attested. Default 10,000. */
  readonly randomInputs?: number;
  readonly logTo: 'file' | 'stdout' | 'silent';
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused?: ((reason: string) => void) | undefined;
}

export interface RunningPolicyService {
  /** `host:port`, the port filled in. */
  readonly address: string;
  /** The service's account: an evaluator, where the chain's rule names it. */
  readonly publicKey: PublicKey;
  readonly chainId: string;
  readonly api: PolicyApi;
  /** Sends a transaction of the service's account, after those that it sends itself. */
  readonly send: ChainFeed['send'];
  /** Idempotent. */
  stop(): Promise<void>;
}

const description = {
  title: 'bpci policy engine',
  text: 'States of data flows under the policy sets in force, and the sets themselves.',
  service: 'policy',
};

/** Roles that see the sets of every tenant: they decide, attest or answer for them. */
const officialRoles: readonly string[] = ['light', 'governor', 'validator'];
const relayWaitMs = 30_000;

/** Rejects with ClientError, KeyFileError, StoreError, HttpListenError. */
export async function startPolicyService(options: PolicyServiceOptions): Promise<RunningPolicyService> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await start(options, closers)), stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { client, address, dataDir, logTo, tls = null, ...options }: PolicyServiceOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Omit<RunningPolicyService, 'stop'>> {
  const running = createTelemetry({
    ...{ name: options.name ?? 'policy', role: 'policy', logTo, logLevel: 'info', dataDir, otlpEndpoint: null },
  });
  const { telemetry } = running;
  closers.push(() => running.close());
  const signer = options.signer ?? (await serviceSigner(join(dataDir, 'keys'), 'policy'));
  const [clock, random] = [createSystemClock(), createSystemRandom()];
  const feed = await followChain({ client, signer, clock, log: telemetry.log, dataDir, genesis: options.genesis });
  closers.push(() => feed.stop());
  const schema = { kind: 'policy', version: 1, chainId: toChainId(feed.chainId) };
  const store = openLmdbStore({ directory: join(dataDir, 'contents'), schema });
  closers.push(() => store.close());
  const workshop = new PolicyWorkers(clock);
  closers.push(() => workshop.close());
  const system = createActorSystem({ clock, random, telemetry });
  closers.push(() => system.terminate());
  const contents = new ContentStore(store);
  let engine: ActorRef<PolicyEngineMessage> | null = null;
  const library = new PolicyLibrary({
    source: options.source === undefined ? contents : firstOf(contents, options.source),
    compile: (job) => workshop.do('compile', job),
    outside: prepareOutside,
    onReady: () => engine !== null && system.tell(engine, { type: 'tables' }),
    onProblem: (content, problem) => telemetry.log.warn('a published policy set is not here', { content, problem }),
  });
  const { stateAgeMsMax = 30_000, randomInputs = 10_000, domain = wholeDomain } = options;
  const spawned = system.spawn(
    policyEngineActor({
      ...{ feed, library, telemetry, stateAgeMsMax, account: signer.publicKey },
      attesting: { workshop, random: randomInputs },
    }),
  );
  engine = spawned;
  const bytesOf = library.bytesOf.bind(library);
  const api = createPolicyApi({
    ...{ system, engine: spawned, clock, workshop, bytesOf, domain, chainId: feed.chainId },
    relay: (transaction) => relay(client, transaction),
    keep: (content) => contents.keep(content),
    isOfficial: (account) => served.rolesOf(account).some((role) => officialRoles.includes(role)),
  });
  const served = servedChain({ feed, name: 'engine', whenReady: 'evaluating', status: () => api.status() });
  const server = await startServiceServer({
    ...{ address, tls, telemetry, chainId: feed.chainId, service: 'policy', description },
    ...{ api: served, metricsText: running.metricsText, onRefused: options.onRefused },
    register: (http) => {
      registerPolicy(http, api);
      registerAuthZen(http, api);
    },
  });
  closers.push(() => server.close());
  const send: ChainFeed['send'] = (kind, body) => feed.send(kind, body);
  return { address: server.address, publicKey: signer.publicKey, chainId: feed.chainId, api, send };
}

async function relay(client: ChainClient, transaction: Uint8Array): Promise<{ hash: string; code: string }> {
  try {
    const answer = await client.submit(transaction, { waitMs: relayWaitMs });
    if ('result' in answer && answer.result !== null) return { hash: answer.hash, code: answer.result.code };
    throw new PolicyServiceError('time-out', `the transaction was not final in ${relayWaitMs} ms`);
  } catch (cause) {
    if (!(cause instanceof ClientError)) throw cause;
    const code = cause.code === 'refused' ? 'refused' : 'unavailable';
    throw new PolicyServiceError(code, cause.message, 'transaction', { cause });
  }
}
