/** Hooks of Node's module loader that give one module another text than the one in its file. */
import type { InitializeHook, LoadHook } from 'node:module';

export interface ReplacedModule {
  readonly url: string;
  /** JavaScript, an ES module. */
  readonly code: string;
}

let replaced: ReplacedModule | null = null;

export const initialize: InitializeHook<ReplacedModule> = (given) => {
  replaced = given;
};

/** Other loaders may name a version of the module behind a question mark. */
export const load: LoadHook = (url, context, nextLoad) =>
  url.split('?')[0] === replaced?.url
    ? { format: 'module', source: replaced?.code ?? '', shortCircuit: true }
    : nextLoad(url, context);
