/**
 * The part of a Kubernetes API server that pods need, and one node: what the documentation of its API says of pods that are
 * held back, watched, ended and finalized. Its pods really run, in containers of another driver.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ContainerExit, ContainerSpec } from '../../../src/protocols/shared/containers.ts';
import type { ContainerDriver } from '../../../src/runtime/ports/container-driver.ts';

interface FakePod {
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    deletionTimestamp?: string;
    deletionGracePeriodSeconds?: number;
  };
  spec: {
    nodeName?: string;
    schedulingGates?: { name: string }[];
    activeDeadlineSeconds?: number;
    hostUsers?: boolean;
    containers: { image: string; command: string[]; env: { name: string; value: string }[]; workingDir: string }[];
  };
  status: { phase: string; reason?: string; containerStatuses?: { name: string; state: object }[] };
}

export interface FakeKubernetesOptions {
  /** Runs what the node is given. */
  readonly driver: ContainerDriver;
  /** Of a pod: what the pod itself does not say. */
  readonly container: (id: string) => ContainerSpec;
  /** A cluster of before user namespaces forgets the field. */
  readonly knowsHostUsers?: boolean;
  /** Images that no registry has. */
  readonly missingImages?: readonly string[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch))
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  return Object.fromEntries(result);
}

export class FakeKubernetes {
  readonly #options: FakeKubernetesOptions;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' });
  readonly #pods = new Map<string, FakePod>();
  readonly #policies = new Map<string, unknown>();
  readonly #watchers = new Set<ServerResponse>();
  /** Pods that the node has taken, and what it is doing with them. */
  readonly #ran = new Map<string, Promise<void>>();
  #version = 0;

