/**
 * A whole node in one call: its store, actors, links and interfaces.
 *
 * ```ts
 * const node = await createNode(config);
 * await node.ready;
 * console.log(node.api.network().height);
 * await node.stop();
 * ```
 *
 * Touches nothing outside its data directory and its addresses: no signal handlers, no `process.exit`, no output unless
 * the configuration asks for it. Two nodes live in one process. After `stop` no handle is left open.
 */
import { readFileSync } from 'node:fs';
import type { Chain } from '../actors/chain/chain.ts';
import { type PublicKey, publicKey as toPublicKey } from '../protocols/shared/brands.ts';
import { createActorSystem } from './actor-system.ts';
import { createVerifier } from './adapters/ed25519.ts';
import { startHttpServer, startMetricsServer } from './adapters/http/server.ts';
import { readPassphrase, readSeed, readSigner, readVrfSigner } from './adapters/key-files.ts';
import { createSystemClock } from './adapters/system-clock.ts';
import { createSystemRandom } from './adapters/system-random.ts';
import { openSignatureLog } from './adapters/signature-log.ts';
import { createTelemetry, type RunningTelemetry } from './adapters/telemetry.ts';
import { createWsTransport } from './adapters/ws-transport.ts';
import { createLinks, type LocalLinks } from './links/create-links.ts';
import { awaitReadiness, localChainApi } from './node/local-api.ts';
import { NodeError, type OpenedChain, openChain } from './node/open-chain.ts';
import { type Wiring, wireNode, type WiringOptions } from '../actors/node/wiring.ts';
import type { NodeConfig } from './node-config.ts';
import type { ActorSystem } from './ports/actors.ts';
import type { ChainApi } from './ports/chain-api.ts';
import type { Clock } from './ports/clock.ts';
import type { Signer, VrfSigner } from './ports/signer.ts';

export interface RunningNode {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly api: ChainApi;
  /** `host:port` each; null where the node does not serve it. */
  readonly addresses: { readonly link: string; readonly api: string | null; readonly metrics: string | null };
  /** Linked to a quorum and following the chain. Rejects where the node is stopped before. */
  readonly ready: Promise<void>;
  /** Resolves with the cause when the node cannot go on; the node should then be stopped. */
  readonly failed: Promise<unknown>;
  /** Idempotent. Resolves when everything is durable and no handle is open. */
  stop(): Promise<void>;
}

export interface NodeOptions {
  /** Told of every consensus signature before it leaves. */
  readonly onSigned?: WiringOptions['onSigned'];
  /** Told of every HTTP request and connection that is refused: the reason. */
  readonly onRefused?: (reason: string) => void;
  /** Told of every setting that is changed while it runs, before it is; `by` null: by somebody on the machine itself. */
  readonly onSetting?: (setting: string, from: string, to: string, by: string | null) => void;
  readonly clock?: Clock;
}

const linkProtocol = { min: 1, max: 1 } as const;

/** Rejects with NodeError, StoreError, KeyFileError, … : what is wrong, where, and what to do. */
export async function createNode(config: NodeConfig, options: NodeOptions = {}): Promise<RunningNode> {
  const role = config.roles.includes('validator') ? 'validator' : 'follower';
  const { name, logTo, logLevel, dataDir, otlpEndpoint } = config;
  const telemetry = createTelemetry({ name, role, logTo, logLevel, dataDir, otlpEndpoint });
  const closers: (() => Promise<unknown>)[] = [() => telemetry.close()];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers));
  try {
    const node = new NodeAssembly(config, options, telemetry, closers);
    return await node.start(role === 'validator', close);
  } catch (error) {
    telemetry.telemetry.log.error('the node could not start', {}, error);
    await close();
    throw error;
  }
}

