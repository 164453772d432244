/**
 * Loads nact, and the queue that it uses, from their installed sources, unmodified, into an instance of its own. What the
 * sources would take from the process (timers, time, randomness, console) is given instead, so that a simulated node runs
 * the production engine on a virtual scheduler, and its instance can be thrown away with the node.
 *
 * Built for nact 7.6 and denque 1.5, whose modules use `require`, `module.exports`, the names of {@link NactGlobals} and
 * the language itself, nothing more. A module that they do not have today is refused, so that an update cannot bring an
 * unseen source of nondeterminism with it.
 */
import { readFileSync } from 'node:fs';
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { Nact } from '../actors/nact-port.ts';
import type { NactGlobals } from '../ports/nact-globals.ts';

interface CompiledModule {
  readonly file: string;
  readonly run: (...inputs: readonly unknown[]) => void;
  /** By the name that the source requires: another file, or the name of a module that is given. */
  readonly requirements: ReadonlyMap<string, string>;
}

const globalNames = [
  'setImmediate',
  'clearImmediate',
  'setTimeout',
  'clearTimeout',
  'Math',
  'Date',
  'console',
] as const;

const givenModules: readonly string[] = ['assert', 'crypto'];

/** The sources, read and compiled once; every call of `load` gives a fresh private instance. */
export interface NactSource {
  load(globals: NactGlobals): Nact;
}

/** Throws CodedError `unexpected-source` where the installed sources require what they are not known to. */
export function readNactSource(): NactSource {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('nact');
  const modules = new Map<string, CompiledModule>();
  compile(entry, modules);
  return { load: (globals) => instantiate(entry, modules, globals) as Nact };
}

function compile(file: string, modules: Map<string, CompiledModule>): void {
  if (modules.has(file)) return;
  const source = readFileSync(file, 'utf8');
  const run = compileFunction(source, ['exports', 'require', 'module', ...globalNames], { filename: file });
  const requirements = new Map<string, string>();
  modules.set(file, { file, run: run as CompiledModule['run'], requirements });
  for (const [, name] of source.matchAll(/require\('([^']+)'\)/g)) {
    if (name === undefined || requirements.has(name)) continue;
    const target = locate(name, file);
    requirements.set(name, target);
    if (!givenModules.includes(target)) compile(target, modules);
  }
}

function locate(name: string, from: string): string {
  if (givenModules.includes(name)) return name;
  if (name.startsWith('.')) return createRequire(from).resolve(name);
  if (name === 'denque') return createRequire(join(dirname(from), 'package.json')).resolve(name);
  throw new CodedError(
    'unexpected-source',
    `${from} requires ${JSON.stringify(name)}: this version of nact is not known`,
  );
}

function instantiate(entry: string, modules: ReadonlyMap<string, CompiledModule>, globals: NactGlobals): unknown {
  const given = new Map<string, unknown>([
    ['assert', assert],
    ['crypto', globals.crypto],
  ]);
  const injected = globalNames.map((name) => globals[name]);
  const loaded = new Map<string, { exports: unknown }>();
  const load = (target: string): unknown => {
    if (given.has(target)) return given.get(target);
    const known = loaded.get(target);
    if (known !== undefined) return known.exports;
    const compiled = modules.get(target) as CompiledModule;
    const module: { exports: unknown } = { exports: {} };
    loaded.set(target, module);
    const require = (name: string): unknown => {
      const required = compiled.requirements.get(name);
      if (required === undefined)
        throw new CodedError('unexpected-source', `${target} requires ${JSON.stringify(name)}`);
      return load(required);
    };
    compiled.run.call(module.exports, module.exports, require, module, ...injected);
    return module.exports;
  };
  return load(entry);
}
