/** The package as its users have it: built. Does nothing where the build is newer than every source. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(import.meta.dirname, '../..');
const prepare = pathToFileURL(join(root, 'scripts', 'prepare.js')).href;
const program = `import { ensureBuilt } from ${JSON.stringify(prepare)}; ensureBuilt();`;

/** Rejects with what the build printed. */
export function buildPackage(): Promise<void> {
  return new Promise((settle, reject) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], { cwd: root }, (error, out, errors) => {
      if (error === null) settle();
      else reject(new Error(`the build failed:\n${out}${errors}`));
    });
  });
}
