/** The way into a mailbox: capacity and policy, order, and what happens to what is refused. */
import { ActorError } from '../ports/actors.ts';
import { type Cell, running, stopping } from './cell.ts';
import type { DeadLetters } from './dead-letters.ts';
import { Carried, type Guard } from './mailbox.ts';
import type { Scheduler } from './scheduler.ts';

export class Delivery {
  readonly #scheduler: Scheduler;
  readonly #deadLetters: DeadLetters;

  constructor(scheduler: Scheduler, deadLetters: DeadLetters) {
    this.#scheduler = scheduler;
    this.#deadLetters = deadLetters;
  }

  /** False where the item became a dead letter at once. */
  deliver(cell: Cell, item: unknown): boolean {
    if (cell.phase >= stopping) {
      this.#deadLetters.publishItem(cell.path, item, 'stopped');
      return false;
    }
    const { mailbox } = cell;
    if (mailbox.full) {
      const displaced = mailbox.overflow === 'drop-oldest' ? mailbox.displace() : undefined;
      if (displaced === undefined) {
        this.#deadLetters.publishItem(cell.path, item, 'mailbox-full');
        return false;
      }
      this.#deadLetters.publishItem(cell.path, displaced.item, 'mailbox-full');
    }
    this.#accept(cell, item);
    return true;
  }

  /**
   * What the actor itself has asked for (a timer, piped work, a watch): never refused, since the actor's own requests
   * bound it, and never delivered once its guard is down.
   */
  deliverOwn(cell: Cell, message: unknown, guard: Guard, trace?: string): void {
    if (!guard.active || cell.phase >= stopping) return;
    this.#accept(cell, new Carried(message, { guard, trace }));
  }

  /** Calls `waiter` back once the item is in the mailbox or never will be. Full mailboxes of policy `wait` are waited for. */
  deliverWhenRoom(cell: Cell, item: unknown, settled: (refusal: ActorError | undefined) => void): void {
    const { mailbox } = cell;
    if (cell.phase < stopping && mailbox.full && mailbox.overflow === 'wait') {
      mailbox.wait({
        item,
        admitted: () => settled(undefined),
        refused: () => {
          this.#deadLetters.publishItem(cell.path, item, 'stopped');
          settled(new ActorError('target-stopped', `${cell.path} has stopped`));
        },
      });
      return;
    }
    const isStopped = cell.phase >= stopping;
    if (this.deliver(cell, item)) settled(undefined);
    else if (isStopped) settled(new ActorError('target-stopped', `${cell.path} has stopped`));
    else settled(new ActorError('mailbox-full', `the mailbox of ${cell.path} is full`));
  }

  /** Everything that waits becomes a dead letter. */
  flush(cell: Cell): void {
    cell.mailbox.drain((item) => this.#deadLetters.publishItem(cell.path, item, 'stopped'));
  }

  #accept(cell: Cell, item: unknown): void {
    cell.mailbox.push(item);
    if (cell.phase === running && !cell.busy) this.#scheduler.schedule(cell);
  }
}
