/**
 * WebAssembly modules, each in a process and a thread of its own: isolation class `wasm-sandbox`. Works wherever Node does; a
 * share of a processor needs control groups, and a view of nothing but itself bubblewrap. A module has no files, no network
 * and no processes, so a specification that wants them is refused.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { specProblem } from '../../protocols/docklock/container-spec.ts';
import type { ContainerExit, ContainerSpec, ResourceUsage } from '../../protocols/shared/containers.ts';
import {
  type ContainerDriver,
  ContainerError,
  type ContainerState,
  type DriverProbe,
  type ExecResult,
  type LogEntry,
  type LogOptions,
  type StopOptions,
} from '../ports/container-driver.ts';
import { Cell } from './cell.ts';
import { tailLog } from './container-log-tail.ts';
import { ControlGroup, type ControlGroupHost, missingControllers, readControlGroupHost } from './control-groups.ts';
import { WasmContainer, type WasmSurroundings } from './wasm-container.ts';
import { wasmConfinement } from './wasm-launch.ts';

export interface WasmDriverOptions {
  /** Absolute; holds what outlives this process. One driver at a time. */
  readonly stateDir: string;
  /** Below the root of every hierarchy; another one for every state directory on a host. */
  readonly controlGroup: string;
  readonly now: () => number;
}

/** null where this host, or this user, has none. */
function usableGroups(): ControlGroupHost | null {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return null;
  const host = readControlGroupHost(readFileSync('/proc/mounts', 'utf8'));
  return missingControllers(host).length === 0 ? host : null;
}

export class WasmDriver implements ContainerDriver {
  readonly name = 'wasm';
  readonly isolationClass = 'wasm-sandbox';
  readonly #options: WasmDriverOptions;
  readonly #host = usableGroups();
  readonly #around: WasmSurroundings;
  readonly #containers = new Map<string, WasmContainer>();
  readonly #cellsDir: string;

  constructor(options: WasmDriverOptions) {
    this.#options = options;
    this.#cellsDir = join(options.stateDir, 'cells');
    this.#around = { now: options.now, confinement: wasmConfinement() };
    mkdirSync(this.#cellsDir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#cellsDir)) this.#restore(new Cell(this.#cellsDir, name));
  }

  probe(): Promise<DriverProbe> {
    const { confinement } = this.#around;
    return Promise.resolve({
      problem: null,
      runtime: { name: 'node', version: process.versions.node },
      facts: [
        { name: 'confinement', value: confinement, isWarning: confinement === 'none' },
        {
          name: 'shares of a processor',
          value: this.#host === null ? 'whole ones only' : 'yes',
          isWarning: this.#host === null,
        },
      ],
    });
  }

  create(spec: ContainerSpec): Promise<void> {
    return settled(() => {
      this.#check(spec);
      const cell = new Cell(this.#cellsDir, randomBytes(6).toString('hex'));
      try {
        cell.make();
        cell.write('spec', spec);
        this.#containers.set(spec.id, new WasmContainer(cell, this.#groupOf(cell), this.#around));
      } catch (cause) {
        cell.remove();
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')
          throw new ContainerError('full', 'there is no space left on the device', { cause });
        throw cause;
      }
    });
  }

  async start(id: string): Promise<void> {
    await this.#get(id).start();
  }

  exec(id: string): Promise<ExecResult> {
    return settled(() => {
      this.#get(id);
      throw new ContainerError('unsupported', 'a module is one program: nothing else can be run beside it');
    });
  }

  logs(id: string, options: LogOptions): AsyncIterable<LogEntry> {
    const { cell, ended } = this.#get(id);
    return tailLog(cell.path('log'), ended, options);
  }

  stats(id: string): Promise<ResourceUsage> {
    return settled(() => this.#get(id).usage());
  }

  freeze(id: string): Promise<void> {
    return settled(() => this.#get(id).freeze(true));
  }

  thaw(id: string): Promise<void> {
    return settled(() => this.#get(id).freeze(false));
  }

  async stop(id: string, { by }: StopOptions): Promise<ContainerExit> {
    return this.#get(id).stop(by);
  }

  async waited(id: string): Promise<ContainerExit> {
    return this.#get(id).ended;
  }

  async remove(id: string): Promise<void> {
    const container = this.#get(id);
    if (container.phase === 'created') await container.stop('removal');
    if (container.phase !== 'exited') throw new ContainerError('wrong-phase', `${id} runs: stop it first`);
    container.cell.remove();
    this.#containers.delete(id);
  }

  list(): Promise<readonly ContainerState[]> {
    const states = [...this.#containers.values()].map(({ state }) => state);
    return Promise.resolve(states.sort((a, b) => (a.id < b.id ? -1 : 1)));
  }

  close(): Promise<void> {
    for (const container of this.#containers.values()) container.detach();
    if (this.#host !== null && readdirSync(this.#cellsDir).length === 0)
      new ControlGroup(this.#host, this.#options.controlGroup).remove();
    return Promise.resolve();
  }

  #check(spec: ContainerSpec): void {
    const wrong = specProblem(spec);
    if (wrong !== null) throw new ContainerError('invalid-spec', `${wrong.place}: ${wrong.problem}`);
    if (spec.isolationClass !== this.isolationClass)
      throw new ContainerError(
        'isolation-unavailable',
        `${this.name} gives the isolation class ${this.isolationClass}, not ${spec.isolationClass}`,
      );
    if (spec.network.kind !== 'none') throw new ContainerError('unsupported', 'a module has no network');
    if (spec.mounts.length > 0) throw new ContainerError('unsupported', 'a module has no files');
    if (this.#host === null && spec.limits.cpuMillis < 1_000)
      throw new ContainerError(
        'unsupported',
        'a share of a processor: this host has no control groups, so ask for a whole one',
      );
    if (this.#containers.has(spec.id)) throw new ContainerError('id-taken', `a container ${spec.id} exists`);
  }

  #get(id: string): WasmContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new ContainerError('unknown-container', `there is no container ${id}`);
    return container;
  }

  #groupOf(cell: Cell): ControlGroup | null {
    return this.#host === null ? null : new ControlGroup(this.#host, `${this.#options.controlGroup}/${cell.name}`);
  }

  /** One that was never whole is a leftover. */
  #restore(cell: Cell): void {
    const spec = cell.read('spec');
    if (spec === null) cell.remove();
    else this.#containers.set(spec.id, new WasmContainer(cell, this.#groupOf(cell), this.#around));
  }
}

/** What is thrown at once is a rejection all the same. */
function settled<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work);
}
