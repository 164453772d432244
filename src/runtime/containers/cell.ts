/**
 * Where one container lives on disk: a directory that the driver, the shim and the runtime share. Whoever comes after a crash reads
 * here what there was.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerExit, ContainerSpec } from '../../protocols/shared/containers.ts';
import { readText } from './control-groups.ts';
import type { ProcessIdentity } from './shim.ts';
import type { NetworkAttachment } from './tenant-networks.ts';

/** One file an item; each is written once, and whole. */
interface Items {
  readonly spec: ContainerSpec;
  readonly shim: ProcessIdentity;
  readonly stop: { readonly by: string };
  readonly network: NetworkAttachment;
  readonly result: ContainerExit;
}

const pipes = ['stdout', 'stderr', 'go', 'limit'] as const;

export class Cell {
  readonly directory: string;
  readonly name: string;

  constructor(parent: string, name: string) {
    this.directory = join(parent, name);
    this.name = name;
  }

  make(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  read<Name extends keyof Items>(name: Name): Items[Name] | null {
    const text = readText(this.path(`${name}.json`));
    return text === null ? null : (JSON.parse(text) as Items[Name]);
  }

  write<Name extends keyof Items>(name: Name, value: Items[Name]): void {
    const file = this.path(`${name}.json`);
    writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** Left empty; its time is what counts. */
  mark(name: 'started'): void {
    writeFileSync(this.path(name), '');
  }

  /** When it was marked, milliseconds since 1970. */
  markedAt(name: 'started' | 'pid' | 'timed-out' | 'exit'): number | null {
    return existsSync(this.path(name)) ? Math.round(statSync(this.path(name)).mtimeMs) : null;
  }

  /** Of the container's first process, once the runtime has made it. */
  get firstProcess(): number | null {
    const pid = Number(readText(this.path('pid'))?.trim() ?? '');
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  }

  get exitCode(): number | null {
    const text = readText(this.path('exit'))?.trim() ?? '';
    return /^[0-9]+$/.test(text) ? Number(text) : null;
  }

  get runtimeLog(): string {
    return readText(this.path('runtime.log')) ?? '';
  }

  removePipes(): void {
    for (const pipe of pipes) rmSync(this.path(pipe), { force: true });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
