/**
 * Makes what a simulated node must not read throw, for as long as its code runs: clocks, timers, randomness, files,
 * sockets, processes, what the garbage collector has done. Also where a module was imported by name before.
 *
 * Out of its reach: a function that simulated code took hold of before the run and kept (`const now = Date.now`), native
 * add-ons, and `import()`.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';

/** `place`: where it was used, the innermost call first, one a line. */
type OnLeak = (name: string, place: string) => void;

export interface RealWorldGuard {
  /** From here on a read throws, and is told to `onLeak`. */
  close(onLeak: OnLeak): void;
  open(): void;
  /** Everything is again as it was. */
  remove(): void;
}

const require = createRequire(import.meta.url);
const builtin = (name: string): object => require(`node:${name}`) as object;

const timerNames = ['setTimeout', 'setInterval', 'setImmediate'];
const subtleNames =
  'decrypt deriveBits deriveKey digest encrypt exportKey generateKey importKey sign unwrapKey verify wrapKey';
const cryptoNames = `checkPrime generateKey generateKeyPair generateKeyPairSync generateKeySync generatePrime generatePrimeSync
  hkdf pbkdf2 randomBytes randomFill randomFillSync randomInt randomUUID scrypt`;

/** Every function of theirs, but for classes. */
const wholeModules = ['child_process', 'dgram', 'dns', 'dns/promises', 'fs', 'fs/promises', 'os', 'timers/promises'];
const partsOfModules: readonly (readonly [module: string, names: readonly string[]])[] = [
  ['timers', timerNames],
  ['crypto', cryptoNames.split(/\s+/)],
  ['http', ['request', 'get', 'createServer']],
  ['https', ['request', 'get', 'createServer']],
  ['http2', ['connect', 'createServer', 'createSecureServer']],
  ['net', ['connect', 'createConnection', 'createServer', 'Socket', 'Server']],
  ['tls', ['connect', 'createServer']],
  ['worker_threads', ['Worker', 'BroadcastChannel', 'MessageChannel']],
];

interface Guarded {
  readonly target: object;
  readonly name: string;
  readonly replacement: unknown;
  readonly original: PropertyDescriptor;
  /** Whether it was the object's own. */
  readonly isOwn: boolean;
}

/** Of this process: there is one real world, however many simulations run by turns. */
const state: { guards: number; onLeak: OnLeak | null; guarded: readonly Guarded[] } = {
  guards: 0,
  onLeak: null,
  guarded: [],
};

/** In force until it is removed: open at first. */
export function installRealWorldGuard(): RealWorldGuard {
  if (state.guards++ === 0) install();
  return {
    close: (onLeak) => {
      state.onLeak = onLeak;
    },
    open: () => {
      state.onLeak = null;
    },
    remove: () => {
      if (--state.guards === 0) uninstall();
    },
  };
}

function install(): void {
  state.guarded = [...guardedGlobals(), ...guardedModules(), ...guardedConsole()];
  for (const { target, name, replacement } of state.guarded) {
    Object.defineProperty(target, name, { value: replacement, configurable: true, writable: true });
  }
  syncBuiltinESMExports();
}

function uninstall(): void {
  for (const { target, name, original, isOwn } of state.guarded) {
    if (isOwn) Object.defineProperty(target, name, original);
    else Reflect.deleteProperty(target, name);
  }
  state.guarded = [];
  syncBuiltinESMExports();
}

/** Runs with the guard open: what the host itself does. */
function outside<T>(work: () => T): T {
  const { onLeak } = state;
  state.onLeak = null;
  try {
    return work();
  } finally {
    state.onLeak = onLeak;
  }
}

/** Throws where the guard is closed. */
function use(name: string): void {
  const { onLeak } = state;
  if (onLeak === null) return;
  const place = outside(() => placeOf(new Error(name)));
  // Node's own, to print the lines of sources.
  if (/^at [^\n]*node:internal/.test(place)) return;
  onLeak(name, place);
  throw new Error(`${name} was used by simulated code ${place.split('\n', 1)[0]}`);
}

