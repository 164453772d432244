/**
 * One port for HTTP and TLS. The first byte tells them apart: 0x16 opens a TLS handshake, anything else is plain
 * HTTP, which is served on loopback only. Neither inner server listens itself; both are handed accepted sockets.
 */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import {
  formatAddress,
  type HttpErrorCode,
  HttpListenError,
  type HostPort,
  isLoopbackHost,
  parseAddress,
} from './addresses.ts';

/** PEM texts. */
export interface TlsCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface ConnectionLimits {
  /** Connections at once, and from one address. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** From the first byte of a request to the end of its headers; also for the TLS handshake. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** A connection on which nothing moves for this long is cut. */
  readonly idleTimeoutMs: number;
  /** How often slow requests are looked for. */
  readonly checkIntervalMs: number;
  /** Request line and headers, bytes. */
  readonly headerBytesMax: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  connectionsMax: 1_024,
  connectionsPerAddressMax: 256,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  keepAliveTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  checkIntervalMs: 5_000,
  headerBytesMax: 16 * 1024,
};

export interface ListenerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly tls: TlsCertificate | null;
  readonly limits: ConnectionLimits;
  /** Counted: `too-many-connections`, `plain-http`, `slow-first-byte`, and clients' protocol errors. */
  readonly onRefused: (reason: string) => void;
}

const tlsHandshakeRecord = 0x16;

export class HttpListener {
  readonly isLoopback: boolean;
  readonly #options: ListenerOptions;
  readonly #target: HostPort;
  readonly #front: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #perAddress = new Map<string, number>();
  #plain: http.Server | undefined;
  #secure: https.Server | undefined;

  /** Throws HttpListenError `bad-address` or `plain-not-loopback`. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#target = parseAddress(options.address);
    this.isLoopback = isLoopbackHost(this.#target.host);
    if (options.tls === null && !this.isLoopback) {
      throw new HttpListenError(
        'plain-not-loopback',
        `plain HTTP is served on loopback only and ${options.address} is not loopback: configure a certificate (tls) or bind to 127.0.0.1`,
        { details: { address: options.address } },
      );
    }
    this.#front = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#front.maxConnections = options.limits.connectionsMax;
    this.#front.on('drop', () => options.onRefused('too-many-connections'));
  }

  /** Makes the inner servers for one request handler; to be called once, before `listen`. */
  attach(handler: http.RequestListener): http.Server {
    const { limits, tls } = this.#options;
    const settings = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      requireHostHeader: true,
    };
    this.#plain = http.createServer(settings, handler);
    this.#plain.timeout = limits.idleTimeoutMs;
    if (tls !== null) {
      try {
        this.#secure = https.createServer(
          {
            ...settings,
            cert: tls.certificate,
            key: tls.key,
            minVersion: 'TLSv1.2',
            handshakeTimeout: limits.headersTimeoutMs,
          },
          handler,
        );
      } catch (cause) {
        throw new HttpListenError('bad-certificate', 'the HTTP certificate and key cannot be used', { cause });
      }
      this.#secure.timeout = limits.idleTimeoutMs;
    }
    for (const server of [this.#plain, this.#secure]) {
      server?.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
        this.#clientError(error, socket);
      });
    }
    return this.#plain;
  }

  /** Resolves with the address bound. Rejects with HttpListenError. */
  async listen(): Promise<string> {
    const { host, port } = this.#target;
    await new Promise<void>((resolve, reject) => {
      this.#front.once('error', reject);
      this.#front.listen({ host, port }, () => {
        this.#front.removeListener('error', reject);
        resolve();
      });
    }).catch((cause: unknown) => {
      throw listenError(cause, this.#options.address);
    });
    // Their watch over slow requests begins with this event; they never open a port of their own.
    this.#plain?.emit('listening');
    this.#secure?.emit('listening');
    const bound = this.#front.address() as net.AddressInfo;
    return formatAddress(host, bound.port);
  }

  /** Stops accepting, cuts every connection, and resolves when no handle is left. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#front.close(() => resolve());
    });
    for (const server of [this.#plain, this.#secure]) server?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: net.Socket): void {
    const { limits, onRefused } = this.#options;
    const address = socket.remoteAddress ?? '';
    const open = (this.#perAddress.get(address) ?? 0) + 1;
    if (open > limits.connectionsPerAddressMax) {
      onRefused('too-many-connections');
      socket.destroy();
      return;
    }
    this.#perAddress.set(address, open);
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
    const onSilence = (): void => {
      onRefused('slow-first-byte');
      socket.destroy();
    };
    socket.setTimeout(limits.headersTimeoutMs, onSilence);
    socket.once('data', (chunk: Buffer) => {
      socket.setTimeout(0);
      socket.removeListener('timeout', onSilence);
      socket.pause();
      socket.unshift(chunk);
      this.#dispatch(socket, chunk[0] === tlsHandshakeRecord);
    });
  }

  #dispatch(socket: net.Socket, isTls: boolean): void {
    if (isTls && this.#secure !== undefined) {
      this.#secure.emit('connection', socket);
    } else if (!isTls && this.isLoopback) {
      this.#plain?.emit('connection', socket);
      socket.resume();
    } else {
      this.#options.onRefused(isTls ? 'tls-without-certificate' : 'plain-http');
      socket.destroy();
    }
  }

  #clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const errorCode = error.code ?? '';
    if (!errorCode.startsWith('HPE_') && errorCode !== 'ERR_HTTP_REQUEST_TIMEOUT') {
      // A handshake that failed, or a connection that broke: there is nothing to answer on.
      this.#options.onRefused(
        errorCode.startsWith('ERR_SSL') || errorCode.startsWith('ERR_TLS') ? 'tls-handshake' : 'connection',
      );
      socket.destroy();
      return;
    }
    const [status, code, detail] = clientErrors[errorCode] ?? malformed;
    this.#options.onRefused(code);
    if (!socket.writable || ('bytesWritten' in socket && socket.bytesWritten !== 0)) {
      socket.destroy();
      return;
    }
    const title = http.STATUS_CODES[status] ?? '';
    const body = JSON.stringify({ type: `urn:bpci:problem:${code}`, title, status, detail, code });
    socket.end(
      `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
}

const malformed = [400, 'bad-request', 'this is not HTTP/1.1'] as const;
const clientErrors: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'headers-too-large', 'the request line and headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'slow-request', 'the request did not arrive in time'],
};

function listenError(cause: unknown, address: string): unknown {
  const known: Readonly<Record<string, readonly [HttpErrorCode, string]>> = {
    EADDRINUSE: ['address-in-use', `another process listens on ${address}: stop it or choose another port`],
    EADDRNOTAVAIL: ['address-not-available', `${address} is not an address of this machine`],
    ENOTFOUND: ['address-not-available', `${address} cannot be resolved`],
    EACCES: ['port-not-permitted', `this user may not listen on ${address}: choose a port above 1023`],
  };
  const [code, message] = known[(cause as NodeJS.ErrnoException).code ?? ''] ?? [];
  return code === undefined || message === undefined
    ? cause
    : new HttpListenError(code, message, { cause, details: { address } });
}
