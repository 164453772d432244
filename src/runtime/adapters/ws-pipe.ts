import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import type { Pipe } from '../ports/transport.ts';

/** RFC 6455, section 7.4.2: codes from 4000 are for private use. */
const closeCode = 4000;

/** One WebSocket over TLS, once both are established. */
export class WsPipe implements Pipe {
  readonly peerKey: PublicKey;
  readonly channelBinding: Uint8Array;
  readonly remoteAddress: string;
  onFrame: (frame: Uint8Array) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  onDrain: () => void = () => undefined;
  readonly #webSocket: WebSocket;
  #failure = '';
  readonly #onWritten = (): void => {
    if (this.#webSocket.bufferedAmount === 0 && this.#webSocket.readyState === WebSocket.OPEN) this.onDrain();
  };

  constructor(webSocket: WebSocket, socket: TLSSocket, peerKey: PublicKey) {
    this.#webSocket = webSocket;
    this.peerKey = peerKey;
    this.remoteAddress = addressOf(socket);
    this.channelBinding = bindingOf(socket);
    socket.setNoDelay(true);
    webSocket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) this.close('malformed');
      // A plain view: `slice` of a Buffer would not copy.
      else this.onFrame(new Uint8Array(data.buffer, data.byteOffset, data.length));
    });
    webSocket.on('error', (error) => {
      this.#failure = error.message;
    });
    webSocket.once('close', (code, reason) => {
      const told = code === closeCode ? printable(reason.toString('latin1')) : '';
      this.onClose(this.#failure || told || `connection closed (${code})`);
    });
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(frame: Uint8Array): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.send(frame, this.#onWritten);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(reason: string): void {
    // A paused socket would not see the other side's close frame.
    this.#webSocket.resume();
    this.#failure ||= reason;
    this.#webSocket.close(closeCode, printable(reason));
  }
}

/** `host:port` of the other side. */
export function addressOf(socket: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

/** RFC 8446, section 7.5: a secret of this connection alone, the same at both ends. */
function bindingOf(socket: TLSSocket): Uint8Array {
  const exported = socket.exportKeyingMaterial(32, 'EXPORTER-bpci-link', Buffer.alloc(0));
  return new Uint8Array(exported.buffer, exported.byteOffset, exported.length).slice();
}

/** A peer's words go into logs and states: printable ASCII, and short (a close reason is at most 123 bytes). */
const printable = (text: string): string => text.replace(/[^ -~]/g, '?').slice(0, 100);
