/**
 * Control groups as this host has them: version 1 (a hierarchy a controller), version 2 (one for all), or hybrid (the controllers
 * under version 1, an empty version 2 beside them). Groups are made here and not by the runtimes, so that they can be made
 * ahead, and so that their counters are still there when the runtime has gone.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuPeriodMicroseconds } from '../../protocols/docklock/bundle.ts';
import type { ContainerLimits, ResourceUsage } from '../../protocols/shared/containers.ts';
import { ContainerError } from '../ports/container-driver.ts';

const controllers = ['cpu', 'cpuacct', 'devices', 'freezer', 'memory', 'pids'] as const;
type Controller = (typeof controllers)[number];

type ControlGroupMode = 'v1' | 'v2' | 'hybrid' | 'none';

export interface ControlGroupHost {
  readonly mode: ControlGroupMode;
  /** Where a version 2 hierarchy is mounted; in hybrid mode crun must not see it. */
  readonly unified: string | null;
  /** Of version 1: the mount point of each controller that limits need. */
  readonly hierarchies: ReadonlyMap<Controller, string>;
  /** Every mount point: a runtime may make groups where no limit is. */
  readonly roots: readonly string[];
}

/** From the text of /proc/mounts. */
export function readControlGroupHost(mounts: string): ControlGroupHost {
  const hierarchies = new Map<Controller, string>();
  const roots: string[] = [];
  let unified: string | null = null;
  for (const line of mounts.split('\n')) {
    const [, place, type, options] = line.split(' ');
    if (place === undefined || options === undefined) continue;
    if (type === 'cgroup' || type === 'cgroup2') roots.push(place);
    if (type === 'cgroup2') unified ??= place;
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) {
      const controller = controllers.find((name) => name === option);
      if (controller !== undefined && !hierarchies.has(controller)) hierarchies.set(controller, place);
    }
  }
  const mode = hierarchies.size > 0 ? (unified === null ? 'v1' : 'hybrid') : unified === null ? 'none' : 'v2';
  return { mode, unified, hierarchies, roots };
}

/** What limits need and this host does not have. */
export function missingControllers({ mode, unified, hierarchies }: ControlGroupHost): readonly string[] {
  const needed = ['cpu', 'memory', 'pids'] as const;
  if (mode !== 'v2') return needed.filter((name) => !hierarchies.has(name));
  const there = readText(join(unified ?? '', 'cgroup.controllers'))?.split(/\s+/) ?? [];
  return needed.filter((name) => !there.includes(name));
}

/** One group, in every hierarchy that counts. `name` is relative to the hierarchies' roots: `bpci/3f9a`. */
export class ControlGroup {
  readonly name: string;
  readonly #host: ControlGroupHost;

  constructor(host: ControlGroupHost, name: string) {
    this.#host = host;
    this.name = name;
  }

  /** Every directory of the group, once. */
  get directories(): readonly string[] {
    const { mode, unified, hierarchies } = this.#host;
    const roots = mode === 'v2' ? [unified ?? ''] : [...new Set(hierarchies.values())];
    return roots.map((root) => join(root, this.name));
  }

