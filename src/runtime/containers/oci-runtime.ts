/** The OCI runtimes that there are on this machine, and how each is called. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type OciRuntimeName = 'crun' | 'runc';

export interface OciRuntime {
  readonly name: OciRuntimeName;
  /** Absolute path. */
  readonly program: string;
  /** `1.8.1` */
  readonly version: string;
}

interface Call {
  readonly runtime: OciRuntime;
  /** Where the runtime keeps what it knows. */
  readonly root: string;
  /** The container, as the runtime knows it. */
  readonly id: string;
}

/** What the runtimes differ in. */
interface Habits {
  /** Stands in the control groups of whoever calls it, and so does the container. */
  readonly staysInGroups: boolean;
  /** Refuses where it sees version 2 control groups without controllers beside version 1. */
  readonly refusesHybrid: boolean;
  /** Forgets a container that ends while it runs in the foreground. */
  readonly forgets: boolean;
  readonly global: readonly string[];
  readonly run: readonly string[];
  /** The first version without a way out of the container that is publicly known, with its name. */
  readonly fixed: readonly { readonly version: string; readonly vulnerability: string }[];
}

export const habits: Readonly<Record<OciRuntimeName, Habits>> = {
  crun: {
    staysInGroups: true,
    refusesHybrid: true,
    forgets: true,
    global: ['--cgroup-manager=disabled'],
    run: [],
    fixed: [{ version: '1.4.4', vulnerability: 'CVE-2022-27650' }],
  },
  runc: {
    staysInGroups: false,
    refusesHybrid: false,
    forgets: false,
    global: [],
    run: ['--keep'],
    fixed: [
      { version: '1.1.12', vulnerability: 'CVE-2024-21626' },
      { version: '1.1.14', vulnerability: 'CVE-2024-45310' },
      { version: '1.2.8', vulnerability: 'CVE-2025-31133, -52565, -52881' },
    ],
  },
};

export function findProgram(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(':')) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

/** null where it is not on PATH, or does not say what it is. */
export async function findRuntime(name: OciRuntimeName): Promise<OciRuntime | null> {
  const program = findProgram(name);
  if (program === null) return null;
  const said = await run(program, ['--version'], { timeout: 5000 }).catch(() => null);
  const version = /version ([0-9][0-9A-Za-z.+~-]*)/.exec(said?.stdout ?? '')?.[1];
  return version === undefined ? null : { name, program, version };
}

/** Publicly known ways out that this version has by its number; a distributor may have mended it without a new number. */
export function knownVulnerabilities({ name, version }: OciRuntime): readonly string[] {
  return habits[name].fixed.filter((row) => isOlder(version, row.version)).map(({ vulnerability }) => vulnerability);
}

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): readonly number[] => (text.split(/[+~-]/)[0] ?? '').split('.').map(Number);
  const [mine, other] = [numbers(version), numbers(than)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (mine[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const beginning = ({ runtime, root }: Call, log: string): readonly string[] => [
  runtime.program,
  `--root=${root}`,
  `--log=${log}`,
  ...habits[runtime.name].global,
];

/** Runs in the foreground until the container has ended, and ends with its code. */
export const runCommand = (call: Call, cell: string): readonly string[] => [
  ...beginning(call, join(cell, 'runtime.log')),
  'run',
  ...habits[call.runtime.name].run,
  `--bundle=${cell}`,
  `--pid-file=${join(cell, 'pid')}`,
  call.id,
];

export const execCommand = (
  call: Call,
  files: { readonly log: string; readonly process: string; readonly pid: string },
): readonly string[] => [
  ...beginning(call, files.log),
  'exec',
  `--process=${files.process}`,
  `--pid-file=${files.pid}`,
  call.id,
];

export const deleteCommand = (call: Call): readonly string[] => [
  ...beginning(call, '/dev/null'),
  'delete',
  '--force',
  call.id,
];

/** What a runtime's log says went wrong, for a person; empty where it says nothing. */
export function runtimeProblem(log: string): string {
  const problems = log.split('\n').filter((line) => line !== '' && !/level=(warning|info|debug)/.test(line));
  return problems.map((line) => /msg="(.*)"$/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line).join('; ');
}

/** The runtimes' words, which are the kernel's, as a code. */
export function startFailureReason(problem: string): string {
  if (/exec format error/i.test(problem)) return 'not-executable';
  if (/chdir|cwd/i.test(problem)) return 'no-such-directory';
  if (/executable file|no such file or directory/i.test(problem)) return 'no-such-program';
  if (/permission denied/i.test(problem)) return 'not-executable';
  return 'runtime-failed';
}
