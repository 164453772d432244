/** What nact's sources see under these names: the process's own in production, a simulated node's in a simulation. */
export interface NactGlobals {
  readonly setImmediate: (callback: () => void) => unknown;
  readonly clearImmediate: (handle: unknown) => void;
  readonly setTimeout: (callback: () => void, delayMs?: number) => unknown;
  readonly clearTimeout: (handle: unknown) => void;
  readonly Math: Pick<Math, 'abs' | 'min' | 'max' | 'random'>;
  readonly Date: unknown;
  readonly console: Pick<Console, 'log' | 'warn' | 'error'>;
  /** Stands for the module `crypto`. */
  readonly crypto: { readonly randomBytes: (count: number) => { readUInt32BE(): number } };
}
