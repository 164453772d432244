/** One actor system: its parts wired together, and the operations that actors and outsiders share. */
import { toHex } from '../../protocols/shared/bytes.ts';
import { invariant } from '../../protocols/shared/errors.ts';
import type { PublicKey } from '../../protocols/shared/brands.ts';
import {
  ActorError,
  type ActorRef,
  type ActorSystemStats,
  type AskOptions,
  type DeadLetter,
  type RemoteOptions,
  type ReplyTo,
  type SpawnOptions,
  type Terminated,
  type WireProtocol,
} from '../ports/actors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Links } from '../ports/links.ts';
import type { Random } from '../ports/random.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { openAt, reply, startAsk } from './asks.ts';
import { type AnyDefinition, Cell, running, type Watcher } from './cell.ts';
import { Context, type Surroundings } from './context.ts';
import { DeadLetters } from './dead-letters.ts';
import { Deadlines } from './deadlines.ts';
import { Delivery } from './delivery.ts';
import { subscribeToCell, unwatch, watch } from './effects.ts';
import { Lifecycle } from './lifecycle.ts';
import { Carried } from './mailbox.ts';
import type { Nact, NactReference } from './nact-port.ts';
import { RemoteRef, resolve } from './references.ts';
import { Remote } from './remote.ts';
import { resumed, Scheduler } from './scheduler.ts';
import { Supervision } from './supervision.ts';

export interface KernelOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly nact: Nact;
  readonly links: Links | undefined;
}

const fullestMailboxesMax = 10;

const rootDefinition: AnyDefinition = { name: 'user', initial: () => undefined, receive: () => undefined };

