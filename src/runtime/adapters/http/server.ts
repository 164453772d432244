/**
 * The HTTP interface of a node: `ChainApi` behind schemas, limits, tokens and problem documents. The order in which a
 * request is looked at: connection limits, header limits, host, address, rate, token, role, content type and size,
 * schema, route.
 */
import type { ChainApi } from '../../ports/chain-api.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Gate } from './access.ts';
import { defaultStreamLimits, type StreamLimits } from './event-stream.ts';
import { createApplication, type Application, type RateLimits } from './application.ts';
import { type ConnectionLimits, defaultConnectionLimits, HttpListener, type TlsCertificate } from './listener.ts';
import { Refusals } from './refusals.ts';
import { registerAdministration, type Administration } from './routes-administration.ts';
import { type ApiDescription } from './openapi.ts';
import { registerChainRoutes, registerOpenApi } from './routes-chain.ts';
import { registerEvents } from './routes-events.ts';
import { registerHealth } from './routes-health.ts';
import { registerLog } from './routes-log.ts';
import { registerTransactions, type WaitLimits } from './routes-transactions.ts';
import { audienceOf, TokenVerifier } from './tokens.ts';

export interface HttpLimits extends ConnectionLimits, StreamLimits, WaitLimits, RateLimits {}

export interface HttpServerOptions {
  readonly api: ChainApi;
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** PEM texts; null serves plain HTTP, on loopback only. */
  readonly tls: TlsCertificate | null;
  readonly telemetry: Telemetry;
  readonly chainId: string;
  /** Second part of the audience of tokens. Default `bpci`. */
  readonly service?: string;
  /** What operators may change while the node runs; without it those endpoints answer 404. */
  readonly administration?: Administration;
  readonly limits?: Partial<HttpLimits>;
  readonly allowedHosts?: readonly string[];
  /** Told of every request and connection that is refused: the reason, of a small closed set. */
  readonly onRefused?: ((reason: string) => void) | undefined;
  /** Milliseconds since 1970. Default the operating system's clock. */
  readonly now?: () => number;
}

export interface RunningHttpServer {
  /** `host:port`, the port filled in. */
  readonly address: string;
  /** Requests and connections refused so far, by reason. */
  refusals(): ReadonlyMap<string, number>;
  /** Cuts every connection and resolves when no handle is left. */
  close(): Promise<void>;
}

/** Far above what a local benchmark sends, and what one remote caller needs. Requests a minute. */
const loopbackRateMax = 3_000_000;
const remoteRateMax = 6_000;

const defaultHttpLimits = (isLoopback: boolean): HttpLimits => ({
  ...defaultConnectionLimits,
  ...defaultStreamLimits,
  waitDefaultMs: 30_000,
  waitMaxMs: 60_000,
  waitingMax: 4_096,
  requestsPerMinute: isLoopback ? loopbackRateMax : remoteRateMax,
});

/** Rejects with HttpListenError: `plain-not-loopback`, `address-in-use`, … */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningHttpServer> {
  return start(options, (application, limits) => {
    const { api } = options;
    registerHealth(application, api);
    registerChainRoutes(application, api);
    registerTransactions(application, api, limits);
    registerEvents(application, api, limits);
    registerLog(application, api);
    registerAdministration(application, options.administration ?? null, application.refusals.counts);
  });
}

export interface MetricsServerOptions {
  readonly api: ChainApi;
  readonly address: string;
  readonly tls: TlsCertificate | null;
  readonly telemetry: Telemetry;
  readonly chainId: string;
  readonly service?: string;
  /** Prometheus text format, version 0.0.4. */
  readonly metricsText: () => Promise<string>;
  readonly limits?: Partial<HttpLimits>;
  readonly allowedHosts?: readonly string[];
  readonly onRefused?: ((reason: string) => void) | undefined;
  readonly now?: () => number;
}

/** `/metrics`, `/healthz` and `/readyz` on a port of their own, under the same rules. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<RunningHttpServer> {
  return start(options, (application) => {
    registerHealth(application, options.api, options.metricsText);
  });
}

/** What a server needs to know of the chain: who an account is, and whether the service works. */
export type ServedChain = Pick<ChainApi, 'rolesOf' | 'health' | 'readiness'> & {
  account(publicKey: string): { readonly signingKey: string } | null;
};

type Common = Omit<MetricsServerOptions, 'metricsText' | 'api'> & {
  readonly api: ServedChain;
  readonly description?: ApiDescription;
};

export interface ServiceServerOptions extends Omit<Common, 'service' | 'description'> {
  /** Second part of the audience of tokens: `traffic`, `policy`. */
  readonly service: string;
  readonly description: ApiDescription;
  /** Prometheus text format, served on `/metrics`. */
  readonly metricsText: () => Promise<string>;
  /** Adds the service's own routes. */
  readonly register: (application: Application, limits: HttpLimits) => void;
}

/** The HTTP interface of a service, under the same rules as a node's. */
export const startServiceServer = (options: ServiceServerOptions): Promise<RunningHttpServer> =>
  start(options, (application, limits) => {
    registerHealth(application, options.api, options.metricsText);
    registerOpenApi(application);
    options.register(application, limits);
  });

async function start(
  options: Common,
  register: (application: Application, limits: HttpLimits) => void,
): Promise<RunningHttpServer> {
  const refusals = new Refusals(options.telemetry, options.onRefused);
  let limits: HttpLimits = { ...defaultHttpLimits(true), ...options.limits };
  const listener = new HttpListener({
    address: options.address,
    tls: options.tls,
    limits,
    onRefused: refusals.add,
  });
  limits = { ...defaultHttpLimits(listener.isLoopback), ...options.limits };
  const now = options.now ?? Date.now;
  const gate: Gate = {
    api: options.api,
    tokens: new TokenVerifier({
      audience: audienceOf(options.chainId, options.service ?? 'bpci'),
      signingKeyOf: (account) => options.api.account(account)?.signingKey ?? null,
      now,
    }),
    isLoopback: listener.isLoopback,
    allowedHosts: options.allowedHosts ?? [],
  };
  const application = await createApplication({
    ...{ listener, gate, limits, refusals, telemetry: options.telemetry },
    ...(options.description === undefined ? {} : { description: options.description }),
  });
  register(application, limits);
  await application.app.ready();
  const address = await listener.listen();
  return {
    address,
    refusals: () => refusals.counts,
    close: async () => {
      application.stopping.abort();
      await Promise.all([application.app.close(), listener.close()]);
    },
  };
}
