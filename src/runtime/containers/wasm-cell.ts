/** What the driver and the process of a module say to each other: files of the cell of a container. */
/** Written by the driver: the module as it may be run. */
export const moduleFile = 'module.wasm';
/** Written by the process, again and again: {@link WasmUsage}. */
export const usageFile = 'usage.json';
/** Written by the process last: {@link WasmEnd}. */
export const endFile = 'end.json';

export interface WasmUsage {
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
}

export interface WasmEnd {
  readonly kind: 'exited' | 'timeout' | 'oom' | 'start-failed';
  /** null where it did not end by itself. */
  readonly code: number | null;
  /** For a person: why it trapped, or was not started. */
  readonly detail: string;
  readonly at: number;
  readonly usage: WasmUsage;
}

/** From the worker to its process. */
export type WasmReport =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly end: Pick<WasmEnd, 'kind' | 'code' | 'detail'> };
