/** The part of a cluster's API that the driver uses, with failures as ContainerError. The client is loaded where it is needed. */
import type * as client from '@kubernetes/client-node';
import type { KubeConfig, V1NetworkPolicy, V1Pod, V1Status } from '@kubernetes/client-node';
import { Writable } from 'node:stream';
import { ContainerError, type ContainerErrorCode } from '../../ports/container-driver.ts';
import { containerName, exitFinalizer, labels, type notes, podName } from './pod.ts';

type Client = typeof client;

export interface ClusterApiOptions {
  /** Path of a kubeconfig; null: the one of the environment, or of the pod that this process runs in. */
  readonly kubeConfig: string | null;
  readonly namespace: string;
}

interface LogRange {
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
}

export interface PodEvent {
  readonly type: 'changed' | 'gone';
  readonly pod: V1Pod;
}

const codes: Readonly<Record<number, ContainerErrorCode>> = {
  401: 'driver-unavailable',
  403: 'driver-unavailable',
  404: 'unknown-container',
  409: 'id-taken',
  422: 'invalid-spec',
};

/** Rejects with ContainerError. */
export class ClusterApi {
  readonly #client: Client;
  readonly #config: KubeConfig;
  readonly #namespace: string;

  private constructor(loaded: Client, config: KubeConfig, namespace: string) {
    this.#client = loaded;
    this.#config = config;
    this.#namespace = namespace;
  }

  static async open({ kubeConfig, namespace }: ClusterApiOptions): Promise<ClusterApi> {
    let loaded: Client;
    try {
      loaded = await import('@kubernetes/client-node');
    } catch (cause) {
      const how = 'the Kubernetes client is not installed: npm install @kubernetes/client-node@1.4.0';
      throw new ContainerError('driver-unavailable', how, { cause });
    }
    const config = new loaded.KubeConfig();
    try {
      if (kubeConfig === null) config.loadFromDefault();
      else config.loadFromFile(kubeConfig);
    } catch (cause) {
      throw new ContainerError('driver-unavailable', `no usable kubeconfig at ${kubeConfig ?? 'its usual places'}`, {
        cause,
      });
    }
    return new ClusterApi(loaded, config, namespace);
  }

