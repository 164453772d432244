/** A TCP relay in front of a node's link address: cut, nothing passes and no connection stays; healed, it is as before. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.ts';

export class CuttableProxy {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** `target` is `host:port`. */
  static async before(target: string): Promise<CuttableProxy> {
    const port = await freePort();
    const server = createServer();
    const proxy = new CuttableProxy(server, `127.0.0.1:${port}`);
    const [host = '', targetPort = ''] = target.split(':');
    server.on('connection', (socket) => proxy.#relay(socket, () => connect(Number(targetPort), host)));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
    return proxy;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #relay(socket: Socket, dial: () => Socket): void {
    if (this.#isCut) {
      socket.destroy();
      return;
    }
    const other = dial();
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
