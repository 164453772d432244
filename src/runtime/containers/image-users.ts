/** The users that an image lists. Its files are a stranger's: no link is followed, nothing large is read. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageUser } from '../../protocols/docklock/deployment.ts';
import type { ContainerSpec } from '../../protocols/shared/containers.ts';

const listBytesMax = 1024 * 1024;

/** Of `user`, as the image's configuration has it; null where its lists do not have that. */
export const userOf = (root: string, user: string): ContainerSpec['user'] | null =>
  imageUser(user, listIn(root, 'passwd'), listIn(root, 'group'));

/** Empty where there is none that is a plain file. */
function listIn(root: string, name: string): string {
  const directory = join(root, 'etc');
  const file = join(directory, name);
  try {
    if (!lstatSync(directory).isDirectory()) return '';
    const found = lstatSync(file);
    return found.isFile() && found.size <= listBytesMax ? readFileSync(file, 'utf8') : '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
