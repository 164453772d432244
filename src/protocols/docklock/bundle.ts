/**
 * A container's specification as the OCI runtime specification 1.0.2 writes it (config.json). Everything that is not said in the
 * specification of a container is at its strictest here: no capability, no new privilege, no device beyond the standard ones.
 */
import type { ContainerSpec } from '../shared/containers.ts';
import { type SeccompArchitecture, type SeccompProfile, seccompProfile } from './system-calls.ts';

export interface BundleOptions {
  readonly architecture: SeccompArchitecture;
  /** Of the control group that the runtime puts the container into; null where it stands in it already. */
  readonly cgroupsPath: string | null;
  /** `own`: a new namespace, with its loopback only. `inherited`: the one that the runtime is called in. */
  readonly network: 'own' | 'inherited';
  /** Files of the host that stand for files of the image: `resolv.conf`, `hosts`. */
  readonly files: readonly { readonly source: string; readonly destination: string }[];
}

interface BundleMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface Bundle {
  readonly ociVersion: '1.0.2';
  readonly hostname: string;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly process: {
    readonly terminal: false;
    readonly user: { readonly uid: number; readonly gid: number; readonly umask: number };
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly capabilities: Readonly<Record<CapabilitySet, readonly never[]>>;
    readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
    readonly noNewPrivileges: true;
    readonly oomScoreAdj: number;
  };
  readonly mounts: readonly BundleMount[];
  readonly linux: {
    readonly uidMappings?: readonly IdMapping[];
    readonly gidMappings?: readonly IdMapping[];
    readonly namespaces: readonly { readonly type: string }[];
    readonly resources: {
      readonly devices: readonly { readonly allow: false; readonly access: 'rwm' }[];
      readonly memory: { readonly limit: number; readonly swap: number };
      readonly pids: { readonly limit: number };
      readonly cpu: { readonly quota: number; readonly period: number };
    };
    readonly cgroupsPath?: string;
    readonly seccomp: SeccompProfile;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  };
}

type CapabilitySet = 'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient';

/** Microseconds over which a share of a processor is counted. */
export const cpuPeriodMicroseconds = 100_000;

const searchPathDefault = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** They tell of the host, or reach it. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Of memory that a container may use as files under /tmp, where nothing is said of its disk. */
const scratchBytesDefault = 16 * 1024 * 1024;

function standardMounts(spec: ContainerSpec, options: BundleOptions): readonly BundleMount[] {
  const scratch = spec.limits.diskBytes ?? scratchBytesDefault;
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'mode=755', 'size=64k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${scratch}`],
    },
    // A sysfs shows the network namespace that it is mounted in, which only the namespace's owner may do.
    ...(options.network === 'own'
      ? [{ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }]
      : []),
    ...(spec.root.isReadOnly
      ? [
          {
            destination: '/tmp',
            type: 'tmpfs',
            source: 'tmpfs',
            options: ['nosuid', 'nodev', 'mode=1777', `size=${scratch}`],
          },
        ]
      : []),
  ];
}

const bindMount = (source: string, destination: string, isReadOnly: boolean): BundleMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'rprivate', 'nosuid', 'nodev', isReadOnly ? 'ro' : 'rw'],
});

function idMappings({ idRange }: ContainerSpec): Pick<Bundle['linux'], 'uidMappings' | 'gidMappings'> {
  if (idRange === null) return {};
  const mapping = [{ containerID: 0, hostID: idRange.first, size: idRange.count }];
  return { uidMappings: mapping, gidMappings: mapping };
}

function namespaces(spec: ContainerSpec, network: BundleOptions['network']): Bundle['linux']['namespaces'] {
  return [
    ...['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    ...(spec.idRange === null ? [] : [{ type: 'user' }]),
    ...(network === 'own' ? [{ type: 'network' }] : []),
  ];
}

const withSearchPath = (env: readonly string[]): readonly string[] =>
  env.some((entry) => entry.startsWith('PATH=')) ? env : [searchPathDefault, ...env];

function linuxPart(spec: ContainerSpec, options: BundleOptions): Bundle['linux'] {
  const { memoryBytes, pidsMax, cpuMillis } = spec.limits;
  return {
    ...idMappings(spec),
    namespaces: namespaces(spec, options.network),
    resources: {
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit: memoryBytes, swap: memoryBytes },
      pids: { limit: pidsMax },
      cpu: { quota: (cpuMillis * cpuPeriodMicroseconds) / 1000, period: cpuPeriodMicroseconds },
    },
    ...(options.cgroupsPath === null ? {} : { cgroupsPath: options.cgroupsPath }),
    seccomp: seccompProfile(options.architecture),
    maskedPaths,
    readonlyPaths,
  };
}

/** Throws nothing: a specification that no runtime takes is refused before (`specProblem`). */
export function toBundle(spec: ContainerSpec, options: BundleOptions): Bundle {
  return {
    ociVersion: '1.0.2',
    hostname: spec.id,
    root: { path: spec.root.path, readonly: spec.root.isReadOnly },
    process: {
      terminal: false,
      user: { uid: spec.user.uid, gid: spec.user.gid, umask: 0o022 },
      args: spec.args,
      env: withSearchPath(spec.env),
      cwd: spec.cwd,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      // That of open files comes from the shim: within a user namespace it cannot be raised.
      rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
      noNewPrivileges: true,
      // Whatever the runtime's own processes are protected by ends here.
      oomScoreAdj: 0,
    },
    mounts: [
      ...standardMounts(spec, options),
      ...spec.mounts.map(({ source, destination, isReadOnly }) => bindMount(source, destination, isReadOnly)),
      ...options.files.map(({ source, destination }) => bindMount(source, destination, true)),
    ],
    linux: linuxPart(spec, options),
  };
}

/** One more process under the confinement of a container. */
export const execProcess = (
  { process }: Bundle,
  {
    args,
    env,
    cwd,
  }: { readonly args: readonly string[]; readonly env: readonly string[]; readonly cwd: string | null },
): Bundle['process'] => ({ ...process, args, env: [...process.env, ...env], cwd: cwd ?? process.cwd });
