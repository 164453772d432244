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
import type {
  ContainerExit,
  ContainerSpec,
  IsolationClass,
  PublishedPort,
  ResourceUsage,
} from '../../protocols/shared/containers.ts';
import { CodedError } from '../../protocols/shared/errors.ts';

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
