/** The package as its users have it: built. Does nothing where the build is newer than every source. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Rejects with what the build printed. */
export function buildPackage(): Promise<void> {
  return new Promise((settle, reject) => {
    execFile(process.execPath, [join(root, 'scripts', 'build.js')], { cwd: root }, (error, out, errors) => {
      if (error === null) settle();
      else reject(new Error(`the build failed:\n${out}${errors}`));
    });
  });
}
