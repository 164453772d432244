/**
 * The TypeScript sources of the product, and a mutated module as what runs in place of its own. In a checkout they lie
 * in `src/`, of which this program is a part or the build; the compiler is the one that builds it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type typescript from 'typescript';
import { MutantError } from './mutant.ts';
import type { ReplacedModule } from './replaced-module.ts';

/** Whether this program runs from its sources, through a loader that reads TypeScript. */
const runsFromSources = import.meta.url.endsWith('.ts');
const modules = new URL('../', import.meta.url);
const sources = runsFromSources ? modules : new URL('../../src/', import.meta.url);

/** The text of a file below `src/`. Throws MutantError `no-sources`. */
export function readSource(file: string): string {
  const url = new URL(file, sources);
  if (existsSync(url)) return readFileSync(url, 'utf8');
  throw new MutantError(
    'no-sources',
    `mutants change the TypeScript sources, and there is no ${fileURLToPath(url)}: run them in a checkout of the repository`,
  );
}

/** Throws MutantError `no-sources` where TypeScript is not installed. */
export async function loadCompiler(): Promise<typeof typescript> {
  try {
    return (await import('typescript')).default;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MutantError('no-sources', 'mutants need the TypeScript compiler: npm install --save-dev typescript@6', {
      cause: error,
    });
  }
}

/** What is to be loaded in place of the module of this file. */
export function replacedModule(compiler: typeof typescript, file: string, source: string): ReplacedModule {
  const url = new URL(runsFromSources ? file : file.replace(/\.ts$/, '.js'), modules).href;
  const { outputText } = compiler.transpileModule(source, {
    fileName: file,
    compilerOptions: {
      target: compiler.ScriptTarget.ES2022,
      module: compiler.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: !runsFromSources,
    },
  });
  return { url, code: outputText };
}
