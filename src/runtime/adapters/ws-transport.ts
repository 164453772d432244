/**
 * The Transport of production: WebSocket (binary, no compression) over TLS 1.3, both sides with the self-signed
 * certificate of their node key. Sessions are never resumed, so that every pipe's channel binding is fresh and both keys
 * are proved each time.
 *
 * Deviation from RFC 6455, section 5.3: the masking key is zero. Masking protects intermediaries that could be confused
 * by bytes a browser's script chose; inside mutually authenticated TLS there are none, and it would cost a pass over
 * every byte.
 */
import { connect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { type DialOptions, type Pipe, type Transport, TransportError } from '../ports/transport.ts';
import { certificateKey, createNodeCertificate, type NodeCertificate } from './certificates.ts';
import { linkPath, listenForPipes, type WsLimits } from './ws-listener.ts';
import { WsPipe } from './ws-pipe.ts';

const defaultWsLimits: WsLimits = {
  frameBytesMax: 256 * 1024,
  handshakeTimeoutMs: 5_000,
  handshakesMax: 256,
  handshakesPerAddressMax: 64,
  closeTimeoutMs: 2_000,
};

export interface WsTransport extends Transport {
  /** Of the seed: what peers pin. */
  readonly publicKey: PublicKey;
}

/** `seed`: the raw 32-byte ed25519 seed of the node key, not kept. Opens nothing until `listen` or `dial`. */
export async function createWsTransport(seed: Uint8Array, limits: Partial<WsLimits> = {}): Promise<WsTransport> {
  const certificate = await createNodeCertificate(seed);
  const all = { ...defaultWsLimits, ...limits };
  return {
    publicKey: certificate.publicKey,
    // Async, so that a bad address is a rejection.
    listen: async (address, handlers) => listenForPipes(certificate, parseAddress(address), all, handlers),
    dial: async (address, options) => dialPipe(certificate, parseAddress(address), all, options),
  };
}

/** `host:port` or `[v6]:port`. */
function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new TransportError('bad-address', `${JSON.stringify(address)} is not host:port`);
  }
  return { host, port };
}

function connectTls(
  certificate: NodeCertificate,
  address: { readonly host: string; readonly port: number },
  expectedKey: PublicKey,
): TLSSocket {
  const socket = connect({
    host: address.host,
    port: address.port,
    key: certificate.privateKey,
    cert: certificate.certificate,
    // There is no authority: the key itself is pinned below.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  });
  socket.once('secureConnect', () => {
    const key = certificateKey(socket.getPeerX509Certificate());
    if (key !== expectedKey) {
      socket.destroy(new TransportError('wrong-key', `expected the key ${expectedKey}, met ${key ?? 'none'}`));
    }
  });
  return socket;
}

function dialPipe(
  certificate: NodeCertificate,
  address: { readonly host: string; readonly port: number },
  limits: WsLimits,
  options: DialOptions,
): Promise<Pipe> {
  return new Promise<Pipe>((resolve, reject) => {
    const socket = connectTls(certificate, address, options.expectedKey);
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const webSocket = new WebSocket(`wss://${host}:${address.port}${linkPath}`, {
      createConnection: () => socket,
      perMessageDeflate: false,
      maxPayload: limits.frameBytesMax,
      skipUTF8Validation: true,
      generateMask: (mask) => void mask.fill(0),
      ...{ closeTimeout: limits.closeTimeoutMs },
    });
    const fail = (error: TransportError): void => {
      clearTimeout(timer);
      webSocket.removeAllListeners();
      webSocket.on('error', () => undefined); // what terminate itself reports
      webSocket.terminate();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new TransportError('timeout', `no link within ${options.timeoutMs} ms`));
    }, options.timeoutMs);
    if (options.abort !== undefined) options.abort.onAbort = () => fail(new TransportError('unreachable', 'given up'));
    webSocket.on('error', (cause) => fail(toTransportError(cause)));
    webSocket.on('unexpected-response', (_request, response) => {
      const isRefused = response.statusCode === 403;
      const why = isRefused ? 'the peer does not accept this key, now' : `answered ${response.statusCode ?? 'nothing'}`;
      fail(new TransportError('unreachable', why));
    });
    webSocket.on('open', () => {
      clearTimeout(timer);
      webSocket.removeAllListeners();
      if (options.abort !== undefined) options.abort.onAbort = () => undefined;
      resolve(new WsPipe(webSocket, socket, options.expectedKey));
      // Who awaits the pipe sets its handlers in this turn's microtasks: nothing may arrive before that.
      webSocket.pause();
      setImmediate(() => webSocket.resume());
    });
  });
}

function toTransportError(cause: Error): TransportError {
  return cause instanceof TransportError ? cause : new TransportError('unreachable', cause.message, { cause });
}
