/** A running server over a fake chain, and what tests ask of it. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import {
  type HttpServerOptions,
  type RunningHttpServer,
  startHttpServer,
} from '../../../src/runtime/adapters/http/server.ts';
import type { LogLevel } from '../../../src/runtime/adapters/http/routes-administration.ts';
import { noTelemetry } from '../../../src/runtime/ports/no-telemetry.ts';
import type { Signer } from '../../../src/runtime/ports/signer.ts';
import { signTransaction, type SignedTransaction } from '../../../src/client/transactions.ts';
import { FakeChain } from './fake-chain.ts';
import { chainIdHex } from './fake-genesis.ts';

export interface World {
  readonly chain: FakeChain;
  readonly server: RunningHttpServer;
  /** `http://127.0.0.1:port`. */
  readonly base: string;
  /** Who changed the log level last; null: nobody, or somebody without a token. */
  readonly changedBy: () => string | null;
  close(): Promise<void>;
}

export async function startWorld(options: Partial<HttpServerOptions> = {}, chain = new FakeChain()): Promise<World> {
  let level: LogLevel = 'info';
  let changedBy: string | null = null;
  const server = await startHttpServer({
    api: chain,
    address: '127.0.0.1:0',
    tls: null,
    telemetry: noTelemetry,
    chainId: chainIdHex,
    administration: {
      logLevel: () => level,
      setLogLevel: (next, by) => {
        level = next;
        changedBy = by;
      },
    },
    ...options,
  });
  return { changedBy: () => changedBy, chain, server, base: `http://${server.address}`, close: () => server.close() };
}

export const transfer = (
  from: Signer,
  nonce: number,
  to: string,
  amount = '5',
  chain: string = chainIdHex,
): SignedTransaction =>
  signTransaction(from, {
    chainId: chain,
    nonce,
    expiryHeight: 1_000,
    kind: 'accounts.transfer',
    body: { to, amount },
  });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** The body as JSON. */
  json<T = Record<string, unknown>>(): T;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** One request on a connection of its own. `url` may be https: certificates are not checked (that is the client's part). */
export function ask(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isSecure = url.startsWith('https:');
    const options = { method, headers, agent: false as const };
    const request = isSecure ? httpsRequest(url, { ...options, rejectUnauthorized: false }) : httpRequest(url, options);
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: bytes,
          json: <T>() => JSON.parse(bytes.toString('utf8')) as T,
        });
      });
    });
    request.end(body);
  });
}

export const postJson = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
