/** An image store in a directory of its own, and what tests ask of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openImageStore } from '../../src/runtime/images/directory-image-store.ts';
import { ImageError, type ImageErrorCode, type ImageStore } from '../../src/runtime/ports/image-store.ts';
import { listFiles } from './file-listing.ts';
import { layoutOf, type LayoutPlan } from './oci-layout.ts';
import { directory, file, tarArchive } from './tar-archive.ts';

export const isRoot = process.geteuid?.() === 0;
export const canMountOverlay =
  isRoot && existsSync('/proc/filesystems') && readFileSync('/proc/filesystems', 'utf8').includes('\toverlay\n');

export async function refusalOf(work: Promise<unknown>): Promise<ImageErrorCode> {
  const error: unknown = await work.then(
    () => new Error('it was not refused'),
    (cause: unknown) => cause,
  );
  if (error instanceof ImageError) return error.code;
  throw error;
}

/** Of what lies below a directory. */
export const mountCount = (below: string): number =>
  existsSync('/proc/self/mountinfo')
    ? readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(below)).length
    : 0;

/** An image of one program that is a text. */
export const helloLayout = (): LayoutPlan =>
  layoutOf(tarArchive(directory('bin'), file('bin/hello', 'hello', { mode: 0o755 })));

export class ImageWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'bpci-images-'));
  #now = 1_700_000_000_000;

  path(name: string): string {
    return join(this.directory, name);
  }

  open(): Promise<ImageStore> {
    return openImageStore({ directory: this.path('store'), now: () => (this.#now += 1) });
  }

  /** Everything in the store but who holds it. */
  stored(): readonly string[] {
    return listFiles(this.path('store')).filter((line) => !line.startsWith('owner'));
  }

  async remove(store: ImageStore): Promise<void> {
    for (const { containerId } of await store.openRoots().catch(() => [])) await store.closeRoot(containerId);
    await store.close();
    rmSync(this.directory, { recursive: true });
  }
}
