/** A command whose output is kept up to a bound and whose time is limited. */
import { spawn } from 'node:child_process';
import { ContainerError, type ExecResult } from '../ports/container-driver.ts';
import { killProcess } from './control-groups.ts';

export interface BoundedRun {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  /** Called when its time is over, so that what it runs is ended first; itself it is killed where it goes on for a second. */
  readonly onTimeout?: () => void;
}

const lastMs = 1000;

const killedCode = 137;

class Kept {
  readonly #bytesMax: number;
  readonly #parts: Uint8Array[] = [];
  #size = 0;
  isTruncated = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(bytes: Uint8Array): void {
    const room = this.#bytesMax - this.#size;
    if (bytes.length > room) this.isTruncated = true;
    if (room <= 0) return;
    this.#parts.push(bytes.subarray(0, room));
    this.#size += Math.min(room, bytes.length);
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Rejects with ContainerError `driver-unavailable` where it cannot be run at all. */
export function runBounded({ command, timeoutMs, outputBytesMax, onTimeout }: BoundedRun): Promise<ExecResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr] = [new Kept(outputBytesMax), new Kept(outputBytesMax)];
    let isOver = false;
    const kill = (): void => {
      if (child.pid !== undefined) killProcess(-child.pid, 'SIGKILL');
    };
    let timer = setTimeout(() => {
      isOver = true;
      onTimeout?.();
      timer = setTimeout(kill, onTimeout === undefined ? 0 : lastMs);
    }, timeoutMs);
    child.stdout.on('data', (bytes: Uint8Array) => stdout.add(bytes));
    child.stderr.on('data', (bytes: Uint8Array) => stderr.add(bytes));
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new ContainerError('driver-unavailable', `${program} cannot be run`, { cause }));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({
        code: isOver ? killedCode : (code ?? killedCode),
        stdout: stdout.bytes,
        stderr: stderr.bytes,
        isTruncated: stdout.isTruncated || stderr.isTruncated,
      });
    });
  });
}