  constructor(options: FakeKubernetesOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        send(response, 500, { kind: 'Status', status: 'Failure', code: 500, message: String(error) });
      });
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a cluster holds of containers. */
  count(): Readonly<Record<string, number>> {
    return { pods: this.#pods.size, policies: this.#policies.size };
  }

  policies(): readonly unknown[] {
    return [...this.#policies.values()];
  }

  pods(): readonly FakePod[] {
    return [...this.#pods.values()];
  }

  /** As a node does that goes away with what ran on it. */
  cutWatches(): void {
    for (const watcher of this.#watchers) watcher.destroy();
  }

  async close(): Promise<void> {
    await Promise.all(this.#ran.values());
    this.cutWatches();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://server');
    const body = await bodyOf(request);
    const [, pod, part] = /^\/api\/v1\/namespaces\/work\/pods(?:\/([^/]+))?(?:\/(log))?$/.exec(url.pathname) ?? [];
    const isPods = url.pathname.startsWith('/api/v1/namespaces/work/pods');
    if (url.pathname.replace(/\/$/, '') === '/version')
      send(response, 200, {
        major: '1',
        minor: '33',
        gitVersion: 'v1.33.0-fake',
        gitCommit: '',
        gitTreeState: '',
        buildDate: '',
        goVersion: '',
        compiler: '',
        platform: '',
      });
    else if (url.pathname.endsWith('/selfsubjectaccessreviews'))
      send(response, 201, { ...(body as object), status: { allowed: true } });
    else if (url.pathname.includes('/networkpolicies')) this.#policy(request.method ?? '', url, body, response);
    else if (decodeURIComponent(url.pathname).endsWith('/stats/summary')) send(response, 200, await this.#summary());
    else if (isPods && part === 'log') await this.#log(pod ?? '', url, response);
    else if (isPods && pod === undefined) this.#collection(request.method ?? '', url, body as FakePod, response);
    else if (isPods) this.#one(request.method ?? '', pod ?? '', body, url, response);
    else refuse(response, 404, `no such path: ${url.pathname}`);
  }

  #policy(method: string, url: URL, body: unknown, response: ServerResponse): void {
    const name = method === 'POST' ? (body as FakePod).metadata.name : (url.pathname.split('/').at(-1) ?? '');
    if (method === 'POST') this.#policies.set(name, body);
    else if (!this.#policies.delete(name)) {
      refuse(response, 404, 'networkpolicies not found');
      return;
    }
    send(response, method === 'POST' ? 201 : 200, body ?? {});
  }

  #collection(method: string, url: URL, body: FakePod, response: ServerResponse): void {
    if (method === 'POST') {
      if (this.#pods.has(body.metadata.name)) {
        refuse(response, 409, `pods "${body.metadata.name}" already exists`);
        return;
      }
      const { hostUsers, ...spec } = body.spec;
      const isKept = this.#options.knowsHostUsers !== false && hostUsers !== undefined;
      const made: FakePod = {
        ...{ metadata: { ...body.metadata, uid: `uid-${this.#version}` }, status: { phase: 'Pending' } },
        spec: { ...spec, ...(isKept ? { hostUsers } : {}) },
      };
      send(response, 201, this.#store(made));
    } else if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const pod of this.#pods.values()) response.write(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`);
      this.#watchers.add(response);
      response.on('close', () => this.#watchers.delete(response));
    } else send(response, 200, { kind: 'PodList', metadata: {}, items: [...this.#pods.values()] });
  }

  #one(method: string, name: string, body: unknown, url: URL, response: ServerResponse): void {
    const pod = this.#pods.get(name);
    if (pod === undefined) {
      refuse(response, 404, `pods "${name}" not found`);
      return;
    }
    if (method === 'PATCH') send(response, 200, this.#store(merged(pod, body) as FakePod));
    else if (method === 'DELETE') {
      const grace = Number(url.searchParams.get('gracePeriodSeconds') ?? '30');
      const metadata = {
        ...pod.metadata,
        deletionTimestamp: new Date().toISOString(),
        deletionGracePeriodSeconds: grace,
      };
      send(response, 200, this.#store({ ...pod, metadata }));
    } else send(response, 200, pod);
  }

  /** Tells whoever watches, and the node. */
  #store(pod: FakePod): FakePod {
    this.#version += 1;
    const { name, deletionTimestamp, finalizers = [] } = pod.metadata;
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(this.#version) } };
    const isOver = ['Succeeded', 'Failed'].includes(pod.status.phase) || pod.spec.nodeName === undefined;
    const isGone = deletionTimestamp !== undefined && finalizers.length === 0 && isOver;
    const type = isGone ? 'DELETED' : this.#pods.has(name) ? 'MODIFIED' : 'ADDED';
    if (isGone) this.#forget(name);
    else this.#pods.set(name, stored);
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type, object: stored })}\n`);
    if (!isGone) this.#place(stored);
    return stored;
  }

  #forget(name: string): void {
    this.#pods.delete(name);
    const ran = this.#ran.get(name);
    if (ran !== undefined)
      this.#ran.set(
        name,
        ran.then(() => this.#options.driver.remove(name)).catch(() => undefined),
      );
  }

  #place(pod: FakePod): void {
    const { name, deletionTimestamp, deletionGracePeriodSeconds = 30 } = pod.metadata;
    if (this.#ran.has(name)) {
      if (deletionTimestamp !== undefined)
        void this.#options.driver
          .stop(name, { graceMs: deletionGracePeriodSeconds * 1000, by: 'kubelet' })
          .catch(() => null);
    } else if (
      (pod.spec.schedulingGates ?? []).length === 0 &&
      deletionTimestamp === undefined &&
      pod.status.phase === 'Pending'
    ) {
      this.#ran.set(
        name,
        Promise.resolve().then(() => this.#run(pod)),
      );
    }
  }

  async #run(placed: FakePod): Promise<void> {
    const { driver, container, missingImages = [] } = this.#options;
    const { name } = placed.metadata;
    const { activeDeadlineSeconds, containers } = placed.spec;
    const [first] = containers;
    if (first === undefined) throw new Error('a pod has a container');
    const tell = (change: object): void => {
      const pod = this.#pods.get(name);
      if (pod !== undefined) this.#store(merged(pod, change) as FakePod);
    };
    const state = (told: object, phase: string): object => ({
      spec: { nodeName: 'node-1' },
      status: { phase, containerStatuses: [{ name: 'workload', state: told }] },
    });
    if (missingImages.includes(first.image)) {
      tell(state({ waiting: { reason: 'ErrImagePull', message: 'not found' } }, 'Pending'));
      return;
    }
    const literally = (text: string): string => text.replaceAll('$$', '$');
    const base = container(name);
    const startedAt = new Date().toISOString();
    await driver.create({
      ...{ ...base, id: name, args: first.command.map(literally), cwd: first.workingDir },
      env: first.env.map((each) => `${each.name}=${literally(each.value)}`),
      limits: { ...base.limits, wallTimeMs: activeDeadlineSeconds === undefined ? null : activeDeadlineSeconds * 1000 },
    });
    await driver.start(name).then(
      () => tell(state({ running: { startedAt } }, 'Running')),
      () => undefined,
    );
    const exit = await driver.waited(name);
    const reason = reasonOf(exit);
    const message = exit.cause.kind === 'start-failed' ? `no such file or directory: ${exit.cause.detail}` : '';
    const terminated = {
      ...{ exitCode: exit.code ?? 128, reason, message, startedAt },
      finishedAt: new Date().toISOString(),
    };
    const ended = state({ terminated }, exit.code === 0 ? 'Succeeded' : 'Failed');
    tell(exit.cause.kind === 'timeout' ? (merged(ended, { status: { reason: 'DeadlineExceeded' } }) as object) : ended);
  }

  async #log(name: string, url: URL, response: ServerResponse): Promise<void> {
    const tailLines = url.searchParams.get('tailLines');
    const isFollowing = url.searchParams.get('follow') === 'true';
    const options = { isFollowing, tail: tailLines === null ? null : Number(tailLines) };
    response.writeHead(200, { 'content-type': 'text/plain' });
    const ended = new AbortController();
    response.on('close', () => ended.abort());
    for await (const { at, text } of this.#options.driver.logs(name, { ...options, signal: ended.signal }))
      response.write(`${new Date(at).toISOString()} ${text}\n`);
    response.end();
  }

  async #summary(): Promise<object> {
    const pods = await Promise.all(
      [...this.#pods.values()]
        .filter(({ status }) => status.phase === 'Running')
        .map(async ({ metadata: { name } }) => {
          const { cpuMicroseconds, memoryBytes, pids } = await this.#options.driver.stats(name);
          const podRef = { name, uid: this.#pods.get(name)?.metadata.uid };
          const cpu = { usageCoreNanoSeconds: cpuMicroseconds * 1000 };
          return { podRef, cpu, memory: { workingSetBytes: memoryBytes }, process_stats: { process_count: pids } };
        }),
    );
    return { node: { nodeName: 'node-1' }, pods };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://server');
    const [, name = ''] = /\/pods\/([^/]+)\/exec$/.exec(url.pathname) ?? [];
    this.#sockets.handleUpgrade(request, socket, head, (connection) => {
      void this.#exec(connection, name, url.searchParams.getAll('command'));
    });
  }

  async #exec(connection: WebSocket, id: string, args: readonly string[]): Promise<void> {
    const [out, error, status] = [1, 2, 3] as const;
    const write = (channel: number, bytes: Uint8Array): void =>
      connection.send(Buffer.concat([Buffer.of(channel), bytes]));
    const request = { args, env: [], cwd: null, timeoutMs: 60_000, outputBytesMax: 1 << 20 };
    const told = await this.#options.driver.exec(id, request).then(
      ({ code, stdout, stderr }) => {
        write(out, stdout);
        write(error, stderr);
        const causes = [{ reason: 'ExitCode', message: String(code) }];
        return code === 0
          ? { status: 'Success' }
          : { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
      },
      (failure: unknown) => ({
        status: 'Failure',
        reason: 'InternalError',
        message: `no such file or directory: ${String(failure)}`,
      }),
    );
    write(status, Buffer.from(JSON.stringify(told)));
    connection.close();
  }
}

function reasonOf({ cause, code }: ContainerExit): string {
  if (cause.kind === 'oom') return 'OOMKilled';
  if (cause.kind === 'start-failed') return 'StartError';
  return code === 0 ? 'Completed' : 'Error';
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const refuse = (response: ServerResponse, code: number, message: string): void =>
  send(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message });
