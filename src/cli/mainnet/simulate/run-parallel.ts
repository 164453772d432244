/** Seeds handed out one by one to child processes; reports come back in the order of the seeds. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../../terminal.ts';
import type { EveryEffectReport, EveryEffectRequest } from './every-effect-seed.ts';
import type { RunReport, RunRequest } from './run-one.ts';

/** What is done with each seed. */
export type WorkRequest = RunRequest | EveryEffectRequest;

export interface WorkReports {
  readonly run: RunReport;
  readonly 'every-effect': EveryEffectReport;
}

export type ParentMessage =
  | { readonly type: 'request'; readonly request: WorkRequest }
  | { readonly type: 'run'; readonly seed: string };

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly report: WorkReports[keyof WorkReports] }
  | { readonly type: 'failed'; readonly isUsage: boolean; readonly message: string };

export interface ParallelOptions<Work extends keyof WorkReports> {
  readonly request: WorkRequest & { readonly work: Work };
  readonly seeds: readonly string[];
  readonly processes: number;
  /** In the order of the seeds. */
  readonly onReport: (report: WorkReports[Work]) => void;
  /** Ends the work: what is under way is given up. */
  readonly stop: AbortSignal;
}

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const entry = fileURLToPath(new URL(`../../simulation-process.${extension}`, import.meta.url));

/** Resolves when every seed was run, or when it was stopped. Rejects with CommandError where a process fails. */
export function runParallel<Work extends keyof WorkReports>(options: ParallelOptions<Work>): Promise<void> {
  return new ParallelRuns(options).toTheEnd();
}

class ParallelRuns<Work extends keyof WorkReports> {
  readonly #options: ParallelOptions<Work>;
  readonly #children = new Set<ChildProcess>();
  /** By place in the list of seeds, until everything before them has been told. */
  readonly #reports = new Map<number, WorkReports[Work]>();
  #next = 0;
  #told = 0;

  constructor(options: ParallelOptions<Work>) {
    this.#options = options;
  }

  async toTheEnd(): Promise<void> {
    const { processes, seeds, stop } = this.#options;
    const stopAll = (): void => {
      for (const child of this.#children) child.kill('SIGKILL');
    };
    stop.addEventListener('abort', stopAll, { once: true });
    try {
      await Promise.all(Array.from({ length: Math.min(processes, seeds.length) }, () => this.#oneProcess()));
    } finally {
      stopAll();
      stop.removeEventListener('abort', stopAll);
    }
  }

  #oneProcess(): Promise<void> {
    const { request, seeds, stop } = this.#options;
    return new Promise((resolve, reject) => {
      const child = fork(entry, [], { serialization: 'advanced' });
      this.#children.add(child);
      let place = -1;
      const tell = (message: ParentMessage): void => {
        child.send(message);
      };
      const goOn = (): void => {
        if (this.#next >= seeds.length || stop.aborted) {
          child.disconnect();
          return;
        }
        place = this.#next++;
        tell({ type: 'run', seed: seeds[place] as string });
      };
      child.on('message', (message: WorkerMessage) => {
        if (message.type === 'failed') {
          reject(new CommandError(message.isUsage ? 'usage' : 'failed', message.message));
          return;
        }
        // Of the work that was asked for.
        if (message.type === 'report') this.#keep(place, message.report as WorkReports[Work]);
        goOn();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        this.#children.delete(child);
        if (code === 0 || stop.aborted) resolve();
        else
          reject(
            new CommandError('failed', `seed ${seeds[place] ?? '-'}: its process ended with ${signal ?? code ?? ''}`),
          );
      });
      tell({ type: 'request', request });
    });
  }

  #keep(place: number, report: WorkReports[Work]): void {
    this.#reports.set(place, report);
    for (let next = this.#reports.get(this.#told); next !== undefined; next = this.#reports.get(this.#told)) {
      this.#reports.delete(this.#told);
      this.#told += 1;
      if (!this.#options.stop.aborted) this.#options.onReport(next);
    }
  }
}