type Callable = (...given: readonly unknown[]) => unknown;

/** Named `label` in what is said of it. Nothing where the target has no such function, or does not let it be replaced. */
function guard(target: object, name: string, label: string, traps: ProxyHandler<Callable> = {}): readonly Guarded[] {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const real = (target as Readonly<Record<string, unknown>>)[name];
  if (typeof real !== 'function' || own?.configurable === false) return [];
  const replacement = new Proxy(real as Callable, {
    apply: (called, self, given) => {
      use(label);
      return Reflect.apply(called, self, given);
    },
    construct: (called, given, newTarget) => {
      use(label);
      return Reflect.construct(called, given, newTarget) as object;
    },
    ...traps,
  });
  const original = own ?? { value: real, configurable: true, writable: true };
  return [{ target, name, replacement, original, isOwn: own !== undefined }];
}

function guardedGlobals(): Guarded[] {
  const { crypto, performance, process } = globalThis;
  const own = [...timerNames, 'fetch', 'WebSocket', 'EventSource', 'WeakRef', 'FinalizationRegistry'];
  return [
    ...own.flatMap((name) => guard(globalThis, name, name)),
    ...guardedDate(),
    ...guard(Math, 'random', 'Math.random'),
    ...guard(performance, 'now', 'performance.now'),
    ...guard(AbortSignal, 'timeout', 'AbortSignal.timeout'),
    ...guard(Atomics, 'wait', 'Atomics.wait'),
    ...guard(process.hrtime, 'bigint', 'process.hrtime.bigint'),
    // Ticks are not drained between steps.
    ...['hrtime', 'nextTick', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage'].flatMap((name) =>
      guard(process, name, `process.${name}`),
    ),
    ...['getRandomValues', 'randomUUID'].flatMap((name) => guard(crypto, name, `crypto.${name}`)),
    ...subtleNames.split(' ').flatMap((name) => guard(crypto.subtle, name, `crypto.subtle.${name}`)),
  ];
}

function guardedModules(): Guarded[] {
  const functionsOf = (module: object): string[] =>
    Object.entries(Object.getOwnPropertyDescriptors(module))
      .filter(([name, { value }]) => typeof value === 'function' && /^[a-z]/.test(name))
      .map(([name]) => name);
  const named = [...wholeModules.map((name) => [name, functionsOf(builtin(name))] as const), ...partsOfModules];
  return named.flatMap(([module, names]) =>
    names.flatMap((name) => guard(builtin(module), name, `${module.replace('/', '.')}.${name}`)),
  );
}

/** Printing is how people look into their actors. It changes nothing that they could read. */
function guardedConsole(): Guarded[] {
  return ['log', 'info', 'debug', 'warn', 'error', 'trace', 'table', 'dir'].flatMap((name) =>
    guard(console, name, name, {
      apply: (method, self, given) => outside(() => Reflect.apply(method, self, given)),
    }),
  );
}

/** Dates of given moments go on working. */
function guardedDate(): readonly Guarded[] {
  const now = (): number => {
    use('Date.now');
    return realNow();
  };
  const realNow = Date.now.bind(Date);
  return guard(globalThis, 'Date', 'Date', {
    construct: (real, given, newTarget) => {
      if (given.length === 0) use('Date');
      return Reflect.construct(real, given, newTarget) as object;
    },
    get: (real, name) => (name === 'now' ? now : (Reflect.get(real, name) as unknown)),
  });
}

const linesOfPlace = 12;

/** Whoever used it: the stack below this file's own calls. */
function placeOf({ stack = '' }: Error): string {
  const lines = stack.split('\n').slice(1);
  const isOwn = (line: string): boolean => /real-world-guard\.[jt]s/.test(line);
  const last = lines.findLastIndex(isOwn);
  return lines
    .slice(last + 1, last + 1 + linesOfPlace)
    .map((line) => line.trim())
    .join('\n');
}
