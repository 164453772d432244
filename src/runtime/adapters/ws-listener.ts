/**
 * The accepting side of the WebSocket transport. From the TCP connection to the pipe a peer has `handshakeTimeoutMs`;
 * unfinished ones are few, in all and for one address. Only what has proved an ed25519 key that `accept` wants becomes a
 * pipe.
 */
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { type Listener, type Transport, TransportError, type TurnedAway } from '../ports/transport.ts';
import { certificateKey, type NodeCertificate } from './certificates.ts';
import { addressOf, WsPipe } from './ws-pipe.ts';

export interface WsLimits {
  /** Largest WebSocket message, bytes; a little above the links' largest frame, so that they can name what was sent. */
  readonly frameBytesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly handshakesMax: number;
  readonly handshakesPerAddressMax: number;
  /** How long a close may take before the socket is destroyed. */
  readonly closeTimeoutMs: number;
}

export const linkPath = '/link';

type ListenHandlers = Parameters<Transport['listen']>[1];

/** Resolves when the address is bound. Rejects with TransportError `bad-address`. */
export async function listenForPipes(
  certificate: NodeCertificate,
  address: { readonly host: string; readonly port: number },
  limits: WsLimits,
  handlers: ListenHandlers,
): Promise<Listener> {
  const server = createServer({
    key: certificate.privateKey,
    cert: certificate.certificate,
    requestCert: true,
    // There is no authority: the key itself is pinned once the handshake has proved it.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    maxHeaderSize: 4096,
  });
  const gate = new Gate(server, limits, handlers);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new TransportError('bad-address', `cannot listen on ${address.host}:${address.port}: ${cause.message}`, {
          cause,
        }),
      );
    });
    server.listen(address.port, address.host, () => resolve());
  });
  const bound = server.address() as AddressInfo;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${host}:${bound.port}`, close: () => gate.close() };
}

interface Unfinished {
  readonly socket: Socket;
  readonly host: string;
  readonly timer: NodeJS.Timeout;
}

class Gate {
  readonly #server: Server;
  readonly #limits: WsLimits;
  readonly #handlers: ListenHandlers;
  readonly #webSockets: WebSocketServer;
  readonly #sockets = new Set<Socket>();
  /** By `host:port` of the other side, which the TLS socket over it has too. */
  readonly #unfinished = new Map<string, Unfinished>();

  constructor(server: Server, limits: WsLimits, handlers: ListenHandlers) {
    this.#server = server;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: limits.frameBytesMax,
      clientTracking: false,
      skipUTF8Validation: true,
      ...{ closeTimeout: limits.closeTimeoutMs },
    });
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    server.on('request', (request, response) => {
      this.#turnAway('not-a-link', addressOf(request.socket));
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Pipes are closed by who owns them; give their close frames the time, then end whatever is left.
    const timer = setTimeout(() => this.#destroyAll(), this.#limits.closeTimeoutMs);
    for (const { socket } of this.#unfinished.values()) socket.destroy();
    await closed;
    clearTimeout(timer);
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const address = addressOf(socket);
    const host = socket.remoteAddress ?? 'unknown';
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#finished(address);
    });
    let ofHost = 0;
    for (const other of this.#unfinished.values()) if (other.host === host) ofHost += 1;
    if (this.#unfinished.size >= this.#limits.handshakesMax || ofHost >= this.#limits.handshakesPerAddressMax) {
      this.#turnAway('too-many-handshakes', address);
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => {
      this.#turnAway('slow-handshake', address);
      socket.destroy();
    }, this.#limits.handshakeTimeoutMs);
    this.#unfinished.set(address, { socket, host, timer });
  }

  #finished(address: string): void {
    const unfinished = this.#unfinished.get(address);
    if (unfinished !== undefined) clearTimeout(unfinished.timer);
    this.#unfinished.delete(address);
  }

  #turnAway(reason: TurnedAway, remoteAddress: string): void {
    this.#handlers.onTurnedAway?.(reason, remoteAddress);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!(socket instanceof TLSSocket)) {
      socket.destroy();
      return;
    }
    const address = addressOf(socket);
    const peerKey = certificateKey(socket.getPeerX509Certificate());
    // A resumed session would prove no key again: every connection is a full handshake.
    if (peerKey === null || socket.isSessionReused()) {
      this.#turnAway('no-key', address);
      refuse(socket, '401 Unauthorized');
    } else if (request.url !== linkPath) {
      this.#turnAway('not-a-link', address);
      refuse(socket, '404 Not Found');
    } else if (!this.#handlers.accept(peerKey, address)) {
      refuse(socket, '403 Forbidden');
    } else {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#finished(address);
        this.#handlers.onPipe(new WsPipe(webSocket, socket, peerKey));
      });
    }
  }
}

/** An answer that the dialer can show to its operator, then the end. */
function refuse(socket: TLSSocket, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
