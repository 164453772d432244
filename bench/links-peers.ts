/**
 * What the links are measured against, as its own authors would write it: messages of five fields packed with msgpackr,
 * gathered into frames of 64 KiB at the end of the turn, over a WebSocket (plain, and over TLS 1.3 with the same
 * certificates); and the payloads alone, length-prefixed, over plain TCP, which is the floor.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { Packr } from 'msgpackr';
import { WebSocket, WebSocketServer } from 'ws';
import { createNodeCertificate } from '../src/runtime/adapters/certificates.ts';

/** One end of something that carries messages. */
export interface Channel {
  /** False where the message was not taken: there is no room. */
  send(payload: Uint8Array): boolean;
  whenRoom(callback: () => void): void;
  onMessage: (payload: Uint8Array) => void;
  close(): void;
}

export interface ServedChannel {
  readonly address: string;
  close(): Promise<void>;
}

const frameBytes = 64 * 1024;
const bufferedBytesMax = 4 * 1024 * 1024;

/** Gathers records into frames: flushed when one is full and at the end of the turn. */
class Frames {
  #bytes = Buffer.allocUnsafe(frameBytes);
  #length = 0;
  #scheduled = false;
  readonly #emit: (frame: Buffer) => void;

  constructor(emit: (frame: Buffer) => void) {
    this.#emit = emit;
  }

  add(record: Uint8Array): void {
    if (this.#length + record.length > frameBytes) this.flush();
    if (record.length > frameBytes) {
      this.#emit(Buffer.from(record));
      return;
    }
    this.#bytes.set(record, this.#length);
    this.#length += record.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#length === 0) return;
    const frame = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(frameBytes);
    this.#length = 0;
    this.#emit(frame);
  }
}

abstract class Gathered implements Channel {
  onMessage: (payload: Uint8Array) => void = () => undefined;
  #waiting: (() => void)[] = [];

  abstract send(payload: Uint8Array): boolean;
  abstract close(): void;

  whenRoom(callback: () => void): void {
    this.#waiting.push(callback);
  }

  protected written(bufferedBytes: number): void {
    if (this.#waiting.length === 0 || bufferedBytes > bufferedBytesMax / 2) return;
    const callbacks = this.#waiting;
    this.#waiting = [];
    for (const callback of callbacks) callback();
  }
}

type Message = readonly [type: number, target: string, correlation: number, trace: null, payload: Uint8Array];

class RawWs extends Gathered {
  readonly #webSocket: WebSocket;
  readonly #packr = new Packr({ useRecords: false });
  readonly #frames: Frames;

  constructor(webSocket: WebSocket) {
    super();
    this.#webSocket = webSocket;
    this.#frames = new Frames((frame) => {
      webSocket.send(frame, () => this.written(webSocket.bufferedAmount));
    });
    webSocket.on('message', (data: Buffer) => {
      this.#packr.unpackMultiple(data, (message: unknown) => this.onMessage((message as Message)[4]));
    });
  }

  send(payload: Uint8Array): boolean {
    if (this.#webSocket.bufferedAmount > bufferedBytesMax) return false;
    this.#frames.add(this.#packr.pack([0, 'bench', 0, null, payload] satisfies Message));
    return true;
  }

  close(): void {
    this.#webSocket.terminate();
  }
}

class RawTcp extends Gathered {
  readonly #socket: Socket;
  readonly #frames: Frames;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    super();
    this.#socket = socket.setNoDelay(true);
    this.#frames = new Frames((frame) => {
      socket.write(frame, () => this.written(socket.writableLength));
    });
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', () => undefined);
  }

  send(payload: Uint8Array): boolean {
    if (this.#socket.writableLength > bufferedBytesMax) return false;
    const record = Buffer.allocUnsafe(4 + payload.length);
    record.writeUInt32BE(payload.length);
    record.set(payload, 4);
    this.#frames.add(record);
    return true;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length >= 4) {
      const end = 4 + data.readUInt32BE();
      if (data.length < end) break;
      this.onMessage(data.subarray(4, end));
      data = data.subarray(end);
    }
    this.#rest = data;
  }
}

const portOf = (server: { address(): AddressInfo | string | null }): number => (server.address() as AddressInfo).port;

export async function serveRawWs(tls: boolean, onChannel: (channel: Channel) => void): Promise<ServedChannel> {
  const { certificate, privateKey } = await createNodeCertificate(new Uint8Array(32).fill(1));
  const server = tls
    ? createHttpsServer({ key: privateKey, cert: certificate, minVersion: 'TLSv1.3' })
    : createHttpServer();
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false });
  webSockets.on('connection', (webSocket) => onChannel(new RawWs(webSocket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `${tls ? 'wss' : 'ws'}://127.0.0.1:${portOf(server)}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export function dialRawWs(address: string): Promise<Channel> {
  const webSocket = new WebSocket(address, {
    perMessageDeflate: false,
    rejectUnauthorized: false,
    // As the links do: the default mask costs a pass over every byte, which would flatter them.
    generateMask: (mask) => void mask.fill(0),
  });
  return new Promise((resolve, reject) => {
    webSocket.once('open', () => resolve(new RawWs(webSocket)));
    webSocket.once('error', reject);
  });
}

export async function serveRawTcp(onChannel: (channel: Channel) => void): Promise<ServedChannel> {
  const server = createTcpServer((socket) => onChannel(new RawTcp(socket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: String(portOf(server)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export function dialRawTcp(address: string): Promise<Channel> {
  const socket = connectTcp(Number(address), '127.0.0.1');
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(new RawTcp(socket)));
    socket.once('error', reject);
  });
}
