/** The engine's own WebAssembly, of which the types of this project's libraries say nothing. */

export interface EngineMemory {
  /** Another one after each growth. */
  readonly buffer: ArrayBuffer;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly CompileError: new () => Error;
  readonly LinkError: new () => Error;
  readonly RuntimeError: new () => Error;
}

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
