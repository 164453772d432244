/**
 * The containers of one machine, as an executor sees them: they outlive the process that asks, take time to start and to stop, and stand
 * still once what they were told to hold until has passed on the machine's clock. What really runs is told as it happens.
 *
 * A workload's first argument says what it does: `for N` ends by itself after N ms, `missing` cannot be started, `stubborn` does not
 * heed TERM, anything else runs until it is stopped.
 */
import type { RunningContainer, WorkloadExecutor } from '../../../actors/enc/executor.ts';
import type { Workload } from '../../../protocols/enc/workload.ts';
import type { ContainerExit, ExitCause } from '../../../protocols/shared/containers.ts';
import { CodedError, InvariantError } from '../../../protocols/shared/errors.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';

export interface DockEvents {
  /** Its program runs from now on, for the first time. */
  readonly onStarted: (id: string, workload: Workload) => void;
  /** It runs, or stands still, or is over. */
  readonly onRunning: (id: string, isRunning: boolean) => void;
}

class DockError extends CodedError<'unreachable' | 'wrong-phase'> {
  override readonly name = 'DockError';
}

interface Container {
  readonly id: string;
  readonly workload: Workload;
  readonly startedAt: number;
  /** Of its own program, ms that it has still to run; null: until it is stopped. */
  leftMs: number | null;
  runsSinceMs: number | null;
  exit: ContainerExit | null;
}

const startMs = 40;
const stopMs = 30;

export class SimulatedDock implements WorkloadExecutor {
  readonly #clock: Clock;
  readonly #events: DockEvents;
  readonly #containers = new Map<string, Container>();
  readonly #held = new Set<string>();
  #untilMs = 0;
  /** Nobody answers, and what runs goes on. */
  isUnreachable = false;

  constructor(clock: Clock, events: DockEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  runtime(): string {
    return 'simulated';
  }

  start(id: string, workload: Workload): Promise<void> {
    return this.#after(startMs, () => {
      if (this.#containers.has(id)) return;
      const [what, length] = (workload.args[0] ?? '').split(' ');
      const leftMs = what === 'for' ? Number(length) : null;
      const container: Container = {
        ...{ id, workload, startedAt: this.#clock.now(), leftMs, runsSinceMs: null, exit: null },
      };
      this.#containers.set(id, container);
      if (what === 'missing') {
        container.exit = this.#exit({ kind: 'start-failed', reason: 'no-such-program', detail: '' }, null);
        return;
      }
      this.#events.onStarted(id, workload);
      this.#adjust(container);
    });
  }

  stop(id: string, { graceMs, by }: { readonly graceMs: number; readonly by: string }): Promise<void> {
    const container = this.#containers.get(id);
    const heedsMs = container?.workload.args[0] === 'stubborn' ? graceMs : Math.min(stopMs, graceMs);
    return this.#after(heedsMs, () => {
      if (container === undefined || container.exit !== null) return;
      this.#end(container, { kind: 'stopped', by }, 143);
    });
  }

  remove(id: string): Promise<void> {
    return this.#after(1, () => {
      const container = this.#containers.get(id);
      if (container === undefined) return;
      if (container.exit === null) throw new DockError('wrong-phase', `${id} runs`);
      this.#containers.delete(id);
      this.#held.delete(id);
    });
  }

  list(): Promise<readonly RunningContainer[]> {
    return this.#after(1, () =>
      [...this.#containers.values()].map(({ id, startedAt, exit }) => ({
        ...{ id, exit, isRunning: exit === null },
        startedAt: exit?.cause.kind === 'start-failed' ? null : startedAt,
      })),
    );
  }

  hold(ids: readonly string[], untilMs: number): Promise<void> {
    return this.#after(1, () => {
      this.#held.clear();
      for (const id of ids) this.#held.add(id);
      this.#untilMs = untilMs;
      this.#clock.setTimer(Math.max(0, untilMs - this.#clock.now()), () => this.#adjustAll());
      this.#adjustAll();
    });
  }

  /** The machine has died: nothing of it runs, and nobody can say how it ended. */
  powerCut(): void {
    for (const container of this.#containers.values()) this.#still(container);
    this.#containers.clear();
    this.#held.clear();
  }

  #after<T>(delayMs: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#clock.setTimer(delayMs, () => {
        if (this.isUnreachable) {
          reject(new DockError('unreachable', 'the executor does not answer'));
          return;
        }
        try {
          resolve(work());
        } catch (error) {
          reject(error instanceof DockError ? error : new InvariantError(String(error)));
        }
      });
    });
  }

  #exit(cause: ExitCause, code: number | null): ContainerExit {
    return { cause, code, at: this.#clock.now(), usage: null };
  }

  #end(container: Container, cause: ExitCause, code: number): void {
    this.#still(container);
    container.exit = this.#exit(cause, code);
  }

  #adjustAll(): void {
    for (const container of this.#containers.values()) this.#adjust(container);
  }

  /** Runs exactly while it is held and the time has not come. */
  #adjust(container: Container): void {
    if (container.exit !== null) return;
    const mayRun = this.#held.has(container.id) && this.#clock.now() < this.#untilMs;
    if (!mayRun) {
      this.#still(container);
      return;
    }
    if (container.runsSinceMs !== null) return;
    const since = this.#clock.monotonicMs();
    container.runsSinceMs = since;
    this.#events.onRunning(container.id, true);
    if (container.leftMs === null) return;
    this.#clock.setTimer(container.leftMs, () => {
      if (container.runsSinceMs === since && container.exit === null)
        this.#end(container, { kind: 'exited', code: 0 }, 0);
    });
  }

  #still(container: Container): void {
    if (container.runsSinceMs === null) return;
    const ranMs = this.#clock.monotonicMs() - container.runsSinceMs;
    container.runsSinceMs = null;
    if (container.leftMs !== null) container.leftMs = Math.max(0, container.leftMs - ranMs);
    this.#events.onRunning(container.id, false);
  }
}
