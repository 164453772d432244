/** Ports of loopback for processes that keep theirs over restarts. */
import { createServer } from 'node:net';

/** Below the range from which the operating system takes ports for outgoing connections, so that a restart finds its own. */
const lowest = 12_000;
const count = 18_000;
let next = lowest + ((process.pid * 97) % count);

export async function freePort(): Promise<number> {
  for (let tried = 0; tried < count; tried++) {
    const port = next;
    next = next + 1 < lowest + count ? next + 1 : lowest;
    if (await isFree(port)) return port;
  }
  throw new Error('no port of loopback is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
