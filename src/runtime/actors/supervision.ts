/**
 * What a failure does. Supervision is the runtime's own: nact's runs handlers of one actor concurrently after an
 * escalation and hangs after a throw in a stopped actor.
 *
 * The words are those of Erlang/OTP's supervisors (one-for-one, all-for-one, rest-for-one, restart intensity).
 */
import type { Clock } from '../ports/clock.ts';
import type { Counter, Log } from '../ports/telemetry.ts';
import { type Cell, restarting, starting, stopping } from './cell.ts';
import { endEffects } from './effects.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Scheduler } from './scheduler.ts';

export interface SupervisionParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly counter: Counter;
  readonly lifecycle: Lifecycle;
  readonly scheduler: Scheduler;
  /** No supervisor is left. */
  readonly onFatal: (cause: unknown) => void;
}

export class Supervision {
  readonly #parts: SupervisionParts;
  #restarts = 0;

  constructor(parts: SupervisionParts) {
    this.#parts = parts;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** An actor has failed in `initial`, `receive`, `onRestart` or by what a child escalated. */
  failed(cell: Cell, cause: unknown): void {
    const { log, lifecycle } = this.#parts;
    const { strategy } = cell.supervision;
    log.error('an actor failed', { actor: cell.path, strategy }, cause);
    // Stopping: nothing is left to save. Restarting: the fresh state that is on its way covers this failure as well.
    if (cell.phase >= stopping || cell.phase === restarting) return;
    if (strategy === 'stop') void lifecycle.stop(cell, 'failed');
    else if (strategy === 'escalate' || this.#isTooOften(cell)) this.#escalate(cell, cause);
    else void this.#restart(victimsOf(cell), { failedCell: cell, cause });
  }

  #escalate(cell: Cell, cause: unknown): void {
    // It handles nothing more; the parent's fate decides.
    cell.phase = restarting;
    cell.restart = undefined;
    if (cell.parent?.parent === undefined) this.#parts.onFatal(cause);
    else this.failed(cell.parent, cause);
  }

  #isTooOften(cell: Cell): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const { restartsMax, windowMs } = cell.supervision;
    const times = (cell.restartTimes ?? []).filter((time) => time > nowMs - windowMs);
    cell.restartTimes = times;
    if (times.length >= restartsMax) return true;
    times.push(nowMs);
    return false;
  }

  /** Brings all victims to rest, last first; then, after the back-off, starts them afresh, first first. */
  async #restart(
    victims: readonly Cell[],
    { failedCell, cause }: { readonly failedCell: Cell; readonly cause: unknown },
  ): Promise<void> {
    const { lifecycle } = this.#parts;
    const token = {};
    const isCurrent = (cell: Cell): boolean => cell.restart === token && cell.phase === restarting;
    for (const cell of victims) {
      cell.phase = restarting;
      cell.restart = token;
      cell.abandonStart();
      endEffects(cell);
    }
    for (const cell of [...victims].reverse()) {
      if (!isCurrent(cell)) continue;
      await cell.idle();
      endEffects(cell);
      await lifecycle.stopChildren(cell);
    }
    await this.#backOff(failedCell);
    for (const cell of victims) {
      if (!isCurrent(cell)) continue;
      await this.#startAfresh(cell, cause, () => isCurrent(cell));
    }
  }

  async #backOff(cell: Cell): Promise<void> {
    const { backoffMs, backoffMaxMs } = cell.supervision;
    const count = cell.restartTimes?.length ?? 1;
    const delayMs = Math.min(backoffMs * 2 ** (count - 1), backoffMaxMs);
    if (delayMs <= 0 || cell.phase !== restarting) return;
    await new Promise<void>((resolve) => {
      const handle = this.#parts.clock.setTimer(delayMs, resolve);
      cell.wake = () => {
        handle.cancel();
        resolve();
      };
    });
    cell.wake = undefined;
  }

  /** In a turn of its own, so that an `initial` that always fails does not keep everyone else from running. */
  async #startAfresh(cell: Cell, cause: unknown, isCurrent: () => boolean): Promise<void> {
    const { lifecycle, scheduler, counter } = this.#parts;
    await new Promise<void>((resolve) => {
      cell.pendingStart = () => {
        resolve();
        if (!isCurrent()) return;
        this.#restarts += 1;
        counter.add(1, { actor: cell.definition.name });
        cell.phase = starting;
        try {
          cell.definition.onRestart?.(cause, cell.context);
        } catch (failure) {
          this.failed(cell, failure);
          return;
        }
        lifecycle.start(cell);
      };
      scheduler.schedule(cell);
    });
    await cell.idle();
  }
}

/** Those that the failure of `cell` makes start afresh, in order of their spawning. */
function victimsOf(cell: Cell): readonly Cell[] {
  const { strategy } = cell.supervision;
  if (strategy !== 'all-for-one' && strategy !== 'rest-for-one') return [cell];
  const siblings = [...(cell.parent?.children?.values() ?? [])].filter((sibling) => sibling.phase < stopping);
  return strategy === 'all-for-one' ? siblings : siblings.slice(siblings.indexOf(cell));
}
