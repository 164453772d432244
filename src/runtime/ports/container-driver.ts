/**
 * What runs containers: one interface, several drivers.
 *
 * Promises, checked by one conformance suite that every driver passes:
 * - What a container is confined to is in its specification. A driver that cannot give a part of it refuses in `create`
 *   (`unsupported`, `isolation-unavailable`); it never runs something weaker.
 * - `create` leaves everything or nothing. After `remove` nothing of the container is left on the host: no process, mount,
 *   control group, namespace, file.
 * - A container goes through created → running (⇄ frozen) → exited, once. Its exit is recorded once and does not change.
 * - Containers outlive the process that holds the driver. A new driver over the same state directory lists them, and finds the exit
 *   of those that ended meanwhile. What nobody can say the end of is `lost`.
 * - The cause of an exit is read from the counters of the limits before they are gone: a memory kill of any process of the container
 *   is `oom`, whatever code the first process then gave.
 */
import { CodedError } from '../../protocols/shared/errors.ts';

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

export type ContainerErrorCode =
  | 'invalid-spec' // a specification that no driver takes
  | 'id-taken' // a container of this id exists
  | 'unknown-container'
  | 'wrong-phase' // started twice, asked of a container that does not run, …
  | 'isolation-unavailable' // the driver is of another isolation class than the one demanded
  | 'unsupported' // the driver cannot give a part of the specification
  | 'driver-unavailable' // the runtime is not here, or this user may not use it
  | 'start-failed' // the container's first program could not be started
  | 'runtime-failed' // the runtime said no
  | 'runtime-timeout' // the runtime did not answer in time
  | 'full'; // no space on the device

export class ContainerError extends CodedError<ContainerErrorCode> {
  override readonly name = 'ContainerError';
}

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

export type ContainerNetwork =
  /** A loopback of its own, nothing else. */
  | { readonly kind: 'none' }
  /** The bridge of its tenant: reaches nothing beyond it, and is reached through what is published. */
  | { readonly kind: 'tenant'; readonly publish: readonly PublishedPort[] };

export interface ContainerMount {
  /** Absolute path of a directory or file on the host. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly isReadOnly: boolean;
}

/** Ids of the host that a container's users stand on: id 0 within is `first` without. */
export interface IdRange {
  readonly first: number;
  readonly size: number;
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
  /** Of the tenant, the one that `root` was opened for; null where the driver needs none. */
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

export type ContainerPhase = 'created' | 'running' | 'frozen' | 'exited';

export interface ContainerState {
  readonly id: string;
  readonly tenant: string;
  readonly phase: ContainerPhase;
  /** Milliseconds since 1970; null before the start. */
  readonly startedAt: number | null;
  /** Where it can be reached, filled in once it runs. */
  readonly published: readonly PublishedPort[];
  /** Once it is exited. */
  readonly exit: ContainerExit | null;
}

export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** One line without its end; a longer one than 16 KiB comes in pieces. */
  readonly text: string;
}

export interface LogOptions {
  /** Goes on with what is written until the container has exited. */
  readonly isFollowing: boolean;
  /** The newest so many lines of what is there; null: all that is kept. */
  readonly tail: number | null;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

export interface ExecRequest {
  readonly args: readonly string[];
  /** Beside those of the container. */
  readonly env: readonly string[];
  /** null: that of the container. */
  readonly cwd: string | null;
  /** It is killed then, and its code is 137. */
  readonly timeoutMs: number;
  /** Kept of each stream; the rest is dropped. */
  readonly outputBytesMax: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly isTruncated: boolean;
}

export interface StopOptions {
  /** Between the signal that asks and the one that ends; 0: at once. */
  readonly graceMs: number;
  /** Stands in the exit cause: `operator`, `court`, `cluster-1`, … */
  readonly by: string;
}

export interface DriverProbe {
  /** Why it cannot run anything here, for a person; null where it can. */
  readonly problem: string | null;
  /** `crun`, `runc`, `node`, … and its version; null where it was not found. */
  readonly runtime: { readonly name: string; readonly version: string } | null;
  /** What an operator should know: control group mode, known vulnerabilities, … */
  readonly facts: readonly { readonly name: string; readonly value: string; readonly isWarning: boolean }[];
}

/** Rejects with ContainerError. */
export interface ContainerDriver {
  /** `crun`, `runc`, `bwrap`, `wasm`, `kubernetes`. */
  readonly name: string;
  readonly isolationClass: IsolationClass;
  probe(): Promise<DriverProbe>;
  create(spec: ContainerSpec): Promise<void>;
  /** Resolves once its program runs. With `start-failed` the container is exited, and that is its cause. */
  start(id: string): Promise<void>;
  /** In a running container, under the same confinement. */
  exec(id: string, request: ExecRequest): Promise<ExecResult>;
  logs(id: string, options: LogOptions): AsyncIterable<LogEntry>;
  /** Of a running or frozen container. */
  stats(id: string): Promise<ResourceUsage>;
  /** Stops its processes where they are: a holder that may not run until it is told. */
  freeze(id: string): Promise<void>;
  thaw(id: string): Promise<void>;
  /** Resolves once no process of it is left. Of one that is exited: the exit that it had. */
  stop(id: string, options: StopOptions): Promise<ContainerExit>;
  /** Resolves once it is exited. */
  waited(id: string): Promise<ContainerExit>;
  /** Of an exited or created container. */
  remove(id: string): Promise<void>;
  /** Everything that is here, by id: what a new supervisor begins with. */
  list(): Promise<readonly ContainerState[]>;
  /** Lets go of what this process holds; containers run on. */
  close(): Promise<void>;
}