/** Last opened, first closed. What fails to close keeps nothing else open. */
async function closeAll(closers: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const closer of [...closers].reverse()) {
    try {
      await closer();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the node did not stop cleanly');
}

class NodeAssembly {
  readonly #config: NodeConfig;
  readonly #options: NodeOptions;
  readonly #telemetry: RunningTelemetry;
  /** Run in reverse. */
  readonly #closers: (() => Promise<unknown>)[];
  readonly #clock: Clock;

  constructor(
    config: NodeConfig,
    options: NodeOptions,
    telemetry: RunningTelemetry,
    closers: (() => Promise<unknown>)[],
  ) {
    this.#config = config;
    this.#options = options;
    this.#telemetry = telemetry;
    this.#closers = closers;
    this.#clock = options.clock ?? createSystemClock();
  }

  async start(validates: boolean, close: () => Promise<void>): Promise<RunningNode> {
    const config = this.#config;
    const { telemetry } = this.#telemetry;
    const { passphraseVariable } = config;
    const passphrase = passphraseVariable === null ? null : readPassphrase({ variable: passphraseVariable });
    const signer = await readSigner(config.keyFile, passphrase);
    if (validates && config.vrfKeyFile === null) {
      throw new NodeError('missing-key', `${config.name} validates and has no VRF key file`);
    }
    const vrf = validates && config.vrfKeyFile !== null ? await readVrfSigner(config.vrfKeyFile, passphrase) : null;
    const verifier = createVerifier();
    const opened = await openChain(config, verifier);
    this.#closers.push(() => Promise.all([opened.chainStore.close(), opened.records.close()]));
    const { chain, records } = opened;
    if (vrf !== null) checkVrfKey(config, chain, signer, vrf);
    // Before the actors, so that it is closed after them.
    const onSigned = this.#onSigned(signer.publicKey);

    const random = createSystemRandom();
    const clock = this.#clock;
    const links = createLinks({
      transport: await createWsTransport(await readSeed(config.keyFile, passphrase)),
      clock,
      random,
      signer,
      verifier,
      chainId: chain.chainId,
      telemetry,
      listenAddress: config.linkAddress,
      roles: config.roles,
      protocolRange: linkProtocol,
      authorize: (key) => chain.tip.set.validators.some(({ publicKey }) => publicKey === key),
    });
    links.setPeers(config.peers.map(({ publicKey, addresses }) => ({ key: toPublicKey(publicKey), addresses })));
    const system = createActorSystem({ clock, random, telemetry, links });
    const failed = new Promise<unknown>((resolve) => system.onFatal(resolve));
    this.#closers.push(() => links.stop());
    this.#closers.push(() => system.terminate());

    const wiring = wireNode({
      ...{ chain, records, system, links, clock, telemetry, verifier, signer, vrf },
      restoredWholeNetwork: config.restoredWholeNetwork,
      ...(onSigned === undefined ? {} : { onSigned }),
    });
    this.#closers.push(() => {
      wiring.detach();
      return Promise.resolve();
    });
    observe(this.#telemetry, opened, wiring, system);
    await links.start();
    const api = this.#api(chain, wiring, links, system);
    const addresses = await this.#listen(api, chain, links);
    telemetry.log.info('started', { name: config.name, height: chain.tip.height, link: links.address });
    return {
      name: config.name,
      publicKey: signer.publicKey,
      api,
      addresses,
      ready: this.#whenReady(api, links),
      failed,
      stop: close,
    };
  }

  #onSigned(author: PublicKey): NodeOptions['onSigned'] {
    const { signatureLog } = this.#config;
    if (signatureLog === undefined || signatureLog === null) return this.#options.onSigned;
    const log = openSignatureLog(signatureLog, author);
    this.#closers.push(() => {
      log.close();
      return Promise.resolve();
    });
    return (payload, signature) => {
      log.append(payload, signature);
      this.#options.onSigned?.(payload, signature);
    };
  }

  #api(chain: Chain, wiring: Wiring, links: LocalLinks, system: ActorSystem): ChainApi {
    const own = { name: this.#config.name, publicKey: links.self as string, addresses: [links.address] };
    const nodes = new Map(
      [...this.#config.peers, own].map(({ publicKey, name, addresses }) => [
        toPublicKey(publicKey),
        { name, addresses },
      ]),
    );
    return localChainApi({ chain, wiring, links, system, clock: this.#clock, nodes });
  }

  #whenReady(api: ChainApi, links: LocalLinks): Promise<void> {
    const readiness = awaitReadiness(this.#config.name, api, links);
    this.#closers.push(() => {
      readiness.abandon();
      return Promise.resolve();
    });
    return readiness.ready;
  }

  async #listen(api: ChainApi, chain: Chain, links: LocalLinks): Promise<RunningNode['addresses']> {
    const { apiAddress, metricsAddress, http } = this.#config;
    const running = this.#telemetry;
    const { telemetry } = running;
    const tls =
      http === null
        ? null
        : { certificate: readFileSync(http.certificateFile, 'utf8'), key: readFileSync(http.keyFile, 'utf8') };
    const { chainId } = chain;
    const { onRefused } = this.#options;
    const common = { api, tls, telemetry, chainId, onRefused, now: () => this.#clock.now() };
    const addresses = { link: links.address, api: null as string | null, metrics: null as string | null };
    if (apiAddress !== null) {
      const administration = {
        logLevel: () => running.logLevel(),
        setLogLevel: (level: ReturnType<typeof running.logLevel>, by: string | null) => {
          this.#options.onSetting?.('log-level', running.logLevel(), level, by);
          running.setLogLevel(level);
        },
      };
      const server = await startHttpServer({ ...common, address: apiAddress, administration });
      this.#closers.push(() => server.close());
      addresses.api = server.address;
    }
    if (metricsAddress !== null) {
      const metricsText = (): Promise<string> => running.metricsText();
      const server = await startMetricsServer({ ...common, address: metricsAddress, metricsText });
      this.#closers.push(() => server.close());
      addresses.metrics = server.address;
    }
    return addresses;
  }
}

