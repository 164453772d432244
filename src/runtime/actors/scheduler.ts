/**
 * Turns. An actor with messages gets a turn from its own nact actor (one macrotask); within a turn its mailbox is
 * drained in a batch, and what becomes ready meanwhile is run too, in order, as long as the turn's budget lasts. What is
 * left over gets turns of its own, so that I/O and everyone else is served in between.
 */
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/telemetry.ts';
import { type Cell, running, stopped } from './cell.ts';
import { Carried, Mailbox } from './mailbox.ts';
import type { Nact, NactReference } from './nact-port.ts';

/** Messages of one actor before the others in the run queue have theirs. */
const batchMax = 32;
/** Messages of one turn. */
const turnMessagesMax = 1024;
/** Time of one turn, divided by the turns that wait behind it. */
const turnMsMax = 2;

/** The scheduler lets nothing through; nact's own supervision is never to act. */
export const resumed: Parameters<Nact['spawn']>[3] = { onCrash: (_message, _cause, context) => context.resume };

export interface SchedulerOptions {
  readonly nact: Nact;
  /** All nact actors are its children: the tree of actors is kept by the runtime, nact is slow at trees. */
  readonly folder: NactReference;
  readonly clock: Clock;
  readonly log: Log;
  /** `receive` threw or rejected; `item` is what the mailbox held. */
  readonly onFailure: (cell: Cell, cause: unknown, item: unknown) => void;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Cells that became ready during the present turn. */
  readonly #ready = new Mailbox({ capacity: Infinity });
  readonly #receive = (_state: undefined, cell: Cell): undefined => {
    this.#turn(cell);
    return undefined;
  };
  #inTurn = false;
  #turnsRequested = 0;
  #handled = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Messages handled since the start. */
  get handled(): number {
    return this.#handled;
  }

  /** Makes sure that the cell gets a turn. */
  schedule(cell: Cell): void {
    if (cell.scheduled) return;
    cell.scheduled = true;
    if (this.#inTurn) this.#ready.push(cell);
    else this.#requestTurn(cell);
  }

  /** The cell has stopped: nact will not give it the turn that it may have asked for. */
  forget(cell: Cell): void {
    this.#turnOver(cell);
    if (cell.engine === undefined) return;
    this.#options.nact.stop(cell.engine);
    cell.engine = undefined;
  }

  #turnOver(cell: Cell): void {
    if (!cell.turnRequested) return;
    cell.turnRequested = false;
    this.#turnsRequested -= 1;
  }

  /** A macrotask of nact's for `first`. */
  #turn(first: Cell): void {
    if (!first.turnRequested) return;
    this.#turnOver(first);
    const { clock } = this.#options;
    const share = 1 + this.#turnsRequested;
    const endMs = clock.monotonicMs() + turnMsMax / share;
    const ready = this.#ready;
    let budget = Math.max(batchMax, turnMessagesMax / share);
    this.#inTurn = true;
    try {
      budget -= this.#run(first);
      while (ready.length > 0 && budget > 0 && clock.monotonicMs() < endMs) budget -= this.#run(ready.shift() as Cell);
    } catch (cause) {
      this.#options.log.error('the scheduler of actors failed', {}, cause);
    } finally {
      this.#inTurn = false;
      while (ready.length > 0) this.#requestTurn(ready.shift() as Cell);
    }
  }

  #requestTurn(cell: Cell): void {
    if (cell.phase === stopped) return;
    const { nact, folder } = this.#options;
    // Only now: an actor that waits for its first message costs nact nothing.
    cell.engine ??= nact.spawn(folder, this.#receive, cell.serial.toString(36), resumed);
    cell.turnRequested = true;
    this.#turnsRequested += 1;
    nact.dispatch(cell.engine, cell);
  }

  #run(cell: Cell): number {
    const start = cell.pendingStart;
    if (start !== undefined) {
      cell.pendingStart = undefined;
      start();
    }
    const handled = cell.phase === running && !cell.busy ? this.#drain(cell) : 0;
    if (cell.mailbox.length > 0 && cell.phase === running && !cell.busy) this.#ready.push(cell);
    else cell.scheduled = false;
    // A cell that only started still cost something.
    return handled + 1;
  }

  #drain(cell: Cell): number {
    const { mailbox, definition, context } = cell;
    let handled = 0;
    while (handled < batchMax && mailbox.length > 0) {
      const item = mailbox.shift();
      let message = item;
      if (item instanceof Carried) {
        item.consumed?.();
        if (item.guard !== undefined) {
          if (!item.guard.active) continue;
          item.guard.taken?.();
        }
        cell.scope = item;
        message = item.message;
      } else cell.scope = undefined;
      handled += 1;
      cell.busy = true;
      try {
        const next = definition.receive(cell.state, message, context);
        if (next instanceof Promise) {
          this.#suspend(cell, next, item);
          break;
        }
        cell.state = next;
      } catch (cause) {
        cell.endBusy();
        this.#options.onFailure(cell, cause, item);
        break;
      }
      cell.endBusy();
      if (cell.phase !== running) break;
    }
    this.#handled += handled;
    return handled;
  }

  /** The mailbox waits until `receive` has settled. */
  #suspend(cell: Cell, work: Promise<unknown>, item: unknown): void {
    work.then(
      (state) => {
        cell.state = state;
        cell.endBusy();
        if (cell.phase === running && cell.mailbox.length > 0) this.schedule(cell);
      },
      (cause: unknown) => {
        cell.endBusy();
        this.#options.onFailure(cell, cause, item);
      },
    );
  }
}
