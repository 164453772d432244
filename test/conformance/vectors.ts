/** Test vectors from outside lie beside the project, not in it: where they are missing, a suite says so and is skipped. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..', 'shared', 'vectors');

/** The path of a folder of vectors, or a skipped suite or test with a line that names what is missing. */
export function vectorFolder(context: Mocha.Context, name: string): string {
  const folder = join(root, name);
  if (!existsSync(folder)) {
    console.log(`      skipped: vectors ${name} are not at ${folder}`);
    context.skip();
  }
  return folder;
}

/** Every file under a folder, as paths relative to it, in order. */
export function filesUnder(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix))
    .sort()
    .flatMap((name) => {
      const path = join(prefix, name);
      return statSync(join(folder, path)).isDirectory() ? filesUnder(folder, path) : [path];
    });
}

export const readJsonFile = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
