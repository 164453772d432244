/** One module in its process: its start, its end, and what is asked of it meanwhile. */
import { existsSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { exitCause } from '../../protocols/docklock/exit-cause.ts';
import { boundModule, ModuleError } from '../../protocols/docklock/wasm-module.ts';
import type { ContainerExit, ContainerSpec, ResourceUsage } from '../../protocols/shared/containers.ts';
import { ContainerError, type ContainerPhase, type ContainerState } from '../ports/container-driver.ts';
import type { Cell } from './cell.ts';
import { type ControlGroup, readText } from './control-groups.ts';
import type { ProcessIdentity } from './shim.ts';
import { endFile, moduleFile, usageFile, type WasmEnd, type WasmUsage } from './wasm-cell.ts';
import { isThere, launchWasm, signalAll, type WasmConfinement } from './wasm-launch.ts';

export interface WasmSurroundings {
  readonly now: () => number;
  readonly confinement: WasmConfinement;
}

const moduleBytesMax = 64 * 1024 * 1024;
/** What the process takes beside the module's memory, at most: the engine, its threads, what it compiled. */
const engineBytes = 256 * 1024 * 1024;
const engineThreads = 64;
const pollMs = 5;
const lookMs = 100;
const killedCode = 137;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface StartFailure {
  readonly reason: string;
  readonly detail: string;
}

export class WasmContainer {
  readonly spec: ContainerSpec;
  readonly cell: Cell;
  readonly ended: Promise<ContainerExit>;
  readonly #group: ControlGroup | null;
  readonly #around: WasmSurroundings;
  #settle: (exit: ContainerExit) => void = () => undefined;
  #process: ProcessIdentity | null;
  #exit: ContainerExit | null;
  #release = (): void => undefined;
  #isDetached = false;
  #isFinishing = false;

  constructor(cell: Cell, group: ControlGroup | null, around: WasmSurroundings) {
    const spec = cell.read('spec');
    if (spec === null) throw new ContainerError('unknown-container', `${cell.name} is no container`);
    this.spec = spec;
    this.cell = cell;
    this.#group = group;
    this.#around = around;
    this.#process = cell.read('shim');
    this.#exit = cell.read('result');
    this.ended = new Promise((resolve) => (this.#settle = resolve));
    if (this.#exit !== null) this.#settle(this.#exit);
    else if (this.#process !== null) void this.#follow(this.#process);
  }

  get phase(): ContainerPhase {
    if (this.#exit !== null) return 'exited';
    if (this.#process === null) return 'created';
    return existsSync(this.cell.path('frozen')) ? 'frozen' : 'running';
  }

  get state(): ContainerState {
    const { id, tenant } = this.spec;
    return { id, tenant, phase: this.phase, startedAt: this.cell.markedAt('started'), published: [], exit: this.#exit };
  }

  async start(): Promise<void> {
    if (this.phase !== 'created') throw new ContainerError('wrong-phase', `${this.spec.id} was started before`);
    const failure = this.#furnish();
    if (failure !== null) {
      await this.#finish(null, failure);
      throw new ContainerError('start-failed', failure.detail);
    }
    this.#group?.make();
    const { cpuMillis, memoryBytes } = this.spec.limits;
    const limits = { ...this.spec.limits, cpuMillis, memoryBytes: memoryBytes + engineBytes };
    this.#group?.limit(limits, Math.max(0, engineThreads - limits.pidsMax));
    const groups = this.#group?.directories.map((directory) => join(directory, 'cgroup.procs')) ?? [];
    const { confinement } = this.#around;
    const { identity, ended, release } = await launchWasm({ cell: this.cell.directory, confinement, groups });
    this.#process = identity;
    this.#release = release;
    this.cell.write('shim', identity);
    void ended.then((code) => this.#finish(code ?? killedCode, null));
    while (this.#exit === null && this.cell.markedAt('started') === null)
      await Promise.race([pause(pollMs), this.ended]);
    const { cause } = this.#exit ?? {};
    if (cause?.kind === 'start-failed') throw new ContainerError('start-failed', cause.detail);
  }

  /** A module cannot be asked to end: it is ended, whatever the grace. */
  async stop(by: string): Promise<ContainerExit> {
    if (this.#exit !== null) return this.#exit;
    this.cell.write('stop', { by });
    if (this.#process === null) await this.#finish(null, null);
    else signalAll(this.#process, 'SIGKILL');
    return this.ended;
  }

  freeze(isFrozen: boolean): void {
    const running = this.#running();
    if (isFrozen) writeFileSync(this.cell.path('frozen'), '');
    else rmSync(this.cell.path('frozen'), { force: true });
    signalAll(running, isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  usage(): ResourceUsage {
    this.#running();
    const usage = this.#said<WasmUsage>(usageFile);
    if (usage === null) throw new ContainerError('wrong-phase', `${this.spec.id} does not run yet`);
    return this.#usageOf(usage);
  }

  /** Looks no more; the module runs on. */
  detach(): void {
    this.#isDetached = true;
    this.#release();
  }

  #running(): ProcessIdentity {
    if (this.#exit !== null || this.#process === null)
      throw new ContainerError('wrong-phase', `${this.spec.id} does not run`);
    return this.#process;
  }

  /** Of a process that another one started: its end is seen, and not told. */
  async #follow(process_: ProcessIdentity): Promise<void> {
    while (isThere(process_)) {
      if (this.#isDetached) return;
      await pause(lookMs);
    }
    if (!this.#isDetached) await this.#finish(null, null);
  }

  /** Puts the bounded module into the cell. */
  #furnish(): StartFailure | null {
    try {
      const file = this.#moduleFile();
      if (file === null)
        return { reason: 'no-such-program', detail: `there is no ${this.spec.args[0] ?? ''} in the image` };
      const { size } = statSync(file);
      if (size > moduleBytesMax) return { reason: 'not-executable', detail: `a module of ${size} bytes` };
      writeFileSync(this.cell.path(moduleFile), boundModule(readFileSync(file), this.spec.limits.memoryBytes), {
        mode: 0o600,
      });
      return null;
    } catch (error) {
      if (error instanceof ModuleError) return { reason: 'not-executable', detail: `${error.message} (${error.code})` };
      throw error;
    }
  }

  /** A link of the image that leads out of it leads nowhere. */
  #moduleFile(): string | null {
    try {
      const root = realpathSync(this.spec.root.path);
      if (statSync(root).isFile()) return root;
      const file = realpathSync(join(root, this.spec.args[0] ?? ''));
      return file.startsWith(`${root}${sep}`) && statSync(file).isFile() ? file : null;
    } catch (error) {
      if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(error.code)))
        return null;
      throw error;
    }
  }

  #said<T>(file: string): T | null {
    const text = readText(this.cell.path(file));
    return text === null ? null : (JSON.parse(text) as T);
  }

  #usageOf(usage: WasmUsage): ResourceUsage {
    return { ...usage, pids: 1, oomKills: this.#group?.usage()?.oomKills ?? 0, pidsRefused: 0 };
  }

  async #finish(code: number | null, failure: StartFailure | null): Promise<void> {
    if (this.#isFinishing || this.#isDetached) return;
    this.#isFinishing = true;
    const end = this.#said<WasmEnd>(endFile);
    const said = end?.usage ?? this.#said<WasmUsage>(usageFile);
    const counted = said === null ? null : this.#usageOf(said);
    const usage =
      counted !== null && end?.kind === 'oom' ? { ...counted, oomKills: Math.max(counted.oomKills, 1) } : counted;
    const notStarted = end?.kind === 'start-failed' ? { reason: 'not-executable', detail: end.detail } : null;
    const cause = exitCause({
      code: end === null ? code : (end.code ?? killedCode),
      usage,
      startFailure: failure ?? notStarted,
      wasTimedOut: end?.kind === 'timeout',
      stoppedBy: this.cell.read('stop')?.by ?? null,
    });
    if (this.#process !== null) signalAll(this.#process, 'SIGKILL');
    await this.#clear();
    const exit: ContainerExit = {
      cause,
      code: end === null ? code : end.code,
      at: end?.at ?? this.#around.now(),
      usage,
    };
    this.cell.write('result', exit);
    this.#exit = exit;
    this.#settle(exit);
  }

  /** Of what was killed, the last leaves its groups a moment later. */
  async #clear(): Promise<void> {
    for (let attempt = 0; this.#group !== null && !this.#group.remove() && attempt < 1_000; attempt += 1) {
      this.#group.kill();
      await pause(pollMs);
    }
    rmSync(this.cell.path(moduleFile), { force: true });
  }
}
