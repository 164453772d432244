/**
 * How other terminals talk to a running launcher: a Unix domain socket, one JSON line a request, JSON lines in answer.
 * `status` is answered with one line. `stop` and `events` stream events; the stream ends when the launcher has.
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ProcessEvent, ProcessStatus } from './launcher-process.ts';
import { LauncherError } from './launcher-state.ts';

export interface LauncherReport {
  readonly network: string;
  readonly manifest: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly processes: readonly ProcessStatus[];
}

export type ControlRequest = { readonly command: 'status' | 'stop' | 'events' };

export interface ControlServer {
  close(): Promise<void>;
}

export async function serveControl(
  path: string,
  handlers: {
    readonly report: () => LauncherReport;
    readonly onEvent: (listener: (event: ProcessEvent) => void) => () => void;
    /** Called for `stop`; the connection stays open until the server is closed. */
    readonly requestStop: () => void;
  },
): Promise<ControlServer> {
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    createInterface({ input: socket }).once('line', (line) => answer(socket, line));
  });
  const write = (socket: Socket, value: unknown): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
  };
  const answer = (socket: Socket, line: string): void => {
    const command = readCommand(line);
    if (command === 'status') {
      socket.end(`${JSON.stringify(handlers.report())}\n`);
    } else if (command === 'stop' || command === 'events') {
      socket.on(
        'close',
        handlers.onEvent((event) => write(socket, event)),
      );
      if (command === 'stop') handlers.requestStop();
    } else {
      socket.end(`${JSON.stringify({ error: 'unknown command' })}\n`);
    }
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  // Whoever may connect may stop the network.
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.end();
      }),
  };
}

function readCommand(line: string): string | null {
  try {
    const request: unknown = JSON.parse(line);
    return typeof request === 'object' && request !== null && 'command' in request ? String(request.command) : null;
  } catch {
    return null;
  }
}

/** Sends one request and yields every line of the answer. Throws LauncherError `no-answer`. */
export async function* askControl(path: string, request: ControlRequest): AsyncGenerator {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (cause) {
    throw new LauncherError('no-answer', `the launcher does not answer on ${path}`, { cause });
  }
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    for await (const line of createInterface({ input: socket })) yield JSON.parse(line) as unknown;
  } finally {
    socket.destroy();
  }
}

export async function askReport(path: string): Promise<LauncherReport> {
  for await (const line of askControl(path, { command: 'status' })) return line as LauncherReport;
  throw new LauncherError('no-answer', `the launcher gave no answer on ${path}`);
}
