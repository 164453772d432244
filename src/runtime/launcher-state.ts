/**
 * Who supervises a data directory: `launcher.json` in it, made atomically, so that a second `up` is refused and other
 * terminals find the first. A file whose process is gone (or whose id now belongs to another process) is stale.
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CodedError } from '../protocols/shared/errors.ts';

export interface LauncherState {
  readonly pid: number;
  /** Start of the process in the kernel's clock ticks where /proc has it: tells a reused process id. */
  readonly processStart: string | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly manifest: string;
  readonly network: string;
  readonly host: string | null;
  /** Unix domain socket of the launcher. */
  readonly socket: string;
}

export class LauncherError extends CodedError<'already-running' | 'not-running' | 'no-answer' | 'ports-in-use'> {
  override readonly name = 'LauncherError';
}

/** With several hosts on one machine's data directory, each has its own. */
export const stateFileOf = (dataDir: string, host: string | null): string =>
  join(dataDir, host === null ? 'launcher.json' : `launcher-${host.replaceAll(/[^A-Za-z0-9.-]/g, '_')}.json`);

/** Socket paths are limited to about 100 bytes: a deep data directory gets its socket in the system's temporary directory. */
export function socketPathOf(dataDir: string, host: string | null): string {
  const inPlace = resolve(stateFileOf(dataDir, host).replace(/json$/, 'sock'));
  if (Buffer.byteLength(inPlace) <= 100) return inPlace;
  return join(tmpdir(), `bpci-${createHash('sha256').update(inPlace).digest('hex').slice(0, 24)}.sock`);
}

export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

export function isAlive(state: Pick<LauncherState, 'pid' | 'processStart'>): boolean {
  try {
    process.kill(state.pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return state.processStart === null || processStart(state.pid) === state.processStart;
}

/** The living launcher of this data directory, or null. */
export function readLauncherState(dataDir: string, host: string | null): LauncherState | null {
  let state: LauncherState;
  try {
    state = JSON.parse(readFileSync(stateFileOf(dataDir, host), 'utf8')) as LauncherState;
  } catch {
    return null;
  }
  return isAlive(state) ? state : null;
}

/** Claims the data directory. Throws LauncherError `already-running`. Returns the release. */
export function claimDataDir(dataDir: string, state: LauncherState): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = stateFileOf(dataDir, state.host);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const descriptor = openSync(file, 'wx', 0o600);
      writeSync(descriptor, `${JSON.stringify(state, null, 2)}\n`);
      closeSync(descriptor);
      return () => remove(file);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = readLauncherState(dataDir, state.host);
    if (holder !== null) {
      throw new LauncherError(
        'already-running',
        `the network ${holder.network} is already running on ${dataDir}: process ${holder.pid}, started ${new Date(holder.startedAt).toISOString()}, manifest ${holder.manifest}`,
        { details: { pid: holder.pid } },
      );
    }
    remove(file);
  }
  throw new LauncherError('already-running', `another launcher is starting on ${dataDir}`);
}

function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
