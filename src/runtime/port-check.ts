/** Finds ports that are already taken before anything is started, and who holds them where the system says so. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { joinAddress } from './manifest-expand.ts';

export interface WantedPort {
  readonly host: string;
  readonly port: number;
  /** `validator-1 link`. */
  readonly purpose: string;
}

export interface PortProblem {
  readonly wanted: WantedPort;
  readonly reason: 'in-use' | 'not-this-machine' | 'not-permitted' | 'unusable';
  readonly message: string;
}

export async function findPortProblems(wanted: readonly WantedPort[]): Promise<readonly PortProblem[]> {
  const outcomes = await Promise.all(wanted.map(checkOne));
  return outcomes.filter((problem) => problem !== null);
}

async function checkOne(wanted: WantedPort): Promise<PortProblem | null> {
  const code = await tryBinding(wanted);
  const address = joinAddress(wanted.host, wanted.port);
  switch (code) {
    case null:
      return null;
    case 'EADDRINUSE': {
      const owner = findPortOwner(wanted.port);
      const by = owner === null ? 'another process' : `process ${owner.pid} (${owner.command})`;
      return { wanted, reason: 'in-use', message: `${address} for ${wanted.purpose} is in use by ${by}` };
    }
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return {
        wanted,
        reason: 'not-this-machine',
        message: `${wanted.host} for ${wanted.purpose} is not an address of this machine: name the host with --host`,
      };
    case 'EACCES':
      return {
        wanted,
        reason: 'not-permitted',
        message: `this user may not listen on ${address} for ${wanted.purpose}`,
      };
    default:
      return { wanted, reason: 'unusable', message: `cannot listen on ${address} for ${wanted.purpose}: ${code}` };
  }
}

function tryBinding({ host, port }: WantedPort): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The process that listens on a TCP port, from /proc; null where that is not possible. */
export function findPortOwner(port: number): { readonly pid: number; readonly command: string } | null {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return null;
  for (const entry of readEntries('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    for (const descriptor of readEntries(`/proc/${entry}/fd`)) {
      const inode = /^socket:\[([0-9]+)\]$/.exec(readLink(`/proc/${entry}/fd/${descriptor}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid: Number(entry), command: commandOf(entry) };
    }
  }
  return null;
}

function listeningInodes(port: number): ReadonlySet<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readText(table).split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[9];
      // State 0A is LISTEN.
      if (columns[3] === '0A' && columns[1]?.endsWith(`:${hexPort}`) === true && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

function commandOf(pid: string): string {
  const command = readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return command.length > 60 ? `${command.slice(0, 57)}...` : command;
}

/** Processes come and go while they are looked at: what cannot be read is as if it were not there. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
function readEntries(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