/** Every block that it proposes would be refused: better said at once. */
function checkVrfKey(config: NodeConfig, chain: Chain, signer: Signer, vrf: VrfSigner): void {
  const member = chain.tip.set.validators.find(({ publicKey }) => publicKey === signer.publicKey);
  if (member === undefined || member.vrfPublicKey === vrf.publicKey) return;
  const message = `${config.vrfKeyFile ?? ''} holds the VRF key ${vrf.publicKey}; the chain knows ${member.vrfPublicKey}`;
  throw new NodeError('wrong-key', message);
}

/** Gauges of what no component counts by itself. */
function observe(
  running: RunningTelemetry,
  { chain, chainStore }: OpenedChain,
  wiring: Wiring,
  system: ActorSystem,
): void {
  const { telemetry } = running;
  telemetry.gauge('bpci.chain.height', 'Height of the last final block', () => [{ value: chain.tip.height }]);
  telemetry.gauge('bpci.consensus.round', 'Round in which consensus is', () => [
    { value: wiring.machine()?.round ?? 0 },
  ]);
  telemetry.gauge('bpci.mempool.count', 'Transactions that wait', () => [{ value: wiring.pool.size().count }]);
  telemetry.gauge('bpci.store.size', 'Bytes of the chain on disk', () => [{ value: chainStore.sizeBytes() }]);
  telemetry.gauge('bpci.log.size', 'Leaves of the transparency log', () => [{ value: chain.logEdge.size }]);
  telemetry.gauge('bpci.actors.count', 'Actors', () => [{ value: system.stats().actors }]);
  telemetry.gauge('bpci.actors.dead_letters', 'Dead letters', () => [{ value: system.stats().deadLetters }]);
  telemetry.gauge('bpci.actors.restarts', 'Restarts of actors', () => [{ value: system.stats().restarts }]);
}
