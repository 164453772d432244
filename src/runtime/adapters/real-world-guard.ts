/** Makes what a simulated node must not read throw, for as long as its code runs. */

type Loose = Record<string, unknown>;

export interface RealWorldGuard {
  /** From here on a read throws, and is told to `onLeak`. */
  close(onLeak: (name: string, stack: string) => void): void;
  open(): void;
}

const timers = ['setTimeout', 'setInterval', 'setImmediate'] as const;

/** Of this process' global object. */
export function createRealWorldGuard(): RealWorldGuard {
  const real = globalThis as unknown as Loose;
  const { Date: realDate, Math: realMath, performance: realPerformance, process: realProcess } = globalThis;
  let leaked: (name: string, stack: string) => void = () => undefined;
  const forbidden = (name: string) => (): never => {
    const error = new Error(`${name} was used by simulated code`);
    leaked(name, error.stack ?? '');
    throw error;
  };
  const guards: readonly (readonly [target: Loose, name: string, replacement: unknown])[] = [
    ...timers.map((name) => [real, name, forbidden(name)] as const),
    [real, 'Date', guardedDate(realDate, forbidden('Date'))],
    [realMath as unknown as Loose, 'random', forbidden('Math.random')],
    [realPerformance as unknown as Loose, 'now', forbidden('performance.now')],
    [realProcess as unknown as Loose, 'hrtime', forbidden('process.hrtime')],
    // Not drained between steps.
    [realProcess as unknown as Loose, 'nextTick', forbidden('process.nextTick')],
    [globalThis.crypto as unknown as Loose, 'getRandomValues', forbidden('crypto.getRandomValues')],
  ];
  const originals = guards.map(([target, name]) => Object.getOwnPropertyDescriptor(target, name));
  return {
    close: (onLeak) => {
      leaked = onLeak;
      for (const [target, name, value] of guards) {
        Object.defineProperty(target, name, { value, configurable: true, writable: true });
      }
    },
    open: () => {
      guards.forEach(([target, name], index) => {
        const original = originals[index];
        // Inherited where it was not the object's own.
        if (original === undefined) Reflect.deleteProperty(target, name);
        else Object.defineProperty(target, name, original);
      });
    },
  };
}

/** Dates of given moments go on working. */
function guardedDate(real: DateConstructor, now: () => never): unknown {
  return new Proxy(real, {
    apply: now,
    construct: (target, given) => (given.length === 0 ? now() : Reflect.construct(target, given)) as object,
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
}
