/**
 * The part of nact that carries the runtime: a serial turn per actor, spawn and stop. Production imports nact; a
 * simulated node loads an instance of its own (`adapters/nact-source.ts`).
 */

declare const reference: unique symbol;

/** A reference of nact's. Opaque. */
export interface NactReference {
  readonly [reference]?: never;
}

export interface Nact {
  /** A new actor system; its name must be unique within the instance. */
  start(options: { readonly name: string }): NactReference;
  spawn<Message>(
    parent: NactReference,
    receive: (state: undefined, message: Message) => undefined,
    name: string,
    options: { readonly onCrash: (message: unknown, cause: unknown, context: { readonly resume: symbol }) => symbol },
  ): NactReference;
  /** The message is handled in a later macrotask. */
  dispatch(target: NactReference, message: unknown): void;
  stop(target: NactReference): void;
}