  version(): Promise<{ readonly gitVersion: string; readonly minor: number }> {
    return this.#do('its version', async () => {
      const { gitVersion, minor } = await this.#config.makeApiClient(this.#client.VersionApi).getCode();
      return { gitVersion, minor: Number.parseInt(minor, 10) };
    });
  }

  /** May this account do so in the namespace. `resource` is as `pods/exec`. */
  async may(verb: string, group: string, resource: string): Promise<boolean> {
    const [name = '', subresource] = resource.split('/');
    const resourceAttributes = {
      namespace: this.#namespace,
      verb,
      group,
      resource: name,
      ...(subresource === undefined ? {} : { subresource }),
    };
    const review = await this.#do('what is allowed', () =>
      this.#config
        .makeApiClient(this.#client.AuthorizationV1Api)
        .createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } }),
    );
    return review.status?.allowed === true;
  }

  createPod(body: V1Pod): Promise<V1Pod> {
    return this.#do(`pod ${body.metadata?.name}`, () => this.#pods.createNamespacedPod({ ...this.#place, body }));
  }

  createPolicy(body: V1NetworkPolicy): Promise<unknown> {
    return this.#do(`network policy ${body.metadata?.name}`, () =>
      this.#config.makeApiClient(this.#client.NetworkingV1Api).createNamespacedNetworkPolicy({ ...this.#place, body }),
    );
  }

  readPod(id: string): Promise<V1Pod> {
    return this.#do(`container ${id}`, () => this.#pods.readNamespacedPod({ ...this.#place, name: podName(id) }));
  }

  async listPods(): Promise<readonly V1Pod[]> {
    const { items } = await this.#do('its pods', () =>
      this.#pods.listNamespacedPod({ ...this.#place, labelSelector: labels.container }),
    );
    return items;
  }

  /** Lets a pod that is held back be placed. */
  letGo(id: string): Promise<unknown> {
    return this.#patch(id, { spec: { schedulingGates: null } });
  }

  note(id: string, name: (typeof notes)[keyof typeof notes], text: string): Promise<unknown> {
    return this.#patch(id, { metadata: { annotations: { [name]: text } } });
  }

  /** What it ended with can be read until `forget`. */
  endPod(id: string, graceSeconds: number): Promise<unknown> {
    return this.#do(`container ${id}`, () =>
      this.#pods.deleteNamespacedPod({ ...this.#place, name: podName(id), gracePeriodSeconds: graceSeconds }),
    );
  }

  /** The pod, its end and its network policy go. */
  async forget(id: string): Promise<void> {
    const name = podName(id);
    const networks = this.#config.makeApiClient(this.#client.NetworkingV1Api);
    const isThere = (error: unknown): boolean =>
      !(error instanceof ContainerError) || error.code !== 'unknown-container';
    const unlessGone = async (done: Promise<unknown>): Promise<void> => {
      await done.catch((error: unknown) => {
        if (isThere(error)) throw error;
      });
    };
    await unlessGone(this.#do(name, () => networks.deleteNamespacedNetworkPolicy({ ...this.#place, name })));
    await unlessGone(this.endPod(id, 0));
    const pod = await this.readPod(id).catch((error: unknown) => {
      if (isThere(error)) throw error;
      return null;
    });
    if (pod === null) return;
    const finalizers = (pod.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== exitFinalizer);
    await unlessGone(this.#patch(id, { metadata: { finalizers } }));
  }

  /** Cumulative counters of the node that runs it, as the kubelet's summary tells them. */
  async nodeSummary(node: string): Promise<unknown> {
    const text: unknown = await this.#do(`node ${node}`, () =>
      this.#pods.connectGetNodeProxyWithPath({ name: node, path: 'stats/summary' }),
    );
    return typeof text === 'string' ? JSON.parse(text) : text;
  }

  /** Tells of every pod there is, then of changes, until `signal`. Resolves when the connection ended. */
  async watchPods(signal: AbortSignal, onEvent: (event: PodEvent) => void): Promise<void> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods`;
    await new Promise<void>((resolve, reject) => {
      const done = (error: unknown): void =>
        error === null || error === undefined || signal.aborted
          ? resolve()
          : reject(asContainerError('its pods', error));
      const onLine = (type: string, pod: V1Pod): void => {
        if (type === 'ADDED' || type === 'MODIFIED') onEvent({ type: 'changed', pod: withDates(pod) });
        if (type === 'DELETED') onEvent({ type: 'gone', pod: withDates(pod) });
      };
      const watch = new this.#client.Watch(this.#config);
      void watch.watch(path, { labelSelector: labels.container }, onLine, done).then((controller) => {
        const end = (): void => controller.abort();
        if (signal.aborted) end();
        else signal.addEventListener('abort', end, { once: true });
      }, done);
    });
  }

  /** Writes to `sink` until its end, or until `signal`. */
  async readLog(id: string, sink: Writable, options: LogRange & { readonly signal?: AbortSignal }): Promise<void> {
    const { signal, ...wanted } = options;
    const log = new this.#client.Log(this.#config);
    const request = await this.#do(`the log of ${id}`, () =>
      log.log(this.#namespace, podName(id), containerName, sink, { ...wanted, timestamps: true }),
    );
    signal?.addEventListener('abort', () => {
      request.abort();
      sink.end();
    });
  }

  /** Resolves with the exit code; closes the connection at `signal`, and then rejects. */
  async exec(
    id: string,
    args: readonly string[],
    onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const collect = (stream: 'stdout' | 'stderr'): Writable =>
      new Writable({
        write: (chunk: Uint8Array, _encoding, done) => {
          onOutput(stream, chunk);
          done();
        },
      });
    return this.#do(
      `exec in ${id}`,
      () =>
        new Promise<number>((resolve, reject) => {
          const status = (told: V1Status): void => {
            try {
              resolve(exitCodeOf(told));
            } catch (error) {
              reject(asContainerError(`exec in ${id}`, error));
            }
          };
          new this.#client.Exec(this.#config)
            .exec(
              this.#namespace,
              podName(id),
              'workload',
              [...args],
              collect('stdout'),
              collect('stderr'),
              null,
              false,
              status,
            )
            .then((socket) => {
              signal.addEventListener('abort', () => socket.close());
              socket.onclose = (): void => reject(new Error('the connection ended before the command'));
            }, reject);
        }),
    );
  }

  get #pods(): InstanceType<Client['CoreV1Api']> {
    return this.#config.makeApiClient(this.#client.CoreV1Api);
  }

  get #place(): { readonly namespace: string } {
    return { namespace: this.#namespace };
  }

  #patch(id: string, body: object): Promise<unknown> {
    const { setHeaderOptions, PatchStrategy } = this.#client;
    const asMerge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    return this.#do(`container ${id}`, () =>
      this.#pods.patchNamespacedPod({ ...this.#place, name: podName(id), body }, asMerge),
    );
  }

  async #do<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw asContainerError(what, error);
    }
  }
}

function asContainerError(what: string, error: unknown): ContainerError {
  if (error instanceof ContainerError) return error;
  const status = statusOf(error);
  const code = codes[status ?? 0] ?? 'runtime-failed';
  const said = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new ContainerError(code, `the Kubernetes API, asked for ${what}: ${said}`, { cause: error });
}

function statusOf(error: unknown): number | null {
  for (const name of ['code', 'statusCode'])
    if (typeof error === 'object' && error !== null && name in error) {
      const value: unknown = Reflect.get(error, name);
      if (typeof value === 'number') return value;
    }
  return null;
}

function exitCodeOf({ status, details, message }: V1Status): number {
  if (status === 'Success') return 0;
  const said = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (said !== undefined) return Number(said);
  const isAbsent = message !== undefined && /no such file or directory|not found/.test(message);
  throw new ContainerError(isAbsent ? 'start-failed' : 'runtime-failed', message ?? 'the command could not be run');
}

/** What a watch tells is plain JSON, where other answers have dates. */
function withDates(pod: V1Pod): V1Pod {
  const { deletionTimestamp, ...metadata } = pod.metadata ?? {};
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: new Date(deletionTimestamp) }),
    },
  };
}
