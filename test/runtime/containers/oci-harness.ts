// Containers of the OCI driver for tests: a root directory that holds a static busybox, and counts of what a host holds of them.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerSpec } from '../../../src/protocols/shared/containers.ts';
import { OciDriver } from '../../../src/runtime/containers/oci-driver.ts';
import { TenantNetworks } from '../../../src/runtime/containers/tenant-networks.ts';
import { findProgram, findRuntime } from '../../../src/runtime/containers/oci-runtime.ts';
import { readControlGroupHost } from '../../../src/runtime/containers/control-groups.ts';
import type { DriverHarness } from './driver-conformance.ts';

const busybox = findProgram('busybox');
/** Tests of several processes run at once: what is counted is one's own. */
const range = { first: 300_000 + (process.pid % 20_000) * 2 * 65_536, count: 65_536 };

/** Everything in it is the range's, as the image store leaves it; the directories above are private. */
function makeRoot(directory: string): string {
  const root = join(directory, 'roots', 'busybox');
  for (const folder of ['bin', 'proc', 'dev', 'sys', 'tmp']) mkdirSync(join(root, folder), { recursive: true });
  const program = join(root, 'bin', 'busybox');
  copyFileSync(busybox ?? '', program);
  chmodSync(program, 0o755);
  for (const name of execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  for (const entry of [
    '',
    'bin',
    'proc',
    'dev',
    'sys',
    'tmp',
    ...readdirSync(join(root, 'bin')).map((name) => `bin/${name}`),
  ])
    lchownSync(join(root, entry), range.first, range.first);
  return root;
}

function countGroups(name: string): number {
  const below = (directory: string): number =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .reduce((sum, entry) => sum + (entry.name === name ? 1 : 0) + below(join(directory, entry.name)), 0);
  return readControlGroupHost(readFileSync('/proc/mounts', 'utf8')).roots.reduce((sum, root) => sum + below(root), 0);
}

/** Namespaces of processes that run as the range's users, and processes whose command line names the directory. */
function countProcesses(directory: string): { readonly processes: number; readonly namespaces: number } {
  const namespaces = new Set<string>();
  let processes = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      // What has ended waits for the first process of this machine to take note of it.
      if (/^State:\s+Z/m.test(status)) continue;
      const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
      const isOurs = uid >= range.first && uid < range.first + range.count;
      if (isOurs) namespaces.add(readlinkSync(`/proc/${pid}/ns/user`));
      if (isOurs || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory)) processes += 1;
    } catch {
      // It has ended while it was looked at.
    }
  }
  return { processes, namespaces: namespaces.size };
}

/** Rejects where the runtime is not here. */
export async function ociHarness(name: 'crun' | 'runc', poolSize: number): Promise<DriverHarness> {
  const runtime = await findRuntime(name);
  if (runtime === null) throw new Error(`${name} went away`);
  const directory = mkdtempSync(join(tmpdir(), 'bpci-oci-'));
  const root = makeRoot(directory);
  const controlGroup = `bpci-test-${process.pid}`;
  let made = 0;
  const networks = new TenantNetworks(controlGroup);
  return {
    isolationClass: 'container',
    open: () =>
      Promise.resolve(
        new OciDriver({
          ...{ runtime, controlGroup, poolSize, networks, now: Date.now },
          stateDir: join(directory, 'state'),
          rootsDir: join(directory, 'roots'),
        }),
      ),
    shell: (script): ContainerSpec => ({
      id: `c-${(made += 1)}`,
      tenant: 'acme',
      root: { path: root, imageDigest: `sha256:${'0'.repeat(64)}`, isReadOnly: true },
      idRange: range,
      args: ['/bin/sh', '-c', script],
      env: ['PATH=/bin'],
      cwd: '/',
      user: { uid: 1000, gid: 1000 },
      limits: {
        ...{ cpuMillis: 1000, memoryBytes: 64 * 1024 * 1024, pidsMax: 64 },
        ...{ diskBytes: null, wallTimeMs: null, logBytes: 1024 * 1024 },
      },
      network: { kind: 'none' },
      mounts: [],
      isolationClass: 'container',
      stopSignal: 'SIGTERM',
    }),
    count: () => ({
      mounts: readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(directory) || line.includes(controlGroup)).length,
      groups: countGroups(controlGroup),
      links: readdirSync('/sys/class/net').filter((name) => name.includes(networks.tag)).length,
      cells: readdirSync(directory).includes('state') ? readdirSync(join(directory, 'state', 'cells')).length : 0,
      ...countProcesses(directory),
    }),
    dispose: async () => {
      await networks.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Root, a static busybox, and the runtime. */
export const canRun = (name: 'crun' | 'runc'): boolean =>
  process.getuid?.() === 0 && busybox !== null && findProgram(name) !== null;
