/** What an actor has set going besides its messages: timers, watches, piped work, asks. All of it ends with a restart. */
import type { Terminated } from '../ports/actors.ts';
import type { Clock } from '../ports/clock.ts';
import { type Cell, stopped, type Timer, type Watcher } from './cell.ts';
import type { Delivery } from './delivery.ts';

export function setTimer(
  cell: Cell,
  key: string,
  options: { readonly delayMs: number; readonly message: unknown; readonly clock: Clock; readonly delivery: Delivery },
): void {
  cancelTimer(cell, key);
  const timers = (cell.timers ??= new Map<string, Timer>());
  const handle = options.clock.setTimer(options.delayMs, () => {
    options.delivery.deliverOwn(cell, options.message, timer);
  });
  const timer: Timer = {
    active: true,
    handle,
    // Not before: a cancel must still reach what has fired and waits in the mailbox.
    taken: () => timers.delete(key),
  };
  timers.set(key, timer);
}

export function cancelTimer(cell: Cell, key: string): void {
  const timer = cell.timers?.get(key);
  if (timer === undefined) return;
  timer.active = false;
  timer.handle.cancel();
  cell.timers?.delete(key);
}

export function pipeToSelf<T>(
  cell: Cell,
  work: Promise<T>,
  options: {
    readonly toMessage: (outcome: { readonly value: T } | { readonly error: unknown }) => unknown;
    readonly delivery: Delivery;
    readonly onFailure: (cell: Cell, cause: unknown) => void;
  },
): void {
  const lifetime = (cell.lifetime ??= { active: true });
  const trace = cell.scope?.trace;
  const arrive = (outcome: { readonly value: T } | { readonly error: unknown }): void => {
    if (!lifetime.active) return;
    try {
      options.delivery.deliverOwn(cell, options.toMessage(outcome), lifetime, trace);
    } catch (cause) {
      options.onFailure(cell, cause);
    }
  };
  work.then(
    (value) => arrive({ value }),
    (error: unknown) => arrive({ error }),
  );
}

/** A watch by the actor `cell` on something that can tell `subscribe`d watchers of its end. Replaces an earlier one. */
export function watch(
  cell: Cell,
  target: Cell | string,
  options: {
    readonly toMessage: (terminated: Terminated) => unknown;
    /** Returns how to leave. */
    readonly subscribe: (watcher: Watcher) => () => void;
    readonly delivery: Delivery;
    readonly onFailure: (cell: Cell, cause: unknown) => void;
  },
): void {
  unwatch(cell, target);
  const watcher: Watcher = {
    active: true,
    // Not before: an unwatch must still reach what waits in the mailbox.
    taken: () => watching.delete(target),
    notify: (terminated) => {
      try {
        options.delivery.deliverOwn(cell, options.toMessage(terminated), watcher);
      } catch (cause) {
        options.onFailure(cell, cause);
      }
    },
  };
  const watching = (cell.watching ??= new Map<Cell | string, () => void>());
  let leave: () => void = () => undefined;
  const undo = (): void => {
    watcher.active = false;
    leave();
  };
  watching.set(target, undo);
  leave = options.subscribe(watcher);
}

export function unwatch(cell: Cell, target: Cell | string): void {
  const undo = cell.watching?.get(target);
  if (undo === undefined) return;
  cell.watching?.delete(target);
  undo();
}

/** Adds a watcher to a local actor; tells it at once where the actor has stopped already. */
export function subscribeToCell(target: Cell, watcher: Watcher): () => void {
  if (target.phase === stopped) {
    watcher.notify(target.terminated);
    return () => undefined;
  }
  const watchers = (target.watchers ??= new Set());
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Ends everything. The asks fail so that a `receive` that awaits one comes to its end. */
export function endEffects(cell: Cell): void {
  if (cell.timers !== undefined) for (const key of [...cell.timers.keys()]) cancelTimer(cell, key);
  if (cell.watching !== undefined) for (const target of [...cell.watching.keys()]) unwatch(cell, target);
  if (cell.lifetime !== undefined) {
    cell.lifetime.active = false;
    cell.lifetime = undefined;
  }
  if (cell.madeAsks !== undefined) {
    for (const ask of [...cell.madeAsks]) ask.fail('asker-stopped', `${cell.path} has stopped or restarted`);
  }
}
