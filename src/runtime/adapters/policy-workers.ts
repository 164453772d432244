/**
 * The workshop on worker threads: one that compiles what becomes active, one for questions that take longer, so that no question
 * delays an activation. A thread that dies or takes too long takes its job with it, and nothing else.
 */
import { Worker } from 'node:worker_threads';
import { type PolicyWork, type PolicyWorkshop, WorkshopError, type WorkName } from '../../actors/policy/workshop.ts';
import { PolicyError } from '../../protocols/policy/policy-error.ts';
import type { Clock, TimerHandle } from '../ports/clock.ts';
import type { WorkAnswer, WorkOrder } from './policy-worker.ts';

const isSource = import.meta.url.endsWith('.ts');
const entry = new URL(`./policy-worker.${isSource ? 'ts' : 'js'}`, import.meta.url);
/** A thread of Node 20 does not inherit what reads TypeScript in the thread that starts it: run from source, it loads that first. */
const fromSource = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); });`;

/** A set that needs more ends its thread, not the process. */
const resourceLimits = { maxOldGenerationSizeMb: 512 };
const waitingMax = 64;
/** Far beyond the minute that comparing a set with Cedar is to take at most: what takes longer never ends. */
const longestMs = 600_000;

interface Waiting {
  readonly order: WorkOrder;
  readonly resolve: (result: PolicyWork[WorkName]['result']) => void;
  readonly reject: (error: Error) => void;
}

/** The message of a refused job begins with its place, which the error adds again. */
const refusalOf = ({ code, place, message }: Extract<WorkAnswer, { kind: 'refused' }>): PolicyError =>
  new PolicyError(code, place, message.slice(place.length + 2));

class Thread {
  readonly #clock: Pick<Clock, 'setTimer'>;
  #worker: Worker | null = null;
  #doing: Waiting | null = null;
  #timer: TimerHandle | null = null;
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(clock: Pick<Clock, 'setTimer'>) {
    this.#clock = clock;
  }

  do(order: WorkOrder): Promise<PolicyWork[WorkName]['result']> {
    if (this.#isClosed) return Promise.reject(new WorkshopError('failed', 'the workshop is closed'));
    if (this.#waiting.length >= waitingMax)
      return Promise.reject(new WorkshopError('overload', `${waitingMax} jobs are waiting`));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#abandon(new WorkshopError('failed', 'the workshop was closed'));
    for (const { reject } of this.#waiting.splice(0)) reject(new WorkshopError('failed', 'the workshop was closed'));
    await worker?.terminate();
  }

  #next(): void {
    if (this.#doing !== null || this.#isClosed) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#doing = next;
    this.#worker ??= this.#start();
    this.#timer = this.#clock.setTimer(longestMs, () => {
      void this.#worker?.terminate();
      this.#abandon(new WorkshopError('time-out', `${next.order.name} took longer than ${longestMs / 1000} s`));
    });
    this.#worker.postMessage(next.order);
  }

  #start(): Worker {
    const worker = isSource
      ? new Worker(fromSource, { eval: true, resourceLimits })
      : new Worker(entry, { resourceLimits });
    // The process may end while a thread is idle; while it works, its job's owner holds the process.
    worker.unref();
    const isCurrent = (): boolean => this.#worker === worker;
    worker.on('message', (answer: WorkAnswer) => {
      if (!isCurrent()) return;
      const doing = this.#take();
      if (answer.kind === 'done') doing?.resolve(answer.result);
      else if (answer.kind === 'refused') doing?.reject(refusalOf(answer));
      else doing?.reject(new WorkshopError('failed', answer.message));
      this.#next();
    });
    worker.on('error', (cause) => {
      if (isCurrent()) this.#abandon(new WorkshopError('failed', 'the worker thread failed', { cause }));
    });
    worker.on('exit', () => {
      if (isCurrent()) this.#abandon(new WorkshopError('failed', 'the worker thread ended'));
    });
    return worker;
  }

  #take(): Waiting | null {
    this.#timer?.cancel();
    this.#timer = null;
    const doing = this.#doing;
    this.#doing = null;
    return doing;
  }

  #abandon(error: WorkshopError): void {
    this.#worker = null;
    this.#take()?.reject(error);
    this.#next();
  }
}

export class PolicyWorkers implements PolicyWorkshop {
  readonly #compiling: Thread;
  readonly #studying: Thread;

  constructor(clock: Pick<Clock, 'setTimer'>) {
    this.#compiling = new Thread(clock);
    this.#studying = new Thread(clock);
  }

  do<Name extends WorkName>(name: Name, job: PolicyWork[Name]['job']): Promise<PolicyWork[Name]['result']> {
    const thread = name === 'compile' ? this.#compiling : this.#studying;
    return thread.do({ name, job } as WorkOrder);
  }

  async close(): Promise<void> {
    await Promise.all([this.#compiling.close(), this.#studying.close()]);
  }
}
