/**
 * Module hooks for scenario files in TypeScript, where this program runs from its build: types are taken off by the
 * `typescript` package where Node does not do it, and what a scenario imports of this package's sources is the build.
 */
import { readFile } from 'node:fs/promises';
import type { InitializeHook, LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import type TypeScript from 'typescript';

interface HookData {
  /** Folders of this package, as file URLs. */
  readonly src: string;
  readonly dist: string;
  /** Node does not take types off. */
  readonly transpile: boolean;
}

let given: HookData = { src: '', dist: '', transpile: false };

export const initialize: InitializeHook<HookData> = (data) => {
  given = data;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const parent = context.parentURL;
  if (parent !== undefined && specifier.startsWith('.')) {
    const { href } = new URL(specifier, parent);
    if (href.startsWith(given.src) && href.endsWith('.ts')) {
      return next(`${given.dist}${href.slice(given.src.length, -'.ts'.length)}.js`, context);
    }
  }
  return next(specifier, context);
};

export const load: LoadHook = async (url, context, next) => {
  if (!given.transpile || !url.startsWith('file:') || !/\.m?ts$/.test(url)) return next(url, context);
  const { transpileModule, ModuleKind, ScriptTarget } = await compiler();
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022, verbatimModuleSyntax: true };
  const { outputText } = transpileModule(await readFile(fileURLToPath(url), 'utf8'), { compilerOptions });
  return { format: 'module', shortCircuit: true, source: outputText };
};

async function compiler(): Promise<typeof TypeScript> {
  try {
    return (await import('typescript')).default;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw Object.assign(new Error('the package typescript is not installed', { cause: error }), {
      code: 'TYPESCRIPT_MISSING',
    });
  }
}
