/**
 * Containers of a cluster through DockLock's interface. DockLock does not know leases: what they no longer allow is ended from here, so
 * that it runs on for as long as this process stands still. docs/enc.md says what that means.
 */
import type { RunningContainer, WorkloadExecutor } from '../actors/enc/executor.ts';
import type { Workload } from '../protocols/enc/workload.ts';
import type { ContainerExit } from '../protocols/shared/containers.ts';
import type { Clock, TimerHandle } from '../runtime/ports/clock.ts';
import { ClientError } from './client-error.ts';
import { askService, type ServiceClientOptions } from './service-request.ts';

interface ContainerAnswer {
  readonly id: string;
  readonly driver: string;
  readonly phase: string;
  readonly startedAt: number | null;
  readonly exit: ContainerExit | null;
}

const bytesPerMiB = 1024 * 1024;
/** The slowest start flattens an image for the first time. */
const startTimeoutMs = 300_000;
const stopMarginMs = 60_000;

export class DocklockExecutor implements WorkloadExecutor {
  readonly #options: ServiceClientOptions;
  readonly #clock: Clock;
  #held: readonly string[] = [];
  #lapse: TimerHandle | null = null;
  #runtime = 'docklock';

  constructor(options: ServiceClientOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  runtime(): string {
    return this.#runtime;
  }

  async start(id: string, workload: Workload): Promise<void> {
    const { tenant, image, args, env, resources, wallTimeMs, port, isolationClass } = workload;
    const request = {
      ...{ id, tenant, image, args: args.length === 0 ? null : args, env, wallTimeMs, isolationClass, driver: null },
      ...{ cpuMillis: resources.cpuMillis, memoryBytes: resources.memoryMiB * bytesPerMiB, pidsMax: resources.pids },
      diskBytes: resources.storageMiB === 0 ? null : resources.storageMiB * bytesPerMiB,
      ports: port === null ? [] : [port],
    };
    await this.#ask('/v1/containers', request, startTimeoutMs);
  }

  async stop(id: string, { graceMs, by }: { readonly graceMs: number; readonly by: string }): Promise<void> {
    await this.#ask(`/v1/containers/${encodeURIComponent(id)}/stop`, { graceMs, by }, graceMs + stopMarginMs);
  }

  async remove(id: string): Promise<void> {
    try {
      await this.#ask(`/v1/containers/${encodeURIComponent(id)}/remove`, {});
    } catch (error) {
      if (!(error instanceof ClientError && error.code === 'not-found')) throw error;
    }
  }

  async list(): Promise<readonly RunningContainer[]> {
    const { containers } = (await this.#ask('/v1/containers')) as { readonly containers: readonly ContainerAnswer[] };
    const own = containers.filter(({ id }) => id.startsWith('w-'));
    const [first] = own;
    if (first !== undefined) this.#runtime = `docklock ${first.driver}`;
    return own.map(({ id, phase, startedAt, exit }) => ({ id, startedAt, exit, isRunning: phase !== 'exited' }));
  }

  hold(ids: readonly string[], untilMs: number): Promise<void> {
    this.#held = ids;
    this.#lapse?.cancel();
    const lapse = (): void => {
      for (const id of this.#held) this.stop(id, { graceMs: 0, by: 'lease' }).catch(() => undefined);
    };
    this.#lapse = ids.length === 0 ? null : this.#clock.setTimer(Math.max(0, untilMs - this.#clock.now()), lapse);
    return Promise.resolve();
  }

  close(): void {
    this.#lapse?.cancel();
  }

  #ask(path: string, body?: unknown, timeoutMs?: number): Promise<unknown> {
    return askService({ ...this.#options, ...(timeoutMs === undefined ? {} : { timeoutMs }) }, path, body);
  }
}
