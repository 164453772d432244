/**
 * One holder a directory. The lock is flock(2) on a file in it: it belongs to the open file description, so it dies with
 * the process however that ends, holds between containers that share a volume, and holds within one process too.
 *
 * Node has no flock(2). The `flock` program (util-linux, busybox) locks a descriptor that it inherits, and the lock stays
 * with ours when it exits. Where there is no such program the file names the holder's process instead, which is weaker:
 * a process in another process namespace, or a reused process number, is judged wrongly.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { StoreError } from '../ports/store.ts';

export interface DirectoryLock {
  /** Idempotent. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** Start of the process, ms since 1970: tells a process from its predecessor of the same number. */
  readonly startedAt: number;
}

const self = (): Holder => ({ pid: process.pid, startedAt: Math.floor(performance.timeOrigin) });

function readHolder(path: string): Holder | null {
  const [pid, startedAt] = readFileSync(path, 'utf8').trim().split(' ').map(Number);
  return pid !== undefined && startedAt !== undefined && pid > 0 && startedAt >= 0 ? { pid, startedAt } : null;
}

function isAlive({ pid, startedAt }: Holder): boolean {
  if (pid === process.pid) return startedAt === self().startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

type Attempt = 'taken' | 'held' | 'no-program';

function tryFlock(descriptor: number): Attempt {
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
  if (error !== undefined) return 'no-program';
  return status === 0 ? 'taken' : 'held';
}

/** Takes the lock of `directory`, which exists. Throws StoreError `locked`, naming the holder where it is known. */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, 'owner');
  const descriptor = openSync(path, 'a+', 0o600);
  try {
    const holder = readHolder(path);
    const attempt = tryFlock(descriptor);
    if (attempt === 'held' || (attempt === 'no-program' && holder !== null && isAlive(holder))) {
      const who = holder === null ? 'another process' : `process ${holder.pid}`;
      throw new StoreError('locked', `${directory} is in use by ${who}`, { details: { directory } });
    }
    ftruncateSync(descriptor);
    const { pid, startedAt } = self();
    writeSync(descriptor, `${pid} ${startedAt}\n`);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      ftruncateSync(descriptor);
      closeSync(descriptor);
    },
  };
}
