/** Everything in a directory, as text: what was the same before and after. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** `path kind mode owner contents`, sorted. Times are left out. */
export function listFiles(directory: string, at = ''): readonly string[] {
  return readdirSync(join(directory, at))
    .sort()
    .flatMap((name) => {
      const path = at === '' ? name : `${at}/${name}`;
      const full = join(directory, path);
      const status = lstatSync(full);
      const { mode, uid, gid } = status;
      const owner = `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
      if (status.isDirectory()) return [`${path}/ ${owner}`, ...listFiles(directory, path)];
      if (status.isSymbolicLink()) return [`${path} -> ${readlinkSync(full)} ${uid}:${gid}`];
      return [`${path} ${owner} ${readFileSync(full).toString('latin1').slice(0, 60)}`];
    });
}
