/** A small file system that a test can fill: a tmpfs, where this machine lets us mount one. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Null where mounting is not permitted. */
  static mount(directory: string, megabytes: number): SmallDisk | null {
    mkdirSync(directory, { recursive: true });
    const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory];
    return spawnSync('mount', options).status === 0 ? new SmallDisk(directory) : null;
  }

  /** Leaves no byte free. */
  fill(): void {
    const descriptor = openSync(this.#ballast, 'w');
    try {
      for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) while (writes(descriptor, bytes));
    } finally {
      closeSync(descriptor);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    spawnSync('umount', [this.directory]);
  }

  get #ballast(): string {
    return join(this.directory, 'ballast');
  }
}

function writes(descriptor: number, bytes: number): boolean {
  try {
    return writeSync(descriptor, new Uint8Array(bytes)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
