/** What the runtime knows of one actor. Only the runtime sees a cell; everyone else holds a reference. */
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  SpawnOptions,
  SupervisionOptions,
  Terminated,
} from '../ports/actors.ts';
import type { TimerHandle } from '../ports/clock.ts';
import type { Ask } from './ask.ts';
import { type Carried, type Guard, Mailbox } from './mailbox.ts';
import type { NactReference } from './nact-port.ts';

/** `initial` runs. */
export const starting = 0;
export const running = 1;
/** Waits for its fresh start; messages gather in the mailbox. */
export const restarting = 2;
/** Takes no more messages. */
export const stopping = 3;
export const stopped = 4;

export type Phase = typeof starting | typeof running | typeof restarting | typeof stopping | typeof stopped;

/** Someone who wants to know when an actor has stopped. */
export interface Watcher extends Guard {
  notify(terminated: Terminated): void;
}

export interface Timer extends Guard {
  handle: TimerHandle;
}

export type AnyDefinition = ActorDefinition<unknown, unknown>;

const supervisionDefault: Required<SupervisionOptions> = {
  strategy: 'one-for-one',
  restartsMax: 5,
  windowMs: 60_000,
  backoffMs: 0,
  backoffMaxMs: 10_000,
};

/** Marks an actor that has never had a state: its `onStop` has nothing to be called with. */
export const noState: unique symbol = Symbol('no state');

export class Cell {
  /** The runtime it belongs to: references do not cross from one system of the process to another. */
  readonly system: object;
  /** Order of spawning within the system; with the system's incarnation it identifies this incarnation of the actor. */
  readonly serial: number;
  readonly name: string;
  readonly parent: Cell | undefined;
  readonly definition: AnyDefinition;
  readonly mailbox: Mailbox;
  readonly supervision: Required<SupervisionOptions>;
  self!: ActorRef<unknown>;
  context!: ActorContext<unknown>;
  /** Its actor of nact's, from its first own turn on. */
  engine: NactReference | undefined = undefined;
  phase: Phase = starting;
  state: unknown = noState;

  /** A turn is requested or the cell stands in the run queue. */
  scheduled = false;
  turnRequested = false;
  /** `receive` or `initial` is under way, on the stack or as a promise. */
  busy = false;
  /** Called once each when `busy` ends. */
  idleWaiters: (() => void)[] | undefined = undefined;
  /** The fresh start to make at the next turn. */
  pendingStart: (() => void) | undefined = undefined;
  /** What came with the message in hand. */
  scope: Carried | undefined = undefined;

  children: Map<string, Cell> | undefined = undefined;
  childCounter = 0;
  openAsks: Set<Ask> | undefined = undefined;
  /** Asks that this actor has made and awaits. */
  madeAsks: Set<Ask> | undefined = undefined;
  watchers: Set<Watcher> | undefined = undefined;
  /** By target (the path of a remote one): undoes one watch of this actor. */
  watching: Map<Cell | string, () => void> | undefined = undefined;
  timers: Map<string, Timer> | undefined = undefined;
  /** Guards what outlives a message (piped work); replaced at every restart. */
  lifetime: Guard | undefined = undefined;

  /** Monotonic times of the restarts within the window. */
  restartTimes: number[] | undefined = undefined;
  /** The restart under way; a newer one supersedes it. */
  restart: object | undefined = undefined;
  /** Ends the back-off early. */
  wake: (() => void) | undefined = undefined;
  failed = false;
  stopDone: Promise<void> | undefined = undefined;

  constructor(
    system: object,
    serial: number,
    identity: { readonly name: string; readonly parent: Cell | undefined },
    definition: AnyDefinition,
    options: SpawnOptions,
  ) {
    this.system = system;
    this.serial = serial;
    this.name = identity.name;
    this.parent = identity.parent;
    this.definition = definition;
    this.mailbox = new Mailbox(options.mailbox);
    this.supervision =
      options.supervision === undefined ? supervisionDefault : { ...supervisionDefault, ...options.supervision };
  }

  /** `/user/validator/mempool`. */
  get path(): string {
    return this.parent === undefined ? `/${this.name}` : `${this.parent.path}/${this.name}`;
  }

  get terminated(): Terminated {
    return { path: this.path, reason: this.failed ? 'failed' : 'stopped' };
  }

  /** Lets go whoever waits for a fresh start that will not be made. The caller has changed `phase` or `restart`. */
  abandonStart(): void {
    const start = this.pendingStart;
    this.pendingStart = undefined;
    start?.();
  }

  /** Resolves when neither `receive` nor `initial` is under way. */
  idle(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return new Promise((resolve) => (this.idleWaiters ??= []).push(resolve));
  }

  endBusy(): void {
    this.busy = false;
    // What the actor does later, outside of any message, is part of no ask and no trace.
    this.scope = undefined;
    const waiters = this.idleWaiters;
    if (waiters === undefined) return;
    this.idleWaiters = undefined;
    for (const waiter of waiters) waiter();
  }
}
