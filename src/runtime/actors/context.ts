/** What an actor sees of its surroundings. One object an actor, for its whole life. */
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  AskOptions,
  ReplyTo,
  SpawnOptions,
  Terminated,
} from '../ports/actors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Attributes, Log, Span, Telemetry } from '../ports/telemetry.ts';
import type { AnyDefinition, Cell } from './cell.ts';
import type { Delivery } from './delivery.ts';
import { cancelTimer, pipeToSelf, setTimer } from './effects.ts';
import { Carried } from './mailbox.ts';

/** What contexts need of the system that they belong to. `from` is the acting actor; undefined: the system itself. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly delivery: Delivery;
  readonly onFailure: (cell: Cell, cause: unknown) => void;
  tell(from: Cell | undefined, ref: ActorRef<never>, message: unknown): boolean;
  tellWhenRoom(from: Cell | undefined, ref: ActorRef<never>, message: unknown): Promise<void>;
  ask(
    from: Cell | undefined,
    ref: ActorRef<never>,
    make: (replyTo: ReplyTo<unknown>) => unknown,
    options: AskOptions,
  ): Promise<unknown>;
  reply(replyTo: ReplyTo<never>, reply: unknown): void;
  spawn(parent: Cell, definition: AnyDefinition, options: SpawnOptions): Cell;
  stop(from: Cell | undefined, ref: ActorRef<never>): Promise<void>;
  watch(cell: Cell, ref: ActorRef<never>, toMessage: (terminated: Terminated) => unknown): void;
  unwatch(cell: Cell, ref: ActorRef<never>): void;
}

export class Context implements ActorContext<unknown> {
  readonly #cell: Cell;
  readonly #system: Surroundings;
  #log: Log | undefined = undefined;

  constructor(cell: Cell, system: Surroundings) {
    this.#cell = cell;
    this.#system = system;
  }

  get self(): ActorRef<unknown> {
    return this.#cell.self;
  }

  get clock(): Pick<Clock, 'now' | 'monotonicMs'> {
    return this.#system.clock;
  }

  get random(): Random {
    return this.#system.random;
  }

  get log(): Log {
    return (this.#log ??= this.#system.telemetry.log.child({ actor: this.#cell.path }));
  }

  tell<M>(ref: ActorRef<M>, message: NoInfer<M>): boolean {
    return this.#system.tell(this.#cell, ref, message);
  }

  tellWhenRoom<M>(ref: ActorRef<M>, message: NoInfer<M>): Promise<void> {
    return this.#system.tellWhenRoom(this.#cell, ref, message);
  }

  ask<const M, Reply>(
    ref: ActorRef<M>,
    make: (replyTo: ReplyTo<Reply>) => NoInfer<M>,
    options: AskOptions,
  ): Promise<Reply> {
    return this.#system.ask(this.#cell, ref, make, options) as Promise<Reply>;
  }

  reply<Reply>(replyTo: ReplyTo<Reply>, reply: NoInfer<Reply>): void {
    this.#system.reply(replyTo, reply);
  }

  timer(key: string, delayMs: number, message: unknown): void {
    const { clock, delivery } = this.#system;
    setTimer(this.#cell, key, { delayMs, message, clock, delivery });
  }

  cancelTimer(key: string): void {
    cancelTimer(this.#cell, key);
  }

  pipeToSelf<T>(
    work: Promise<T>,
    toMessage: (outcome: { readonly value: T } | { readonly error: unknown }) => unknown,
  ): void {
    const { delivery, onFailure } = this.#system;
    pipeToSelf(this.#cell, work, { toMessage, delivery, onFailure });
  }

  spawn<S, M>(definition: ActorDefinition<S, M>, options: SpawnOptions = {}): ActorRef<M> {
    return this.#system.spawn(this.#cell, definition as unknown as AnyDefinition, options).self;
  }

  stop(ref: ActorRef<never>): Promise<void> {
    return this.#system.stop(this.#cell, ref);
  }

  watch(ref: ActorRef<never>, toMessage: (terminated: Terminated) => unknown): void {
    this.#system.watch(this.#cell, ref, toMessage);
  }

  unwatch(ref: ActorRef<never>): void {
    this.#system.unwatch(this.#cell, ref);
  }

  get traceparent(): string | undefined {
    return this.#cell.scope?.trace;
  }

  within<T>(traceparent: string | undefined, work: () => T): T {
    const scope = (this.#cell.scope ??= new Carried(undefined, {}));
    const outer = scope.trace;
    scope.trace = traceparent;
    try {
      return work();
    } finally {
      scope.trace = outer;
    }
  }

  span(name: string, attributes?: Attributes): Span {
    const scope = (this.#cell.scope ??= new Carried(undefined, {}));
    const span = this.#system.telemetry.span(name, {
      traceparent: scope.trace,
      ...(attributes === undefined ? {} : { attributes }),
    });
    return span.traceparent === undefined ? span : new ScopedSpan(span, scope);
  }
}

/** While it is open, the messages that its actor sends in the same message's handling are part of it. */
class ScopedSpan implements Span {
  readonly #span: Span;
  readonly #scope: Carried;
  readonly #outer: string | undefined;

  constructor(span: Span, scope: Carried) {
    this.#span = span;
    this.#scope = scope;
    this.#outer = scope.trace;
    scope.trace = span.traceparent;
  }

  get traceparent(): string | undefined {
    return this.#span.traceparent;
  }

  setAttributes(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  addLink(traceparent: string): void {
    this.#span.addLink(traceparent);
  }

  end(outcome?: 'ok' | 'error'): void {
    if (this.#scope.trace === this.#span.traceparent) this.#scope.trace = this.#outer;
    this.#span.end(outcome);
  }
}
