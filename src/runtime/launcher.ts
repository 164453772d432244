/** Supervises the processes of a network on this machine: order by readiness, restarts, a graceful and bounded end. */
import { invariant } from '../protocols/shared/errors.ts';
import { type ProcessEvent, type ProcessPlan, type ProcessStatus, SupervisedProcess } from './launcher-process.ts';

export interface Launcher {
  /** Starts what waits for nobody; the rest follows as it may. */
  start(): void;
  status(): readonly ProcessStatus[];
  /** Returns the unsubscribe function. */
  onEvent(listener: (event: ProcessEvent) => void): () => void;
  /** Resolves with true once every process is ready, with false once one failed for good and the rest is ready or waits for it. */
  readonly settled: Promise<boolean>;
  /** Resolves when every process has failed for good. */
  readonly allFailed: Promise<void>;
  /** Graceful: a process stops when those that started after it have stopped. Bounded by each process's stop time-out. */
  stop(): Promise<void>;
  /** SIGKILL to everything. */
  kill(): void;
}

export function createLauncher(plans: readonly ProcessPlan[]): Launcher {
  return new NetworkLauncher(plans);
}

class NetworkLauncher implements Launcher {
  readonly settled: Promise<boolean>;
  readonly allFailed: Promise<void>;
  readonly #processes = new Map<string, SupervisedProcess>();
  readonly #listeners = new Set<(event: ProcessEvent) => void>();
  readonly #wereReady = new Set<string>();
  #resolveSettled: (ready: boolean) => void = () => undefined;
  #resolveAllFailed: () => void = () => undefined;
  #stopping: Promise<void> | null = null;

  constructor(plans: readonly ProcessPlan[]) {
    this.settled = new Promise((resolve) => (this.#resolveSettled = resolve));
    this.allFailed = new Promise((resolve) => (this.#resolveAllFailed = resolve));
    for (const plan of plans) {
      invariant(!this.#processes.has(plan.name), `two processes are named ${plan.name}`);
      this.#processes.set(plan.name, new SupervisedProcess(plan, (event) => this.#emit(event)));
    }
    for (const plan of plans) {
      for (const name of plan.after) invariant(this.#processes.has(name), `${plan.name} waits for unknown ${name}`);
    }
  }

  start(): void {
    this.#startWhatMay();
  }

  status(): readonly ProcessStatus[] {
    return [...this.#processes.values()].map((process) => process.status());
  }

  onEvent(listener: (event: ProcessEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  kill(): void {
    for (const process of this.#processes.values()) process.kill();
  }

  #emit(event: ProcessEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (event.type === 'ready') {
      this.#wereReady.add(event.process);
      this.#startWhatMay();
    }
    if (event.type === 'ready' || event.type === 'failed') this.#settle();
  }

  #startWhatMay(): void {
    if (this.#stopping !== null) return;
    for (const process of this.#processes.values()) {
      if (process.state !== 'waiting') continue;
      if (process.plan.after.every((name) => this.#wereReady.has(name))) process.start();
    }
  }

  #settle(): void {
    const states = [...this.#processes.values()].map((process) => process.state);
    if (states.every((state) => state === 'ready')) this.#resolveSettled(true);
    if (states.includes('failed') && states.every((state) => ['ready', 'failed', 'waiting'].includes(state))) {
      this.#resolveSettled(false);
    }
    if (states.every((state) => state === 'failed' || state === 'waiting')) this.#resolveAllFailed();
  }

  async #stop(): Promise<void> {
    const stopped = new Map<string, Promise<void>>();
    const stopOne = (process: SupervisedProcess): Promise<void> => {
      const known = stopped.get(process.plan.name);
      if (known !== undefined) return known;
      const dependents = [...this.#processes.values()].filter((other) => other.plan.after.includes(process.plan.name));
      const promise = Promise.all(dependents.map(stopOne)).then(() => process.stop());
      stopped.set(process.plan.name, promise);
      return promise;
    };
    await Promise.all([...this.#processes.values()].map(stopOne));
    this.#resolveSettled(false);
  }
}
