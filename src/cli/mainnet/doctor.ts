/** `mainnet doctor`: what this machine has and lacks, each lack with the command that mends it. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { missingControllers, readControlGroupHost } from '../../runtime/containers/control-groups.ts';
import { findProgram, findRuntime, knownVulnerabilities } from '../../runtime/containers/oci-runtime.ts';
import { findPortProblems } from '../../runtime/port-check.ts';
import type { LoadedManifest } from '../../runtime/manifest.ts';
import { readLauncherState } from '../../runtime/launcher-state.ts';
import { exitCodes, formatTable, type Terminal } from '../terminal.ts';

interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'missing';
  /** Without it no network runs here. */
  readonly required: boolean;
  readonly detail: string;
  /** What to do, where something is to be done. */
  readonly mend: string | null;
}

const nodeVersionMin = [20, 19] as const;
const diskBytesMin = 2 * 1024 ** 3;
const fsyncMsMax = 20;

async function examine(loaded: LoadedManifest | null): Promise<readonly Finding[]> {
  const dataDir = resolve(loaded?.manifest.spec.defaults.dataDir ?? './data');
  const place = nearestExisting(dataDir);
  return [
    nodeFinding(),
    commandFinding('npm', 'npm', { required: true, why: 'installs and updates', packages: {} }),
    diskFinding(place),
    fsyncFinding(place),
    ...(loaded === null ? [] : [await portsFinding(loaded)]),
    await ociFinding(),
    userNamespacesFinding(),
    controlGroupsFinding(),
    firstCommandFinding('browser', ['chromium', 'chromium-browser', 'google-chrome'], {
      required: false,
      why: 'tests of pages in a browser',
      packages: { apt: 'chromium', dnf: 'chromium', apk: 'chromium' },
    }),
    networkNamespacesFinding(),
  ];
}

export async function runDoctor(loaded: LoadedManifest | null, asJson: boolean, terminal: Terminal): Promise<number> {
  const findings = await examine(loaded);
  const healthy = findings.every((finding) => !finding.required || finding.status !== 'missing');
  if (asJson) {
    terminal.json({ healthy, findings });
    return healthy ? exitCodes.done : exitCodes.failed;
  }
  const styles = { ok: 'green', warning: 'yellow', missing: 'red' } as const;
  const rows = findings.map((finding) => {
    const style = finding.status === 'missing' && !finding.required ? 'yellow' : styles[finding.status];
    const word = finding.status === 'missing' && !finding.required ? 'absent' : finding.status;
    return [terminal.paint(style, word), finding.name, finding.detail];
  });
  for (const line of formatTable(rows)) terminal.out(line);
  const mends = findings.filter((finding) => finding.mend !== null);
  if (mends.length > 0) terminal.out();
  for (const { name, mend, required } of mends) terminal.out(`${name}${required ? '' : ' (optional)'}: ${mend ?? ''}`);
  terminal.out();
  terminal.out(
    healthy
      ? terminal.paint('green', 'A network can run here.')
      : terminal.paint('red', 'No network can run here yet.'),
  );
  return healthy ? exitCodes.done : exitCodes.failed;
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > nodeVersionMin[0] || (major === nodeVersionMin[0] && minor >= nodeVersionMin[1]);
  return {
    name: 'Node.js',
    status: enough ? 'ok' : 'missing',
    required: true,
    detail: `${process.version}, at least ${nodeVersionMin.join('.')} is needed`,
    mend: enough ? null : 'install Node.js 22: https://nodejs.org/en/download',
  };
}

interface Tool {
  readonly required: boolean;
  /** What it is for. */
  readonly why: string;
  /** Its package by package manager. */
  readonly packages: Partial<Record<'apt' | 'dnf' | 'apk', string>>;
}

function installCommand(packages: Tool['packages']): string {
  const commands = { apt: 'apt-get install -y', dnf: 'dnf install -y', apk: 'apk add' } as const;
  const programs = { apt: 'apt-get', dnf: 'dnf', apk: 'apk' } as const;
  for (const manager of ['apt', 'dnf', 'apk'] as const) {
    const name = packages[manager];
    if (name !== undefined && findProgram(programs[manager]) !== null) return `sudo ${commands[manager]} ${name}`;
  }
  return `install ${Object.values(packages)[0] ?? 'it'} with this system's package manager`;
}

function versionOf(name: string): string {
  const { stdout, stderr } = spawnSync(name, ['--version'], { encoding: 'utf8', timeout: 5000 });
  return (stdout || stderr).split('\n')[0]?.trim() ?? '';
}

function firstCommandFinding(name: string, commands: readonly string[], tool: Tool): Finding {
  const found = commands.find((command) => findProgram(command) !== null);
  const missing = `not found (${commands.join(', ')}); for ${tool.why}`;
  return {
    name,
    status: found === undefined ? 'missing' : 'ok',
    required: tool.required,
    detail: found === undefined ? missing : versionOf(found),
    mend: found === undefined ? installCommand(tool.packages) : null,
  };
}

const commandFinding = (name: string, command: string, tool: Tool): Finding =>
  firstCommandFinding(name, [command], tool);

function nearestExisting(directory: string): string {
  return existsSync(directory) ? directory : nearestExisting(dirname(directory));
}

function diskFinding(place: string): Finding {
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const enough = free >= diskBytesMin;
  return {
    name: 'disk space',
    status: enough ? 'ok' : 'missing',
    required: true,
    detail: `${(free / 1024 ** 3).toFixed(1)} GiB free at ${place}, at least 2 are needed`,
    mend: enough ? null : `free some, or put the data elsewhere: BPCI_DEFAULTS_DATA_DIR=/other/place`,
  };
}