export class Kernel implements Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly delivery: Delivery;
  readonly deadLetters: DeadLetters;
  readonly root: Cell;
  readonly #nact: Nact;
  readonly #nactSystem: NactReference;
  readonly #folder: NactReference;
  readonly #deadlines: Deadlines;
  readonly #scheduler: Scheduler;
  readonly #lifecycle: Lifecycle;
  readonly #supervision: Supervision;
  readonly #remote: Remote | undefined;
  readonly #fatalListeners = new Set<(cause: unknown) => void>();
  #terminated: Promise<void> | undefined = undefined;

  constructor({ clock, random, telemetry, nact, links }: KernelOptions) {
    this.clock = clock;
    this.random = random;
    this.telemetry = telemetry;
    this.#nact = nact;
    // nact keeps its systems in a table of its module: the name must be one that no other system can have.
    this.#nactSystem = nact.start({ name: toHex(random.bytes(16)) });
    this.#folder = nact.spawn(this.#nactSystem, () => undefined, 'actors', resumed);
    this.root = new Cell(this, -1, { name: 'user', parent: undefined }, rootDefinition, {});
    this.root.phase = running;
    this.deadLetters = new DeadLetters(telemetry);
    this.#deadlines = new Deadlines(clock);
    const { log } = telemetry;
    this.#scheduler = new Scheduler({ nact, folder: this.#folder, clock, log, onFailure: this.#onMessageFailure });
    this.delivery = new Delivery(this.#scheduler, this.deadLetters);
    this.#lifecycle = new Lifecycle({
      system: this,
      scheduler: this.#scheduler,
      delivery: this.delivery,
      log,
      makeContext: (cell) => new Context(cell, this),
      onFailure: this.onFailure,
    });
    this.#supervision = new Supervision({
      clock,
      log,
      counter: telemetry.counter('bpci.runtime.restarts', 'Restarts of actors, by definition'),
      lifecycle: this.#lifecycle,
      scheduler: this.#scheduler,
      onFatal: (cause) => this.#onFatal(cause),
    });
    const { delivery, deadLetters } = this;
    this.#remote =
      links === undefined ? undefined : new Remote({ links, delivery, deadLetters, deadlines: this.#deadlines, log });
    this.#observe();
  }

  readonly onFailure = (cell: Cell, cause: unknown): void => this.#supervision.failed(cell, cause);

  /** The message that crashed its actor is dropped; whoever asked it learns so at once. */
  readonly #onMessageFailure = (cell: Cell, cause: unknown, item: unknown): void => {
    const message = item instanceof Carried ? item.message : item;
    this.deadLetters.publish(cell.path, message, 'crashed');
    if (item instanceof Carried) item.ask?.fail('target-failed', `${cell.path} failed on this message`);
    this.#supervision.failed(cell, cause);
  };

  tell(from: Cell | undefined, ref: ActorRef<never>, message: unknown): boolean {
    const target = resolve(this, ref);
    const trace = from?.scope?.trace;
    if (target instanceof Cell) {
      return this.delivery.deliver(target, trace === undefined ? message : new Carried(message, { trace }));
    }
    return this.#reach().tell(target, message, trace);
  }

  tellWhenRoom(from: Cell | undefined, ref: ActorRef<never>, message: unknown): Promise<void> {
    const target = resolve(this, ref);
    const trace = from?.scope?.trace;
    return new Promise((fulfil, reject) => {
      const settled = (refusal: Error | undefined): void => (refusal === undefined ? fulfil() : reject(refusal));
      if (target instanceof Cell) {
        const item = trace === undefined ? message : new Carried(message, { trace });
        this.delivery.deliverWhenRoom(target, item, settled);
      } else this.#reach().tellWhenRoom(target, message, { trace, settled });
    });
  }

  ask(
    from: Cell | undefined,
    ref: ActorRef<never>,
    make: (replyTo: ReplyTo<unknown>) => unknown,
    { timeoutMs, traceparent: trace = from?.scope?.trace }: AskOptions,
  ): Promise<unknown> {
    const target = resolve(this, ref);
    const ask = startAsk(from, timeoutMs, this.#deadlines);
    try {
      const message = make(ask.address);
      if (target instanceof Cell) {
        openAt(target, ask);
        this.delivery.deliver(target, new Carried(message, { ask, trace }));
      } else this.#reach().ask(target, message, { ask, trace });
    } catch (cause) {
      ask.abandon(cause);
    }
    return ask.promise;
  }

  reply(replyTo: ReplyTo<never>, answer: unknown): void {
    reply(replyTo, answer, this.deadLetters);
  }

  spawn(parent: Cell, definition: AnyDefinition, options: SpawnOptions): Cell {
    return this.#lifecycle.spawn(parent, definition, options);
  }

  stop(from: Cell | undefined, ref: ActorRef<never>): Promise<void> {
    const target = resolve(this, ref);
    invariant(target instanceof Cell, `an actor of another node is not stopped from here: ${target.path}`);
    const done = this.#lifecycle.stop(target);
    for (let above = from; above !== undefined; above = above.parent) if (above === target) return Promise.resolve();
    return done;
  }

  watch(cell: Cell, ref: ActorRef<never>, toMessage: (terminated: Terminated) => unknown): void {
    const target = resolve(this, ref);
    const { delivery, onFailure } = this;
    const isLocal = target instanceof Cell;
    const subscribe = (watcher: Watcher): (() => void) =>
      isLocal ? subscribeToCell(target, watcher) : this.#reach().watch(target, watcher);
    watch(cell, isLocal ? target : target.path, { toMessage, delivery, onFailure, subscribe });
  }

  unwatch(cell: Cell, ref: ActorRef<never>): void {
    const target = resolve(this, ref);
    unwatch(cell, target instanceof Cell ? target : target.path);
  }

  export(name: string, ref: ActorRef<never>, protocol: WireProtocol<unknown>): void {
    const cell = resolve(this, ref);
    invariant(cell instanceof Cell, `only an actor of this node can be exported: ${cell.path}`);
    this.#reach().export(name, cell, protocol);
  }

  remote(peer: PublicKey, name: string, protocol: WireProtocol<unknown>, options: RemoteOptions): ActorRef<unknown> {
    this.#reach();
    const path = `bpci://${peer}/${name}`;
    const { lane = 'ordinary', delivery = 'at-most-once' } = options;
    return new RemoteRef({ system: this, path, peer, name, protocol, options: { lane, delivery } });
  }

  /** The way to other nodes. */
  #reach(): Remote {
    if (this.#remote === undefined) throw new ActorError('link-lost', 'this actor system has no links');
    return this.#remote;
  }

  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    return this.deadLetters.onDeadLetter(listener);
  }

  onFatal(listener: (cause: unknown) => void): () => void {
    this.#fatalListeners.add(listener);
    return () => this.#fatalListeners.delete(listener);
  }

  stats(): ActorSystemStats {
    const mailboxes: { path: string; depth: number }[] = [];
    const visit = (cell: Cell): void => {
      const depth = cell.mailbox.length;
      const last = mailboxes.at(-1);
      if (depth > 0 && (mailboxes.length < fullestMailboxesMax || depth > (last?.depth ?? 0))) {
        mailboxes.push({ path: cell.path, depth });
        mailboxes.sort((a, b) => b.depth - a.depth);
        mailboxes.length = Math.min(mailboxes.length, fullestMailboxesMax);
      }
      if (cell.children !== undefined) for (const child of cell.children.values()) visit(child);
    };
    visit(this.root);
    return {
      actors: this.#lifecycle.actors,
      messages: this.#scheduler.handled,
      deadLetters: this.deadLetters.count,
      restarts: this.#supervision.restarts,
      mailboxes,
    };
  }

  terminate(): Promise<void> {
    return (this.#terminated ??= this.#terminate());
  }

  async #terminate(): Promise<void> {
    await this.#lifecycle.stop(this.root);
    this.#remote?.terminate();
    this.#deadlines.clear();
    this.#nact.stop(this.#folder);
    this.#nact.stop(this.#nactSystem);
  }

  #onFatal(cause: unknown): void {
    this.telemetry.log.error('a failure that no supervisor handles: the actor system stops', {}, cause);
    for (const listener of this.#fatalListeners) {
      try {
        listener(cause);
      } catch (failure) {
        this.telemetry.log.error('a listener to fatal failures failed', {}, failure);
      }
    }
    void this.terminate();
  }

  #observe(): void {
    const { telemetry } = this;
    telemetry.gauge('bpci.runtime.actors', 'Actors alive', () => [{ value: this.#lifecycle.actors }]);
    telemetry.gauge('bpci.runtime.messages', 'Messages handled since the start', () => [
      { value: this.#scheduler.handled },
    ]);
    telemetry.gauge('bpci.runtime.mailbox.depth', 'Messages waiting in the fullest mailbox', () => [
      { value: this.stats().mailboxes[0]?.depth ?? 0 },
    ]);
  }
}
