/**
 * Containers as pods of a Kubernetes cluster. A bare pod and no Job: a Job may start another pod where it thinks the first is gone,
 * and what may run once must never run twice.
 */
import type { V1Pod } from '@kubernetes/client-node';
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import type { ContainerExit, ContainerSpec, ResourceUsage } from '../../../protocols/shared/containers.ts';
import type { Clock } from '../../ports/clock.ts';
import {
  type ContainerDriver,
  ContainerError,
  type ContainerPhase,
  type ContainerState,
  type DriverProbe,
  type ExecRequest,
  type ExecResult,
  type LogEntry,
  type LogOptions,
  type StopOptions,
} from '../../ports/container-driver.ts';
import { ClusterApi, type ClusterApiOptions } from './cluster-api.ts';
import {
  exitOf,
  idOf,
  networkPolicyOf,
  notes,
  phaseOf,
  placementProblem,
  podOf,
  type PodTerms,
  startProblem,
  stateOf,
} from './pod.ts';
import { PodWatch } from './pod-watch.ts';
import { usageIn } from './summary.ts';

export interface KubernetesDriverOptions extends ClusterApiOptions, PodTerms {
  readonly clock: Clock;
  /** From being let go to running, the pull of the image included. */
  readonly startTimeoutMs: number;
}

/** What the account of the driver must be allowed, in its namespace. */
const needed = [
  ...['create', 'get', 'list', 'watch', 'patch', 'delete'].map((verb) => [verb, '', 'pods'] as const),
  ['get', '', 'pods/log'],
  ['create', '', 'pods/exec'],
  ['create', 'networking.k8s.io', 'networkpolicies'],
  ['delete', 'networking.k8s.io', 'networkpolicies'],
] as const;

export class KubernetesDriver implements ContainerDriver {
  readonly name = 'kubernetes';
  readonly isolationClass = 'pod';
  readonly #options: KubernetesDriverOptions;
  #opened: Promise<{ readonly api: ClusterApi; readonly pods: PodWatch }> | null = null;

  constructor(options: KubernetesDriverOptions) {
    this.#options = options;
  }

  async probe(): Promise<DriverProbe> {
    try {
      const { api } = await this.#cluster();
      const { gitVersion, minor } = await api.version();
      const runtime = { name: 'kubernetes', version: gitVersion };
      if (minor < 30)
        return {
          runtime,
          problem: 'Kubernetes 1.30 or newer is needed: pods are held back until they start',
          facts: [],
        };
      const missing: string[] = [];
      for (const [verb, group, resource] of needed)
        if (!(await api.may(verb, group, resource))) missing.push(`${verb} ${resource}`);
      const problem = missing.length === 0 ? null : `the account of the kubeconfig may not: ${missing.join(', ')}`;
      const { namespace, podPidsLimit } = this.#options;
      const facts = [
        { name: 'namespace', value: namespace, isWarning: false },
        { name: 'processes of a pod', value: `${podPidsLimit}, as the operator says`, isWarning: false },
        { name: 'network', value: 'policies hold only where the cluster’s network enforces them', isWarning: true },
      ];
      return { runtime, problem, facts };
    } catch (error) {
      return { runtime: null, problem: error instanceof Error ? error.message : String(error), facts: [] };
    }
  }

  async create(spec: ContainerSpec): Promise<void> {
    if (spec.isolationClass !== this.isolationClass)
      throw new ContainerError('isolation-unavailable', `pods do not give the isolation class ${spec.isolationClass}`);
    const { api, pods } = await this.#cluster();
    const pod = await api.createPod(podOf(spec, this.#options));
    try {
      // A cluster that does not know the field drops it without a word.
      if (spec.idRange !== null && pod.spec?.hostUsers !== false)
        throw new ContainerError('unsupported', 'this cluster gives pods no user namespace of their own');
      await api.createPolicy(networkPolicyOf(spec, pod));
    } catch (error) {
      await api.forget(spec.id);
      throw error;
    }
    pods.saw(pod);
  }

  async start(id: string): Promise<void> {
    const { api, pods } = await this.#cluster();
    await this.#expect(id, ['created']);
    await api.letGo(id);
    const deadline = new AbortController();
    const timer = this.#options.clock.setTimer(this.#options.startTimeoutMs, () => deadline.abort());
    const ready = (pod: V1Pod): boolean => phaseOf(pod) !== 'created' || startProblem(pod) !== null;
    const pod = await pods.until(id, ready, deadline.signal).finally(() => timer.cancel());
    if (pod !== null && phaseOf(pod) === 'running') return;
    const exit = pod === null ? null : exitOf(pod);
    if (exit !== null && exit.cause.kind !== 'start-failed') return;
    if (exit === null) await this.#giveUp(id, pod === null ? await this.#whyNotYet(id) : (startProblem(pod) ?? ''));
    const { cause } = await this.waited(id);
    throw new ContainerError('start-failed', `container ${id} did not start: ${JSON.stringify(cause)}`);
  }

  async #whyNotYet(id: string): Promise<string> {
    const { api } = await this.#cluster();
    const unplaced = placementProblem(await api.readPod(id));
    if (unplaced !== null) return `not-placed: ${unplaced}`;
    return `start-timeout: not running after ${this.#options.startTimeoutMs} ms`;
  }

  async #giveUp(id: string, problem: string): Promise<void> {
    const { api } = await this.#cluster();
    await api.note(id, notes.startFailed, problem);
    await api.endPod(id, 0);
  }

