/**
 * Containers under an OCI runtime that is on this machine, crun or runc: isolation class `container`. Needs root, control groups
 * and user namespaces; `probe` says what is missing.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Bundle, execProcess, toBundle } from '../../protocols/docklock/bundle.ts';
import { specProblem } from '../../protocols/docklock/container-spec.ts';
import type { SeccompArchitecture } from '../../protocols/docklock/system-calls.ts';
import type { ContainerExit, ContainerSpec, ResourceUsage } from '../../protocols/shared/containers.ts';
import {
  type ContainerDriver,
  ContainerError,
  type ContainerState,
  type DriverProbe,
  type ExecRequest,
  type ExecResult,
  type LogEntry,
  type LogOptions,
  type StopOptions,
} from '../ports/container-driver.ts';
import { runBounded } from './bounded-run.ts';
import { Cell } from './cell.ts';
import {
  ControlGroup,
  type ControlGroupHost,
  groupsBelow,
  killProcess,
  missingControllers,
  readControlGroupHost,
  readText,
} from './control-groups.ts';
import { type ContainerSurroundings, OciContainer } from './oci-container.ts';
import {
  deleteCommand,
  execCommand,
  habits,
  knownVulnerabilities,
  type OciRuntime,
  runCommand,
  runtimeProblem,
} from './oci-runtime.ts';
import type { TenantNetworks } from './tenant-networks.ts';
import { besideShim, isAlive, launchShim, type ProcessIdentity, without } from './shim.ts';

export interface OciDriverOptions {
  readonly runtime: OciRuntime;
  /** Absolute; holds what outlives this process. One driver at a time. */
  readonly stateDir: string;
  /** Absolute; holds the roots of containers. It may be private: those outside it must be reachable for everybody. */
  readonly rootsDir: string;
  /** Below the root of every hierarchy; another one for every state directory on a host. */
  readonly controlGroup: string;
  readonly now: () => number;
  /** Of the tenants of this machine, for all drivers together. */
  readonly networks: TenantNetworks;
  /** Shims that are made ahead, so that a start does not wait for one. Default 0. */
  readonly poolSize?: number;
}

/** What a container needs before it is known which. */
interface Prepared {
  readonly cell: Cell;
  readonly group: ControlGroup;
  readonly shim: ProcessIdentity;
}

const runtimeMsMax = 20_000;

const architectures: Readonly<Record<string, SeccompArchitecture>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

export class OciDriver implements ContainerDriver {
  readonly name: string;
  readonly isolationClass = 'container';
  readonly #options: OciDriverOptions;
  readonly #host: ControlGroupHost;
  readonly #containers = new Map<string, OciContainer>();
  readonly #creating = new Set<string>();
  readonly #pool: Promise<Prepared>[] = [];
  readonly #cellsDir: string;
  /** Where a shim sees `rootsDir`, in its own mount namespace. */
  readonly #reach: string;
  readonly #around: ContainerSurroundings;

  constructor(options: OciDriverOptions) {
    this.#options = options;
    this.name = options.runtime.name;
    this.#host = readControlGroupHost(readFileSync('/proc/mounts', 'utf8'));
    this.#cellsDir = join(options.stateDir, 'cells');
    this.#reach = `/run/docklock-${options.controlGroup.replaceAll('/', '-')}`;
    mkdirSync(this.#cellsDir, { recursive: true, mode: 0o700 });
    mkdirSync(options.rootsDir, { recursive: true, mode: 0o700 });
    this.#around = {
      now: options.now,
      forget: (cell) => this.#forget(cell),
      disconnect: ({ id }) => options.networks.disconnect(id),
      runtimeProgram: options.runtime.program,
      runtimeMsMax,
    };
    this.#reconcile();
  }

