/** What a container is and how one ends: words that drivers, clusters and receipts share. */

/**
 * What stands between a workload and its host, in words that a policy can demand. They are not ordered: none stands for another.
 *
 * - `container`: namespaces of its own with a user namespace, no capabilities, a seccomp filter, control groups.
 * - `process`: namespaces without a privileged runtime, a seccomp filter.
 * - `kernel-sandbox`: a kernel of its own in user space (runsc).
 * - `wasm-sandbox`: a WebAssembly module in a confined process.
 * - `pod`: whatever the cluster that runs it gives.
 */
export const isolationClasses = ['container', 'process', 'kernel-sandbox', 'wasm-sandbox', 'pod'] as const;
export type IsolationClass = (typeof isolationClasses)[number];

export interface ContainerLimits {
  /** Thousandths of a processor, at least 10. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly pidsMax: number;
  /** Of what is written beside the image; null: none. */
  readonly diskBytes: number | null;
  /** From its start; null: none. */
  readonly wallTimeMs: number | null;
  /** Of logs that are kept; the oldest are dropped. */
  readonly logBytes: number;
}

export interface PublishedPort {
  /** On the host's loopback; 0: any that is free. */
  readonly hostPort: number;
  readonly containerPort: number;
}

type ContainerNetwork =
  /** A loopback of its own, nothing else. */
  | { readonly kind: 'none' }
  /** The bridge of its tenant: reaches nothing beyond it, and is reached through what is published. */
  | { readonly kind: 'tenant'; readonly publish: readonly PublishedPort[] };

interface ContainerMount {
  /** Absolute path of a directory or file on the host. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly isReadOnly: boolean;
}

/** Users and groups 0 … count − 1 of a container are first … first + count − 1 of its host. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

export interface ContainerSpec {
  /** Of this host: `[a-z0-9][a-z0-9-]{0,62}`. */
  readonly id: string;
  readonly tenant: string;
  /** As the image store opened it: a directory, or a file where the image is a module. */
  readonly root: {
    readonly path: string;
    /** `sha256:…`, for records and receipts. */
    readonly imageDigest: string;
    /** May anything be written beside the volumes of `mounts`. */
    readonly isReadOnly: boolean;
  };
  /** Of the tenant, the one that `root` was opened for; null leaves ids as they are. */
  readonly idRange: IdRange | null;
  /** The program and its arguments, not empty. */
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Within the container. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly limits: ContainerLimits;
  readonly network: ContainerNetwork;
  readonly mounts: readonly ContainerMount[];
  /** The one that is demanded: a driver of another class refuses. */
  readonly isolationClass: IsolationClass;
  /** The signal that asks it to end, `SIGTERM` unless its image says otherwise. */
  readonly stopSignal: string;
}

export type ExitCause =
  /** A signal that it sent itself, or got from within, is 128 and its number. */
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'oom' }
  | { readonly kind: 'pids-limit' }
  | { readonly kind: 'timeout' }
  /** `by`: who asked, as `stop` was told. */
  | { readonly kind: 'stopped'; readonly by: string }
  /** `reason` is a code: `no-such-program`, `not-executable`, `runtime-failed`, … */
  | { readonly kind: 'start-failed'; readonly reason: string; readonly detail: string }
  | { readonly kind: 'lost' };

export interface ResourceUsage {
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  /** The most that it used at any time. */
  readonly memoryPeakBytes: number;
  readonly pids: number;
  /** Processes that were killed for want of memory. */
  readonly oomKills: number;
  /** Processes that were refused for the limit on them. */
  readonly pidsRefused: number;
}

export interface ContainerExit {
  readonly cause: ExitCause;
  /** Of the first process, whatever the cause; null where there was none, or nobody knows. */
  readonly code: number | null;
  /** Milliseconds since 1970; null where nobody knows. */
  readonly at: number | null;
  /** The last reading; null where nobody knows. */
  readonly usage: ResourceUsage | null;
}
