/** Opaque addresses. What they lead to is private: a reference cannot be forged, and printing one shows its path only. */
import type { PublicKey } from '../../protocols/shared/brands.ts';
import { InvariantError } from '../../protocols/shared/errors.ts';
import type { ActorRef, RemoteOptions, WireProtocol } from '../ports/actors.ts';
import type { Cell } from './cell.ts';

export class LocalRef implements ActorRef<unknown> {
  readonly #cell: Cell;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get path(): string {
    return this.#cell.path;
  }

  toString(): string {
    return this.path;
  }

  toJSON(): string {
    return this.path;
  }

  /** The actor behind a local reference; undefined for any other. */
  static cellOf(reference: object): Cell | undefined {
    return #cell in reference ? reference.#cell : undefined;
  }
}

export interface RemoteTarget {
  readonly system: object;
  readonly path: string;
  readonly peer: PublicKey;
  /** Under which the peer exports it. */
  readonly name: string;
  readonly protocol: WireProtocol<unknown>;
  readonly options: Required<RemoteOptions>;
}

export class RemoteRef implements ActorRef<unknown> {
  readonly #target: RemoteTarget;

  constructor(target: RemoteTarget) {
    this.#target = target;
  }

  get path(): string {
    return this.#target.path;
  }

  toString(): string {
    return this.path;
  }

  toJSON(): string {
    return this.path;
  }

  static targetOf(reference: object): RemoteTarget | undefined {
    return #target in reference ? reference.#target : undefined;
  }
}

/** What a reference of `system` leads to. Anything else is a bug of the caller. */
export function resolve(system: object, reference: ActorRef<never>): Cell | RemoteTarget {
  const target = LocalRef.cellOf(reference) ?? RemoteRef.targetOf(reference);
  if (target === undefined) throw new InvariantError('not a reference that an actor system has given out');
  if (target.system !== system) throw new InvariantError(`a reference of another actor system: ${reference.path}`);
  return target;
}
