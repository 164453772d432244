/** Ports that nobody listens on now, for programs that must be told theirs. */
import { createServer, type Server } from 'node:net';

/** Below the range from which the operating system takes ports by itself, so that it does not give them away meanwhile. */
const firstPort = 12_000;
const lastPort = 31_000;

/** The first of `count` consecutive free ports on an address. Throws where a hundred places were all taken. */
export async function freePortRange(count: number, address = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = firstPort + Math.floor(Math.random() * (lastPort - firstPort - count));
    const servers: Server[] = [];
    try {
      for (let i = 0; i < count; i++) servers.push(await listen(first + i, address));
      return first;
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    } finally {
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    }
  }
  throw new Error(`no ${count} consecutive ports are free on ${address}`);
}

function listen(port: number, address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, address, () => resolve(server));
  });
}