/** Finality waits for fsync: its latency is a floor under every block. */
function fsyncFinding(place: string): Finding {
  const failed = (cause: unknown): Finding => ({
    name: 'durable writes',
    status: 'missing',
    required: true,
    detail: `cannot write and fsync at ${place}: ${cause instanceof Error ? cause.message : String(cause)}`,
    mend: 'use a directory of yours on a local disk: BPCI_DEFAULTS_DATA_DIR=/other/place',
  });
  let directory: string | null = null;
  try {
    directory = mkdtempSync(join(place, '.doctor-'));
    const descriptor = openSync(join(directory, 'probe'), 'w');
    const block = new Uint8Array(4096);
    const times = Array.from({ length: 20 }, () => {
      const before = performance.now();
      writeSync(descriptor, block);
      fsyncSync(descriptor);
      return performance.now() - before;
    }).sort((a, b) => a - b);
    closeSync(descriptor);
    const [median = 0, worst = 0] = [times[10], times[19]];
    const slow = median > fsyncMsMax;
    return {
      name: 'durable writes',
      status: slow ? 'warning' : 'ok',
      required: true,
      detail: `fsync of 4 KiB: median ${median.toFixed(2)} ms, worst of 20 ${worst.toFixed(2)} ms`,
      mend: slow ? 'blocks will be slow: use a local solid-state disk' : null,
    };
  } catch (cause) {
    return failed(cause);
  } finally {
    if (directory !== null) rmSync(directory, { recursive: true, force: true });
  }
}

async function portsFinding(loaded: LoadedManifest): Promise<Finding> {
  const running = readLauncherState(loaded.manifest.spec.defaults.dataDir, null);
  const name = 'ports';
  if (running !== null) {
    const detail = `${loaded.file} is running (process ${running.pid})`;
    return { name, status: 'ok', required: true, detail, mend: null };
  }
  const wanted = loaded.nodes.flatMap((node) =>
    [node.linkPort, node.apiPort, node.metricsPort].flatMap((port) =>
      port === null ? [] : [{ host: node.host.listen, port, purpose: node.name }],
    ),
  );
  // Addresses of other machines are theirs to check.
  const problems = (await findPortProblems(wanted)).filter((problem) => problem.reason !== 'not-this-machine');
  return {
    name,
    status: problems.length === 0 ? 'ok' : 'missing',
    required: true,
    detail: problems.length === 0 ? `the ports of ${loaded.file} are free` : problems.map((p) => p.message).join('; '),
    mend: problems.length === 0 ? null : `stop what holds them, or choose other ports in ${loaded.file}`,
  };
}

/** Each runtime that is here: its version, and what is publicly known of that version. */
async function ociFinding(): Promise<Finding> {
  const found = (await Promise.all((['crun', 'runc'] as const).map(findRuntime))).filter((runtime) => runtime !== null);
  const name = 'OCI runtime';
  if (found.length === 0) {
    return firstCommandFinding(name, ['crun', 'runc'], {
      required: false,
      why: 'containers; validators and followers need none',
      packages: { apt: 'crun', dnf: 'crun', apk: 'crun' },
    });
  }
  const vulnerable = found.filter((runtime) => knownVulnerabilities(runtime).length > 0);
  const described = found.map((runtime) => {
    const known = knownVulnerabilities(runtime);
    return `${runtime.name} ${runtime.version}${known.length === 0 ? '' : ` (by its version: ${known.join(', ')})`}`;
  });
  return {
    name,
    status: vulnerable.length === found.length ? 'warning' : 'ok',
    required: false,
    detail: described.join('; '),
    mend:
      vulnerable.length === 0
        ? null
        : `compare ${vulnerable.map((runtime) => runtime.name).join(', ')} with your distributor's advisories: it may be mended under the same number`,
  };
}

function userNamespacesFinding(): Finding {
  const works = spawnSync('unshare', ['--user', '--map-root-user', 'true'], { timeout: 5000 }).status === 0;
  return {
    name: 'user namespaces',
    status: works ? 'ok' : 'missing',
    required: false,
    detail: works ? 'can be made by this user' : 'cannot be made; for confinement of containers',
    mend: works ? null : 'sudo sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1',
  };
}

function controlGroupsFinding(): Finding {
  const host = readControlGroupHost(existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : '');
  const missing = missingControllers(host);
  return {
    name: 'control groups',
    status: missing.length === 0 ? 'ok' : 'missing',
    required: false,
    detail: missing.length === 0 ? host.mode : `none for ${missing.join(', ')}; for limits of containers`,
    mend: missing.length === 0 ? null : 'boot with systemd.unified_cgroup_hierarchy=1',
  };
}

function networkNamespacesFinding(): Finding {
  const program = findProgram('ip');
  const works = program !== null && spawnSync('unshare', ['--net', 'true'], { timeout: 5000 }).status === 0;
  const lacks = program === null ? 'the ip program is not installed' : 'this user may not make them';
  return {
    name: 'network namespaces',
    status: works ? 'ok' : 'missing',
    required: false,
    detail: works ? 'can be made by this user' : `${lacks}; for tests of several hosts on one machine`,
    mend:
      program === null
        ? installCommand({ apt: 'iproute2', dnf: 'iproute', apk: 'iproute2' })
        : works
          ? null
          : 'run those tests as root',
  };
}
