/** Loads scenario files, TypeScript among them, on every Node that this package runs on. */
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { CommandError } from '../../terminal.ts';

/** Whether this program runs from the build: then scenarios' imports of its sources mean what was built of them. */
const isBuilt = import.meta.url.endsWith('.js');

let hooked = false;

/** `root` is this package's folder. Rejects with CommandError where nothing here reads TypeScript. */
export async function importScenarioFile(file: string, root: string): Promise<unknown> {
  if (isBuilt && file.endsWith('ts')) readTypeScript(root);
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new CommandError(
      'failed',
      `this Node (${process.version}) does not read TypeScript by itself`,
      ['npm install --save-dev typescript', 'or use Node 22.18 or newer', 'or give a .js file'],
      error,
    );
  }
}

function readTypeScript(root: string): void {
  if (hooked) return;
  hooked = true;
  const own = { src: pathToFileURL(`${root}/src/`).href, dist: pathToFileURL(`${root}/dist/`).href };
  const strips = (process.features as { readonly typescript?: unknown }).typescript;
  const data = { ...own, transpile: strips === undefined || strips === false };
  register(new URL('./typescript-hooks.js', import.meta.url), { data });
}

const isUnreadable = (error: unknown): boolean =>
  ['ERR_UNKNOWN_FILE_EXTENSION', 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING', 'TYPESCRIPT_MISSING'].includes(
    String((error as { readonly code?: unknown }).code),
  );
