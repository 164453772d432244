/** Start and stop of actors. Restarts and the reaction to failures are in `supervision.ts`. */
import { invariant } from '../../protocols/shared/errors.ts';
import { type ActorContext, ActorError, type SpawnOptions } from '../ports/actors.ts';
import type { Log } from '../ports/telemetry.ts';
import { failOpenAsks } from './asks.ts';
import { type AnyDefinition, Cell, noState, restarting, running, starting, stopped, stopping } from './cell.ts';
import type { Delivery } from './delivery.ts';
import { endEffects } from './effects.ts';
import { LocalRef } from './references.ts';
import type { Scheduler } from './scheduler.ts';

export interface LifecycleOptions {
  readonly system: object;
  readonly scheduler: Scheduler;
  readonly delivery: Delivery;
  readonly log: Log;
  readonly makeContext: (cell: Cell) => ActorContext<unknown>;
  readonly onFailure: (cell: Cell, cause: unknown) => void;
}

const nameShape = /^[\w.~:+-]+$/;

export class Lifecycle {
  readonly #options: LifecycleOptions;
  #serial = 0;
  #actors = 0;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Actors alive. */
  get actors(): number {
    return this.#actors;
  }

  spawn(parent: Cell, definition: AnyDefinition, options: SpawnOptions): Cell {
    const { system, makeContext } = this.#options;
    if (parent.phase >= restarting) {
      throw new ActorError('terminated', `${parent.path} is stopping or restarting: nothing starts there`);
    }
    const name = options.name ?? freeName(parent, definition.name);
    invariant(
      nameShape.test(name),
      `the name of an actor is of letters, digits and _.~:+-, got ${JSON.stringify(name)}`,
    );
    const siblings = (parent.children ??= new Map());
    if (siblings.has(name)) throw new ActorError('name-taken', `${parent.path}/${name} exists`);
    const serial = this.#serial++;
    const cell = new Cell(system, serial, { name, parent }, definition, options);
    cell.self = new LocalRef(cell);
    cell.context = makeContext(cell);
    siblings.set(name, cell);
    this.#actors += 1;
    this.start(cell);
    return cell;
  }

  /** Calls `initial`; the actor runs once its state is there. Failures go to supervision. */
  start(cell: Cell): void {
    cell.phase = starting;
    cell.busy = true;
    try {
      const state = cell.definition.initial(cell.context);
      if (state instanceof Promise) {
        state.then(
          (value: unknown) => this.#started(cell, value),
          (cause: unknown) => this.#startFailed(cell, cause),
        );
      } else this.#started(cell, state);
    } catch (cause) {
      this.#startFailed(cell, cause);
    }
  }

  #started(cell: Cell, state: unknown): void {
    cell.state = state;
    // Not where a stop or a newer restart has come between: that one goes on from here.
    if (cell.phase === starting) cell.phase = running;
    cell.endBusy();
    if (cell.phase === running && cell.mailbox.length > 0) this.#options.scheduler.schedule(cell);
  }

  #startFailed(cell: Cell, cause: unknown): void {
    cell.endBusy();
    this.#options.onFailure(cell, cause);
  }

  /** Stops an actor and everything under it. Resolves when `onStop` of all has; every call gives the same promise. */
  stop(cell: Cell, reason: 'stopped' | 'failed' = 'stopped'): Promise<void> {
    if (cell.stopDone !== undefined) return cell.stopDone;
    cell.phase = stopping;
    cell.failed = reason === 'failed';
    endEffects(cell);
    this.#options.delivery.flush(cell);
    const done = this.#finish(cell);
    cell.stopDone = done;
    cell.wake?.();
    cell.abandonStart();
    return done;
  }

  /** In reverse order of their spawning, one after the other. */
  async stopChildren(cell: Cell): Promise<void> {
    // An onStop may not spawn, so that what is listed here is all there is.
    for (const child of [...(cell.children?.values() ?? [])].reverse()) await this.stop(child);
  }

  async #finish(cell: Cell): Promise<void> {
    const { scheduler, log } = this.#options;
    // Whoever handles a message finishes it, and may answer it.
    if (cell.busy) await cell.idle();
    endEffects(cell);
    failOpenAsks(cell);
    if (cell.children !== undefined && cell.children.size > 0) await this.stopChildren(cell);
    if (cell.state !== noState && cell.definition.onStop !== undefined) {
      try {
        const work = cell.definition.onStop(cell.state, cell.context);
        if (work instanceof Promise) await work;
      } catch (cause) {
        log.error('onStop of an actor failed', { actor: cell.path }, cause);
      }
      endEffects(cell);
    }
    cell.phase = stopped;
    cell.state = noState;
    cell.scope = undefined;
    cell.parent?.children?.delete(cell.name);
    scheduler.forget(cell);
    if (cell.parent !== undefined) this.#actors -= 1;
    const { watchers } = cell;
    cell.watchers = undefined;
    if (watchers !== undefined) for (const watcher of watchers) watcher.notify(cell.terminated);
  }
}

function freeName(parent: Cell, base: string): string {
  let name: string;
  do {
    parent.childCounter += 1;
    name = `${base}-${parent.childCounter}`;
  } while (parent.children?.has(name) === true);
  return name;
}
