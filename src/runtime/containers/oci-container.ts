/** One container under an OCI runtime: its pipes, its end, and what is asked of it meanwhile. */
import { constants, openSync, readlinkSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { exitCause } from '../../protocols/docklock/exit-cause.ts';
import type { ContainerExit, ContainerSpec, ResourceUsage } from '../../protocols/shared/containers.ts';
import {
  ContainerError,
  type ContainerPhase,
  type ContainerState,
  type StopOptions,
} from '../ports/container-driver.ts';
import type { Cell } from './cell.ts';
import { ContainerLog } from './container-log.ts';
import { type ControlGroup, killProcess } from './control-groups.ts';
import { runtimeProblem, startFailureReason } from './oci-runtime.ts';
import { isAlive, letGo, type ProcessIdentity } from './shim.ts';

export interface ContainerSurroundings {
  readonly now: () => number;
  /** Makes the runtime forget it. */
  readonly forget: (cell: Cell) => Promise<void>;
  /** Takes away the network that was made for it. */
  readonly disconnect: (spec: ContainerSpec) => Promise<void>;
  readonly runtimeProgram: string;
  /** For the runtime to start a container, or to end one whose processes are gone. */
  readonly runtimeMsMax: number;
}

const pollMs = 2;
const settleMs = 5;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class OciContainer {
  readonly spec: ContainerSpec;
  readonly cell: Cell;
  readonly log: ContainerLog;
  readonly group: ControlGroup;
  /** Beside it, whatever is to see what the runtime sees is run. */
  readonly shim: ProcessIdentity;
  readonly #around: ContainerSurroundings;
  readonly #ended: Promise<ContainerExit>;
  #settle: (exit: ContainerExit) => void = () => undefined;
  #openPipes = 0;
  #sockets: Socket[] = [];
  #isLetGo: boolean;
  #exit: ContainerExit | null;

  constructor(cell: Cell, group: ControlGroup, around: ContainerSurroundings) {
    const [spec, shim] = [cell.read('spec'), cell.read('shim')];
    if (spec === null || shim === null) throw new ContainerError('unknown-container', `${cell.name} is no container`);
    this.spec = spec;
    this.cell = cell;
    this.group = group;
    this.log = new ContainerLog(cell.path('log'), spec.limits.logBytes, around.now);
    this.shim = shim;
    this.#around = around;
    this.#exit = cell.read('result');
    this.#isLetGo = cell.markedAt('started') !== null || cell.firstProcess !== null || cell.exitCode !== null;
    this.#ended = new Promise((resolve) => (this.#settle = resolve));
    if (this.#exit !== null) {
      this.log.end();
      this.#settle(this.#exit);
    }
  }

  /** Reads what it writes from now on; its end is the end of both pipes. Where the shim is gone there is nothing to wait for. */
  attach(): void {
    if (this.#exit !== null) return;
    if (!isAlive(this.shim)) {
      void this.#finish();
      return;
    }
    for (const stream of ['stdout', 'stderr'] as const) {
      const socket = new Socket({
        fd: openSync(this.cell.path(stream), constants.O_RDONLY | constants.O_NONBLOCK),
        readable: true,
        writable: false,
      });
      this.#openPipes += 1;
      this.#sockets.push(socket);
      socket.on('data', (bytes) => this.log.write(stream, bytes));
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#openPipes -= 1;
        if (this.#openPipes === 0 && this.#sockets.length > 0) void this.#finish();
      });
    }
  }

  /** Reads no more; the container runs on, and its shim holds its pipes. */
  detach(): void {
    const sockets = this.#sockets.splice(0);
    for (const socket of sockets) socket.destroy();
    this.log.close();
  }

  get state(): ContainerState {
    return {
      id: this.spec.id,
      tenant: this.spec.tenant,
      phase: this.phase,
      startedAt: this.#startedAt,
      published: this.cell.read('network')?.published ?? [],
      exit: this.#exit,
    };
  }

  /** A program that ended at once was never seen to run. */
  get #startedAt(): number | null {
    const hasRun = this.#exit !== null && this.#exit.cause.kind !== 'start-failed';
    return this.cell.markedAt('started') ?? (hasRun ? this.cell.markedAt('pid') : null);
  }

  get phase(): ContainerPhase {
    if (this.#exit !== null) return 'exited';
    if (!this.#isLetGo) return 'created';
    return this.group.isFrozen() ? 'frozen' : 'running';
  }

  get ended(): Promise<ContainerExit> {
    return this.#ended;
  }

  async start(): Promise<void> {
    if (this.phase !== 'created') throw new ContainerError('wrong-phase', `${this.spec.id} was started before`);
    this.#isLetGo = true;
    letGo(this.cell.directory, this.spec.limits.wallTimeMs);
    const failure = await this.#untilRunning();
    if (failure !== null) throw new ContainerError('start-failed', failure);
  }

  /** Its program is another than the runtime's: that is when it runs. */
  async #untilRunning(): Promise<string | null> {
    const deadline = performance.now() + this.#around.runtimeMsMax;
    for (;;) {
      if (this.#exit !== null) {
        const { cause } = this.#exit;
        return cause.kind === 'start-failed' ? cause.detail : null;
      }
      const first = this.cell.firstProcess;
      if (first !== null && this.#runsItsOwn(first)) {
        this.cell.mark('started');
        return null;
      }
      if (performance.now() > deadline) {
        this.#killAll();
        await this.#ended;
        return 'the runtime did not start it in time';
      }
      await Promise.race([pause(pollMs), this.#ended]);
    }
  }

  #runsItsOwn(process_: number): boolean {
    const link = `/proc/${process_}/exe`;
    try {
      // The runtimes run from a copy of themselves in memory, or from their file.
      if (readlinkSync(link).startsWith('/memfd:')) return false;
      const [own, runtime] = [statSync(link), statSync(this.#around.runtimeProgram)];
      return own.ino !== runtime.ino || own.dev !== runtime.dev;
    } catch {
      // It has ended: what it was, the runtime's log says.
      return false;
    }
  }

  async stop({ graceMs, by }: StopOptions): Promise<ContainerExit> {
    if (this.#exit !== null) return this.#exit;
    if (this.cell.read('stop') === null) this.cell.write('stop', { by });
    const first = this.cell.firstProcess;
    if (!this.#isLetGo || first === null) {
      this.#killAll();
      return this.#ended;
    }
    if (graceMs > 0) {
      killProcess(first, this.spec.stopSignal as NodeJS.Signals);
      this.#thaw();
      await Promise.race([pause(graceMs), this.#ended]);
    }
    if (this.#isRunning()) {
      killProcess(first, 'SIGKILL');
      this.#thaw();
      await Promise.race([pause(this.#around.runtimeMsMax), this.#ended]);
    }
    if (this.#isRunning()) this.#killAll();
    return this.#ended;
  }

  usage(): ResourceUsage {
    const usage = this.#isRunning() && this.#isLetGo ? this.group.usage() : null;
    if (usage === null) throw new ContainerError('wrong-phase', `${this.spec.id} does not run`);
    return usage;
  }

  #isRunning(): boolean {
    return this.#exit === null;
  }

  #thaw(): void {
    if (this.group.isFrozen()) this.group.freeze(false);
  }

  /** The shim and its runner, the runtime, the container. */
  #killAll(): void {
    if (isAlive(this.shim)) killProcess(-this.shim.pid, 'SIGKILL');
    const first = this.cell.firstProcess;
    if (first !== null) killProcess(first, 'SIGKILL');
    this.group.kill();
    this.#thaw();
  }

  /** Reads the counters, then takes everything away. */
  async #finish(): Promise<void> {
    const { cell } = this;
    const usage = this.group.usage();
    const code = cell.exitCode;
    const problem = cell.markedAt('started') === null ? runtimeProblem(cell.runtimeLog) : '';
    const exit: ContainerExit = {
      cause: exitCause({
        code,
        usage,
        startFailure: problem === '' ? null : { reason: startFailureReason(problem), detail: problem.slice(0, 500) },
        wasTimedOut: cell.markedAt('timed-out') !== null,
        stoppedBy: cell.read('stop')?.by ?? null,
      }),
      code,
      at: cell.markedAt('exit') ?? this.#around.now(),
      usage,
    };
    this.#killAll();
    await this.#clear();
    this.log.end();
    cell.write('result', exit);
    this.#exit = exit;
    this.#settle(exit);
  }

  /** Of what was killed, the last leaves its groups a moment later. */
  async #clear(): Promise<void> {
    await this.#around.forget(this.cell);
    const deadline = performance.now() + this.#around.runtimeMsMax;
    while (!this.group.remove() && performance.now() < deadline) {
      this.group.kill();
      await pause(settleMs);
    }
    await this.#around.disconnect(this.spec);
    this.cell.removePipes();
  }
}