  probe(): Promise<DriverProbe> {
    const { runtime } = this.#options;
    const vulnerabilities = knownVulnerabilities(runtime);
    return Promise.resolve({
      problem: hostProblem(this.#host),
      runtime: { name: runtime.name, version: runtime.version },
      facts: [
        { name: 'control groups', value: this.#host.mode, isWarning: this.#host.mode === 'none' },
        {
          name: 'known vulnerabilities',
          value: vulnerabilities.length === 0 ? 'none by its version' : vulnerabilities.join(', '),
          isWarning: vulnerabilities.length > 0,
        },
      ],
    });
  }

  async create(spec: ContainerSpec): Promise<void> {
    this.#check(spec);
    this.#creating.add(spec.id);
    try {
      const prepared = await this.#take(spec);
      try {
        this.#containers.set(spec.id, await this.#furnish(prepared, spec));
      } catch (error) {
        await this.#options.networks.disconnect(spec.id);
        await this.#discard(prepared.cell);
        throw error;
      }
    } finally {
      this.#creating.delete(spec.id);
    }
    this.#refill();
  }

  async start(id: string): Promise<void> {
    await this.#get(id).start();
  }

  async exec(id: string, request: ExecRequest): Promise<ExecResult> {
    const { cell, group, shim } = this.#running(id);
    const place = cell.path(`exec-${randomBytes(6).toString('hex')}`);
    mkdirSync(place, { mode: 0o700 });
    const [process_, pid, log] = [join(place, 'process.json'), join(place, 'pid'), join(place, 'runtime.log')];
    try {
      const bundle = JSON.parse(readFileSync(cell.path('config.json'), 'utf8')) as Bundle;
      writeFileSync(process_, JSON.stringify(execProcess(bundle, request)));
      const result = await runBounded({
        command: besideShim(
          shim,
          this.#joinedGroups(group),
          execCommand(this.#call(cell), { log, process: process_, pid }),
        ),
        timeoutMs: request.timeoutMs,
        outputBytesMax: request.outputBytesMax,
        onTimeout: () => {
          const first = Number(readText(pid) ?? '');
          if (Number.isInteger(first) && first > 0) killProcess(first, 'SIGKILL');
        },
      });
      if (!existsSync(pid) && result.code !== 0) {
        const said = runtimeProblem(readText(log) ?? '');
        throw new ContainerError('start-failed', said === '' ? `${request.args[0] ?? ''} was not started` : said);
      }
      return result;
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }

  logs(id: string, options: LogOptions): AsyncIterable<LogEntry> {
    return this.#get(id).log.read(options);
  }

  stats(id: string): Promise<ResourceUsage> {
    return settled(() => this.#get(id).usage());
  }

  freeze(id: string): Promise<void> {
    return settled(() => this.#running(id).group.freeze(true));
  }

  thaw(id: string): Promise<void> {
    return settled(() => this.#running(id).group.freeze(false));
  }

  async stop(id: string, options: StopOptions): Promise<ContainerExit> {
    return this.#get(id).stop(options);
  }

  async waited(id: string): Promise<ContainerExit> {
    return this.#get(id).ended;
  }

  async remove(id: string): Promise<void> {
    const container = this.#get(id);
    if (container.phase === 'created') await container.stop({ graceMs: 0, by: 'removal' });
    if (container.phase !== 'exited') throw new ContainerError('wrong-phase', `${id} runs: stop it first`);
    container.detach();
    container.cell.remove();
    this.#containers.delete(id);
  }

  list(): Promise<readonly ContainerState[]> {
    const states = [...this.#containers.values()].map(({ state }) => state);
    return Promise.resolve(states.sort((a, b) => (a.id < b.id ? -1 : 1)));
  }

  async close(): Promise<void> {
    for (const container of this.#containers.values()) container.detach();
    for (const prepared of this.#pool.splice(0)) {
      const ready = await prepared.catch(() => null);
      if (ready !== null) await this.#discard(ready.cell);
    }
    if (readdirSync(this.#cellsDir).length > 0) return;
    new ControlGroup(this.#host, this.#options.controlGroup).remove();
    if (existsSync(this.#reach)) rmdirSync(this.#reach);
  }

  #check(spec: ContainerSpec): void {
    const wrong = specProblem(spec);
    if (wrong !== null) throw new ContainerError('invalid-spec', `${wrong.place}: ${wrong.problem}`);
    if (spec.isolationClass !== this.isolationClass) {
      throw new ContainerError(
        'isolation-unavailable',
        `${this.name} gives the isolation class ${this.isolationClass}, not ${spec.isolationClass}`,
      );
    }
    if (spec.idRange === null) throw new ContainerError('unsupported', 'a container without a range of users');
    const { problem: lack } = this.#options.networks;
    if (spec.network.kind === 'tenant' && lack !== null) throw new ContainerError('unsupported', lack);
    if (!spec.root.isReadOnly && spec.limits.diskBytes !== null)
      throw new ContainerError('unsupported', 'a limit of what is written into a writable root');
    const problem = hostProblem(this.#host);
    if (problem !== null) throw new ContainerError('driver-unavailable', `${this.name} ${problem}`);
    if (this.#containers.has(spec.id) || this.#creating.has(spec.id))
      throw new ContainerError('id-taken', `a container ${spec.id} exists`);
  }

  #get(id: string): OciContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new ContainerError('unknown-container', `there is no container ${id}`);
    return container;
  }

  #running(id: string): OciContainer {
    const container = this.#get(id);
    if (container.phase !== 'running' && container.phase !== 'frozen')
      throw new ContainerError('wrong-phase', `${id} does not run`);
    return container;
  }

  /** A namespace for a network is made where one is asked for: hardly any container of the pool would use it. */
  #take({ network }: ContainerSpec): Promise<Prepared> {
    return network.kind === 'tenant' ? this.#prepare(true) : (this.#pool.shift() ?? this.#prepare(false));
  }

  #refill(): void {
    while (this.#pool.length < (this.#options.poolSize ?? 0)) {
      const prepared = this.#prepare(false);
      // Whoever takes it learns of a failure.
      prepared.catch(() => undefined);
      this.#pool.push(prepared);
    }
  }

  async #prepare(hasNetwork: boolean): Promise<Prepared> {
    const cell = new Cell(this.#cellsDir, randomBytes(6).toString('hex'));
    const group = this.#groupOf(cell);
    try {
      cell.make();
      group.make();
      mkdirSync(this.#reach, { recursive: true });
      const shim = await launchShim({
        cell: cell.directory,
        hidden: this.#hidden,
        roots: { directory: this.#options.rootsDir, reach: this.#reach },
        members: group.membersFile,
        groups: this.#joinedGroups(group),
        hasNetwork,
        command: runCommand(this.#call(cell), cell.directory),
      });
      cell.write('shim', shim);
      return { cell, group, shim };
    } catch (error) {
      await this.#discard(cell);
      throw error;
    }
  }

  /** Everything but its start. */
  async #furnish({ cell, group, shim }: Prepared, spec: ContainerSpec): Promise<OciContainer> {
    const { staysInGroups } = habits[this.#options.runtime.name];
    const isNetworked = spec.network.kind === 'tenant';
    if (isNetworked) cell.write('network', await this.#options.networks.connect(spec, shim.pid));
    group.limit(spec.limits, staysInGroups ? 1 : 0);
    const path = this.#reachable(spec.root.path);
    const bundle = toBundle(
      { ...spec, root: { ...spec.root, path } },
      {
        architecture: architectures[process.arch] ?? 'SCMP_ARCH_X86_64',
        cgroupsPath: staysInGroups ? null : `/${group.name}`,
        network: isNetworked ? 'inherited' : 'own',
        files: [],
      },
    );
    writeFileSync(cell.path('config.json'), JSON.stringify(bundle), { mode: 0o600 });
    // A program that opens /dev/stdout opens the pipe anew, as its own user.
    const { first } = spec.idRange ?? { first: 0 };
    for (const pipe of ['stdout', 'stderr']) chownSync(cell.path(pipe), first + spec.user.uid, first + spec.user.gid);
    cell.write('spec', spec);
    const container = new OciContainer(cell, group, this.#around);
    container.attach();
    return container;
  }

  #reachable(path: string): string {
    const below = relative(this.#options.rootsDir, path);
    return below.startsWith('..') ? path : join(this.#reach, below);
  }

  #groupOf(cell: Cell): ControlGroup {
    return new ControlGroup(this.#host, `${this.#options.controlGroup}/${cell.name}`);
  }

  get #hidden(): string | null {
    return habits[this.#options.runtime.name].refusesHybrid && this.#host.mode === 'hybrid' ? this.#host.unified : null;
  }

  #joinedGroups(group: ControlGroup): readonly string[] {
    if (!habits[this.#options.runtime.name].staysInGroups) return [];
    return group.directories.map((directory) => join(directory, 'cgroup.procs'));
  }

  #call(cell: Cell): Parameters<typeof deleteCommand>[0] {
    return { runtime: this.#options.runtime, root: join(this.#options.stateDir, 'runtime'), id: cell.name };
  }

  /** Where the runtime was killed, or keeps what has ended. */
  async #forget(cell: Cell): Promise<void> {
    const call = this.#call(cell);
    if (!existsSync(join(call.root, call.id))) return;
    const command = without(this.#hidden, deleteCommand(call));
    await runBounded({ command, timeoutMs: runtimeMsMax, outputBytesMax: 4096 });
    rmSync(join(call.root, call.id), { recursive: true, force: true });
  }

  /** What never became a container. */
  async #discard(cell: Cell): Promise<void> {
    const shim = cell.read('shim');
    if (shim !== null && isAlive(shim)) killProcess(-shim.pid, 'SIGKILL');
    const group = this.#groupOf(cell);
    const deadline = performance.now() + runtimeMsMax;
    while (!group.remove() && performance.now() < deadline) {
      group.kill();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    cell.remove();
  }

  /** Where a port is taken meanwhile, none of the container's is carried, and its state lists none. */
  #reconnect({ cell, spec, phase }: OciContainer): void {
    const attachment = cell.read('network');
    if (attachment === null || phase === 'exited') return;
    this.#options.networks.restore(spec, attachment).catch((error: unknown) => {
      if (!(error instanceof ContainerError)) throw error;
      cell.write('network', { ...attachment, published: [] });
    });
  }

  /** Takes up what an earlier process left: containers that run or ran, and what it had only begun. */
  #reconcile(): void {
    const names = readdirSync(this.#cellsDir);
    for (const name of names) {
      const cell = new Cell(this.#cellsDir, name);
      const spec = cell.read('spec');
      if (spec === null) {
        void this.#discard(cell);
        continue;
      }
      const container = new OciContainer(cell, this.#groupOf(cell), this.#around);
      this.#containers.set(spec.id, container);
      this.#reconnect(container);
      container.attach();
    }
    for (const name of groupsBelow(this.#host, this.#options.controlGroup))
      if (!names.includes(name)) void this.#discard(new Cell(this.#cellsDir, name));
  }
}

/** Of a synchronous step: a throw is a rejection. */
const settled = <T>(step: () => T): Promise<T> => new Promise((resolve) => resolve(step()));

function hostProblem(host: ControlGroupHost): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  if (architectures[process.arch] === undefined) return `has no seccomp profile for ${process.arch}`;
  if (process.getuid?.() !== 0) return 'needs root: it makes control groups and ranges of users';
  const missing = missingControllers(host);
  if (missing.length > 0) return `needs control groups for ${missing.join(', ')}`;
  return existsSync('/proc/self/ns/user') ? null : 'needs a kernel with user namespaces';
}
