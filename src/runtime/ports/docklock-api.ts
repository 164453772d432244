/**
 * What DockLock offers to its HTTP interface and to embedders. Shapes are JSON-ready. Every method rejects with
 * {@link DocklockError}, ContainerError or ImageError, whose codes are those of the interface.
 */
import type { ContainerExit, IsolationClass, PublishedPort, ResourceUsage } from '../../protocols/shared/containers.ts';
import { CodedError } from '../../protocols/shared/errors.ts';
import type { ContainerPhase, DriverProbe, ExecRequest, ExecResult, LogEntry, LogOptions } from './container-driver.ts';
import type { Collected, ImageRecord, ImportOptions } from './image-store.ts';

export type DocklockErrorCode =
  | 'not-ready' // it has not yet looked at what runs
  | 'no-such-driver'
  | 'image-without-program' // nothing to run is named by the image or by the request
  | 'unknown-user' // the image's user is not in its own list
  | 'id-reused' // a container of this id was deployed with another request
  | 'busy' // something else is done with this container now
  | 'unavailable'; // the state could not be kept

export class DocklockError extends CodedError<DocklockErrorCode> {
  override readonly name = 'DocklockError';
}

export interface DeployRequest {
  /** Of the container, on this host. */
  readonly id: string;
  readonly tenant: string;
  /** `name@sha256:…`, `sha256:…` or a name. */
  readonly image: string;
  /** In the place of the image's; null: the image's. */
  readonly args: readonly string[] | null;
  /** Beside the image's. */
  readonly env: readonly string[];
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly pidsMax: number;
  readonly diskBytes: number | null;
  readonly wallTimeMs: number | null;
  /** Within the container, each reached from the host. */
  readonly ports: readonly number[];
  readonly isolationClass: IsolationClass;
  /** One of those of the class; null: the first that can. */
  readonly driver: string | null;
}

export interface ContainerView {
  readonly id: string;
  readonly tenant: string;
  readonly image: string;
  /** `sha256:…` of the manifest that was run; null before that is known. */
  readonly imageDigest: string | null;
  readonly driver: string;
  readonly isolationClass: IsolationClass;
  /** `deploying` and `removing` pass by themselves. */
  readonly phase: ContainerPhase | 'deploying' | 'removing';
  /** Milliseconds since 1970. */
  readonly deployedAt: number;
  /** Account that asked for it; null: somebody on the machine itself. */
  readonly deployedBy: string | null;
  readonly startedAt: number | null;
  readonly published: readonly PublishedPort[];
  readonly exit: ContainerExit | null;
}

export interface DriverView extends DriverProbe {
  readonly name: string;
  readonly isolationClass: IsolationClass;
}

export interface DocklockStatus {
  readonly isReady: boolean;
  readonly problem: string | null;
  readonly height: number | null;
  readonly containers: number;
  readonly running: number;
  readonly drivers: readonly DriverView[];
}

export interface DocklockApi {
  readonly images: {
    import(path: string, options: ImportOptions): Promise<ImageRecord>;
    list(): Promise<readonly ImageRecord[]>;
    inspect(reference: string): Promise<ImageRecord>;
    remove(reference: string): Promise<void>;
    collect(): Promise<Collected>;
  };
  /** Answers once its program runs, or could not be started; the same request again gives the same container. */
  deploy(request: DeployRequest, by: string | null): Promise<ContainerView>;
  /** A `viewer` is the account that asks: it sees what is its tenant's, an operator and null (a caller on the machine itself) all. */
  containers(viewer: string | null): Promise<readonly ContainerView[]>;
  container(id: string, viewer: string | null): Promise<ContainerView>;
  stop(id: string, options: { readonly graceMs: number; readonly by: string }): Promise<ContainerView>;
  /** Of one that has ended. */
  remove(id: string): Promise<void>;
  exec(id: string, request: ExecRequest): Promise<ExecResult>;
  logs(id: string, options: LogOptions, viewer: string | null): Promise<AsyncIterable<LogEntry>>;
  stats(id: string, viewer: string | null): Promise<ResourceUsage>;
  status(): Promise<DocklockStatus>;
}
