/** Starts the process of a module, confined where this machine can: it sees its own program, the cell, and nothing else. */
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ContainerError } from '../ports/container-driver.ts';
import { identityOf, isAlive, type ProcessIdentity } from './shim.ts';

export type WasmConfinement = 'bubblewrap' | 'none';

const isSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(`./wasm-process.${isSource ? 'ts' : 'js'}`, import.meta.url));
/** From `dist/runtime/containers` or `src/runtime/containers`. */
const packageRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/u, '');
/** The process itself only waits; the thread has a bound of its own. */
const engineFlags = ['--max-old-space-size=64', '--max-semi-space-size=2', '--disable-wasm-trap-handler'];

function wasmCommand(cell: string): readonly string[] {
  const loader = isSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return [process.execPath, ...engineFlags, ...loader, entry, cell];
}

const systemDirectories = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/etc/ld.so.cache',
  '/etc/ssl/openssl.cnf',
];

function bubblewrap(cell: string): readonly string[] {
  const readable = [...systemDirectories, dirname(process.execPath), packageRoot];
  return [
    ...['bwrap', '--tmpfs', '/tmp', '--dev', '/dev', '--proc', '/proc'],
    ...readable.flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--bind', cell, cell, '--chdir', packageRoot],
    ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts'],
    ...(process.geteuid?.() === 0 ? ['--cap-drop', 'ALL'] : []),
    '--',
  ];
}

/** Tries it once: a kernel may forbid it to this user. */
export function wasmConfinement(): WasmConfinement {
  const [program = '', ...options] = bubblewrap('/tmp');
  const version = [process.execPath, '--version'];
  return spawnSync(program, [...options, ...version], { stdio: 'ignore' }).status === 0 ? 'bubblewrap' : 'none';
}

const joinScript = `
groups=$1
shift
for group in $groups; do echo 0 > "$group" || exit 125; done
exec "$@"
`;

export interface WasmLaunch {
  readonly cell: string;
  readonly confinement: WasmConfinement;
  /** `cgroup.procs` files that the process writes itself into. */
  readonly groups: readonly string[];
}

export interface LaunchedProcess {
  readonly identity: ProcessIdentity;
  /** Of the process that was started here: its code, or null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** This process may end before it. */
  readonly release: () => void;
}

/** In a process group of its own, which outlives this process. Rejects with ContainerError `driver-unavailable`. */
export function launchWasm({ cell, confinement, groups }: WasmLaunch): Promise<LaunchedProcess> {
  const confined = [...(confinement === 'bubblewrap' ? bubblewrap(cell) : []), ...wasmCommand(cell)];
  const [program = '', ...args] =
    groups.length === 0 ? confined : ['sh', '-c', joinScript, 'docklock-join', groups.join(' '), ...confined];
  const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: '/tmp' };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: packageRoot, detached: true, stdio: 'ignore', env: environment });
    const ended = new Promise<number | null>((settle) => child.once('exit', (code) => settle(code)));
    child.once('error', (cause) =>
      reject(new ContainerError('driver-unavailable', 'the process of a module does not start', { cause })),
    );
    child.once('spawn', () => {
      const pid = child.pid ?? 0;
      resolve({ identity: identityOf(pid) ?? { pid, startTime: '', boot: '' }, ended, release: () => child.unref() });
    });
  });
}

/** Without /proc a number that is in use counts. */
export function isThere(identity: ProcessIdentity): boolean {
  if (process.platform === 'linux') return isAlive(identity);
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The process and all that it started. One that has ended meanwhile is what was wanted. */
export function signalAll({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