  /** Names every process in it. */
  get membersFile(): string {
    return join(this.#host.hierarchies.get('memory') ?? this.#host.unified ?? '', this.name, 'cgroup.procs');
  }

  /** Throws ContainerError `driver-unavailable` where this user may not. */
  make(): void {
    try {
      if (this.#host.mode === 'v2') this.#delegate();
      for (const directory of this.directories) mkdirSync(directory, { recursive: true });
    } catch (cause) {
      throw new ContainerError('driver-unavailable', `control group ${this.name} cannot be made`, { cause });
    }
  }

  /** Version 2 gives a group only the controllers that every group above hands down. */
  #delegate(): void {
    const root = this.#host.unified ?? '';
    const above = this.name.split('/').slice(0, -1);
    let directory = root;
    for (const part of ['', ...above]) {
      directory = join(directory, part);
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'cgroup.subtree_control'), '+cpu +memory +pids');
    }
  }

  /** `overhead`: processes of the runtime that stand in the group beside the container's. */
  limit({ cpuMillis, memoryBytes, pidsMax }: ContainerLimits, overhead: number): void {
    const quota = (cpuMillis * cpuPeriodMicroseconds) / 1000;
    if (this.#host.mode === 'v2') {
      this.#write('memory', 'memory.max', memoryBytes);
      this.#write('memory', 'memory.swap.max', 0, 'where-present');
      this.#write('pids', 'pids.max', pidsMax + overhead);
      this.#write('cpu', 'cpu.max', `${quota} ${cpuPeriodMicroseconds}`);
      return;
    }
    this.#write('memory', 'memory.limit_in_bytes', memoryBytes);
    this.#write('memory', 'memory.memsw.limit_in_bytes', memoryBytes, 'where-present');
    this.#write('pids', 'pids.max', pidsMax + overhead);
    this.#write('cpu', 'cpu.cfs_period_us', cpuPeriodMicroseconds);
    this.#write('cpu', 'cpu.cfs_quota_us', quota);
  }

  /** Read before the group is removed; null where it is gone. */
  usage(): ResourceUsage | null {
    return this.#host.mode === 'v2' ? this.#usageUnified() : this.#usageByHierarchy();
  }

  #usageUnified(): ResourceUsage | null {
    const events = this.#read('memory', 'memory.events');
    if (events === null) return null;
    const memory = numberOf(this.#read('memory', 'memory.current'));
    return {
      cpuMicroseconds: field(this.#read('cpu', 'cpu.stat'), 'usage_usec'),
      memoryBytes: memory,
      memoryPeakBytes: Math.max(memory, numberOf(this.#read('memory', 'memory.peak'))),
      pids: numberOf(this.#read('pids', 'pids.current')),
      oomKills: field(events, 'oom_kill'),
      pidsRefused: field(this.#read('pids', 'pids.events'), 'max'),
    };
  }

  #usageByHierarchy(): ResourceUsage | null {
    const control = this.#read('memory', 'memory.oom_control');
    if (control === null) return null;
    return {
      cpuMicroseconds: Math.floor(numberOf(this.#read('cpuacct', 'cpuacct.usage')) / 1000),
      memoryBytes: numberOf(this.#read('memory', 'memory.usage_in_bytes')),
      memoryPeakBytes: numberOf(this.#read('memory', 'memory.max_usage_in_bytes')),
      pids: numberOf(this.#read('pids', 'pids.current')),
      oomKills: field(control, 'oom_kill'),
      pidsRefused: field(this.#read('pids', 'pids.events'), 'max'),
    };
  }

  freeze(isFrozen: boolean): void {
    if (this.#host.mode === 'v2') this.#write('freezer', 'cgroup.freeze', isFrozen ? 1 : 0);
    else this.#write('freezer', 'freezer.state', isFrozen ? 'FROZEN' : 'THAWED');
  }

  isFrozen(): boolean {
    return this.#host.mode === 'v2'
      ? this.#read('freezer', 'cgroup.freeze')?.trim() === '1'
      : (this.#read('freezer', 'freezer.state')?.trim() ?? 'THAWED') !== 'THAWED';
  }

  /** Every process in it. */
  processes(): readonly number[] {
    const found = new Set<number>();
    for (const directory of this.directories)
      for (const line of readText(join(directory, 'cgroup.procs'))?.split('\n') ?? [])
        if (line !== '') found.add(Number(line));
    return [...found];
  }

  /** Kills what is in it. What is killed leaves the group a moment later. */
  kill(): void {
    for (const process_ of this.processes()) killProcess(process_, 'SIGKILL');
  }

  /** And those below it. False where something is still in one. */
  remove(): boolean {
    let isGone = true;
    for (const root of this.#host.roots) isGone = removeTree(join(root, this.name)) && isGone;
    return isGone;
  }

  #write(controller: Controller, file: string, value: number | string, presence?: 'where-present'): void {
    const path = this.#path(controller, file);
    if (presence === 'where-present' && (path === null || !existsSync(path))) return;
    if (path === null) throw new ContainerError('unsupported', `this host has no ${controller} control groups`);
    writeFileSync(path, String(value));
  }

  #read(controller: Controller, file: string): string | null {
    const path = this.#path(controller, file);
    return path === null ? null : readText(path);
  }

  #path(controller: Controller, file: string): string | null {
    const { mode, unified, hierarchies } = this.#host;
    const root = mode === 'v2' ? unified : (hierarchies.get(controller) ?? null);
    return root === null ? null : join(root, this.name, file);
  }
}

/** The names of the groups directly below `parent`. */
export function groupsBelow(host: ControlGroupHost, parent: string): readonly string[] {
  const names = new Set<string>();
  for (const directory of new ControlGroup(host, parent).directories)
    for (const name of directoriesIn(directory)) names.add(name);
  return [...names].sort();
}

export function killProcess(process_: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process_, signal);
  } catch (error) {
    // It has ended meanwhile, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** A group goes once those below it have; its files go with it. */
function removeTree(directory: string): boolean {
  for (const name of directoriesIn(directory)) removeTree(join(directory, name));
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

function directoriesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // Not there: nothing is in it.
    return [];
  }
}

/** null where the file is not there (any more). */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

const numberOf = (text: string | null): number => (text === null ? 0 : Number(text.trim()) || 0);

/** `name value` lines. */
function field(text: string | null, name: string): number {
  const line = (text ?? '').split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1)) || 0;
}