  async exec(id: string, request: ExecRequest): Promise<ExecResult> {
    if (request.env.length > 0 || request.cwd !== null)
      throw new ContainerError('unsupported', 'a command in a pod has the environment and directory of its container');
    const { api } = await this.#cluster();
    await this.#expect(id, ['running']);
    const kept = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
    const sizes = { stdout: 0, stderr: 0 };
    let isTruncated = false;
    const keep = (stream: 'stdout' | 'stderr', bytes: Uint8Array): void => {
      const room = request.outputBytesMax - sizes[stream];
      if (bytes.length > room) isTruncated = true;
      kept[stream].push(bytes.slice(0, room));
      sizes[stream] += Math.min(bytes.length, room);
    };
    const deadline = new AbortController();
    const timer = this.#options.clock.setTimer(request.timeoutMs, () => deadline.abort());
    try {
      const code = await api.exec(id, request.args, keep, deadline.signal);
      return { code, stdout: Buffer.concat(kept.stdout), stderr: Buffer.concat(kept.stderr), isTruncated };
    } catch (error) {
      if (!deadline.signal.aborted) throw error;
      // Nobody can kill it from here: the truth is that it may run on.
      const message = `a command in ${id} did not end in ${request.timeoutMs} ms, and may still run`;
      throw new ContainerError('runtime-timeout', message, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  /** Kubernetes keeps both streams in one: all of it is told as `stdout`. */
  async *logs(id: string, { isFollowing, tail, signal }: LogOptions): AsyncGenerator<LogEntry> {
    const { api } = await this.#cluster();
    const { phase } = await this.#state(id);
    if (phase === 'created' || (tail === 0 && (phase === 'exited' || !isFollowing))) return;
    const sink = new PassThrough();
    // The client leaves out a zero: what is new is then as young as a whole second.
    const first = tail === null ? {} : tail === 0 ? { sinceSeconds: 1 } : { tailLines: tail };
    const wanted = { follow: isFollowing, ...first };
    await api.readLog(id, sink, { ...wanted, ...(signal === undefined ? {} : { signal }) });
    for await (const line of createInterface({ input: sink })) {
      const at = line.indexOf(' ');
      yield { stream: 'stdout', at: Date.parse(line.slice(0, at)), text: line.slice(at + 1) };
    }
  }

  async stats(id: string): Promise<ResourceUsage> {
    const { api } = await this.#cluster();
    await this.#expect(id, ['running']);
    const pod = await api.readPod(id);
    const usage = usageIn(await api.nodeSummary(pod.spec?.nodeName ?? ''), pod.metadata?.uid ?? '');
    if (usage === null) throw new ContainerError('runtime-failed', `the node of ${id} has not measured it yet`);
    return usage;
  }

  freeze(id: string): Promise<void> {
    return Promise.reject(new ContainerError('unsupported', `a pod cannot be frozen: ${id}`));
  }

  thaw(id: string): Promise<void> {
    return Promise.reject(new ContainerError('unsupported', `a pod cannot be frozen: ${id}`));
  }

  async stop(id: string, { graceMs, by }: StopOptions): Promise<ContainerExit> {
    const { api } = await this.#cluster();
    const { exit } = await this.#state(id);
    if (exit !== null) return exit;
    await api.note(id, notes.stoppedBy, by);
    await api.endPod(id, Math.ceil(graceMs / 1000));
    return this.waited(id);
  }

  async waited(id: string): Promise<ContainerExit> {
    const { pods } = await this.#cluster();
    await this.#state(id);
    const pod = await pods.until(id, (seen) => exitOf(seen) !== null, new AbortController().signal);
    const exit = pod === null ? null : exitOf(pod);
    return exit ?? { cause: { kind: 'lost' }, code: null, at: null, usage: null };
  }

  async remove(id: string): Promise<void> {
    const { api } = await this.#cluster();
    await this.#expect(id, ['created', 'exited']);
    await api.forget(id);
  }

  async list(): Promise<readonly ContainerState[]> {
    const { api } = await this.#cluster();
    const pods = await api.listPods();
    return pods.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).map(stateOf);
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => null);
    await opened?.pods.close();
  }

  async #state(id: string): Promise<ContainerState> {
    const { api } = await this.#cluster();
    return stateOf(await api.readPod(id));
  }

  async #expect(id: string, phases: readonly ContainerPhase[]): Promise<void> {
    const { phase } = await this.#state(id);
    if (!phases.includes(phase))
      throw new ContainerError('wrong-phase', `container ${id} is ${phase}, not ${phases.join(' or ')}`);
  }

  #cluster(): Promise<{ readonly api: ClusterApi; readonly pods: PodWatch }> {
    this.#opened ??= ClusterApi.open(this.#options).then(
      (api) => ({ api, pods: new PodWatch(api, this.#options.clock) }),
      (error: unknown) => {
        this.#opened = null;
        throw error;
      },
    );
    return this.#opened;
  }
}
