/**
 * Actors on nact: typed opaque references, bounded mailboxes, supervision, death watch, dead letters, asks with time
 * limits, references across links. The only importer of nact.
 *
 * ```ts
 * const counter = defineActor<number, { readonly by: number }>({
 *   name: 'counter',
 *   initial: () => 0,
 *   receive: (count, { by }) => count + by,
 * });
 * const system = createActorSystem({ clock, random, telemetry });
 * const visits = system.spawn(counter, { name: 'visits' });
 * system.tell(visits, { by: 1 });
 * await system.terminate();
 * ```
 *
 * Order: messages of one sender to one receiver arrive in the order of sending. An actor never runs concurrently with
 * itself. When `spawn` returns, `initial` has run, or has begun where it is asynchronous.
 *
 * Stopping an actor lets it finish the message in hand; what waits in its mailbox becomes dead letters. An actor that
 * stops itself, or one above it, gets a promise that is resolved already: awaiting its own end would last for ever. For
 * the same reason `terminate` is not to be awaited within `receive`; and an `initial`, `receive` or `onStop` that never
 * settles keeps its actor, and `terminate`, from ending.
 *
 * A reference is bound to one incarnation of its actor: after a stop it stays dead, whoever takes the name next.
 */
import nactModule from 'nact';
import type { AnyDefinition } from './actors/cell.ts';
import { Kernel } from './actors/kernel.ts';
import type { Nact } from './actors/nact-port.ts';
import type {
  ActorDefinition,
  ActorRef,
  ActorSystem,
  ActorSystemStats,
  AskOptions,
  DeadLetter,
  RemoteOptions,
  ReplyTo,
  SpawnOptions,
  WireProtocol,
} from './ports/actors.ts';
import type { PublicKey } from '../protocols/shared/brands.ts';
import type { Clock } from './ports/clock.ts';
import type { Links } from './ports/links.ts';
import type { Random } from './ports/random.ts';
import type { Telemetry } from './ports/telemetry.ts';

export interface ActorSystemOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** A private instance of nact (`adapters/nact-source.ts`); without it the one of this process. */
  readonly nact?: Nact;
  /** What carries messages to other nodes; without it there are no remote references. */
  readonly links?: Links;
}

/** Fixes a definition's types where it is written; gives it back as it is. */
export function defineActor<State, Message>(
  definition: ActorDefinition<State, Message>,
): ActorDefinition<State, Message> {
  return definition;
}

export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  return new NactActorSystem(options);
}

class NactActorSystem implements ActorSystem {
  readonly #kernel: Kernel;

  constructor({ nact, links, ...options }: ActorSystemOptions) {
    // The declarations of nact and ours describe the same functions; its references are opaque to both.
    this.#kernel = new Kernel({ ...options, links, nact: nact ?? (nactModule as unknown as Nact) });
  }

  tell<M>(ref: ActorRef<M>, message: NoInfer<M>): boolean {
    return this.#kernel.tell(undefined, ref, message);
  }

  tellWhenRoom<M>(ref: ActorRef<M>, message: NoInfer<M>): Promise<void> {
    return this.#kernel.tellWhenRoom(undefined, ref, message);
  }

  ask<const M, Reply>(
    ref: ActorRef<M>,
    make: (replyTo: ReplyTo<Reply>) => NoInfer<M>,
    options: AskOptions,
  ): Promise<Reply> {
    return this.#kernel.ask(undefined, ref, make, options) as Promise<Reply>;
  }

  reply<Reply>(replyTo: ReplyTo<Reply>, reply: NoInfer<Reply>): void {
    this.#kernel.reply(replyTo, reply);
  }

  spawn<S, M>(definition: ActorDefinition<S, M>, options: SpawnOptions = {}): ActorRef<M> {
    return this.#kernel.spawn(this.#kernel.root, definition as unknown as AnyDefinition, options).self;
  }

  stop(ref: ActorRef<never>): Promise<void> {
    return this.#kernel.stop(undefined, ref);
  }

  export<M>(name: string, ref: ActorRef<M>, protocol: WireProtocol<M>): void {
    this.#kernel.export(name, ref, protocol);
  }

  remote<M>(peer: PublicKey, name: string, protocol: WireProtocol<M>, options?: RemoteOptions): ActorRef<M> {
    return this.#kernel.remote(peer, name, protocol, options ?? {});
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    return this.#kernel.onDeadLetter(listener);
  }

  onFatal(listener: (cause: unknown) => void): () => void {
    return this.#kernel.onFatal(listener);
  }

  stats(): ActorSystemStats {
    return this.#kernel.stats();
  }

  terminate(): Promise<void> {
    return this.#kernel.terminate();
  }
}
