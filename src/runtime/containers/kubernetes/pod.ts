/**
 * A container as a pod, and back: pure. Everything that a driver must remember stands in the pod itself, so that any process
 * which sees the cluster knows it: a scheduling gate holds a pod back until it is started, a finalizer keeps its end readable
 * until it is removed.
 */
import type { V1ContainerStateTerminated, V1NetworkPolicy, V1Pod } from '@kubernetes/client-node';
import type { ContainerExit, ContainerSpec, ExitCause } from '../../../protocols/shared/containers.ts';
import { specProblem } from '../../../protocols/docklock/container-spec.ts';
import { ContainerError, type ContainerPhase, type ContainerState } from '../../ports/container-driver.ts';

export const containerName = 'workload';
const startGate = 'bpci.io/start';
export const exitFinalizer = 'bpci.io/exit';
/** Labels by which pods are found. */
export const labels = { container: 'bpci.io/container', tenant: 'bpci.io/tenant' } as const;
/** What is noted on a pod before it is ended. */
export const notes = { stoppedBy: 'bpci.io/stopped-by', startFailed: 'bpci.io/start-failed' } as const;

export const podName = (id: string): string => `bpci-${id}`;

export interface PodTerms {
  /** Where the nodes of the cluster pull it, by the digest of its manifest; null: nowhere. */
  readonly imageOf: (imageDigest: string) => string | null;
  /** What the kubelets' `podPidsLimit` is, as the operator says: pods cannot ask for less. */
  readonly podPidsLimit: number;
}

/** Throws ContainerError: what a pod cannot give is refused and never left out. */
export function podOf(spec: ContainerSpec, { imageOf, podPidsLimit }: PodTerms): V1Pod {
  const wrong = specProblem(spec);
  if (wrong !== null) throw new ContainerError('invalid-spec', `${wrong.place}: ${wrong.problem}`);
  const image = imageOf(spec.root.imageDigest);
  if (image === null)
    throw unsupported(`image ${spec.root.imageDigest} is in no registry that this cluster pulls from`);
  refuseWhatPodsLack(spec, podPidsLimit);
  const { limits, user } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(spec.id),
      labels: { [labels.container]: spec.id, [labels.tenant]: spec.tenant },
      finalizers: [exitFinalizer],
    },
    spec: {
      restartPolicy: 'Never',
      schedulingGates: [{ name: startGate }],
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      ...(spec.idRange === null ? {} : { hostUsers: false }),
      ...(limits.wallTimeMs === null ? {} : { activeDeadlineSeconds: Math.ceil(limits.wallTimeMs / 1000) }),
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: containerName,
          image,
          command: spec.args.map(literally),
          env: spec.env.map(environmentOf),
          workingDir: spec.cwd,
          resources: {
            limits: {
              cpu: `${limits.cpuMillis}m`,
              memory: `${limits.memoryBytes}`,
              ...(limits.diskBytes === null ? {} : { 'ephemeral-storage': `${limits.diskBytes}` }),
            },
          },
          securityContext: {
            runAsUser: user.uid,
            runAsGroup: user.gid,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: spec.root.isReadOnly,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}

function refuseWhatPodsLack({ limits, mounts, network }: ContainerSpec, podPidsLimit: number): void {
  if (limits.pidsMax < podPidsLimit)
    throw unsupported(
      `a pod cannot be held to ${limits.pidsMax} processes: the nodes' podPidsLimit is ${podPidsLimit}`,
    );
  if (mounts.length > 0) throw unsupported('a directory of this host cannot be mounted in a pod');
  if (network.kind === 'tenant' && network.publish.length > 0)
    throw unsupported('a port of a pod cannot be published on this host: it is reached at its address in the cluster');
}

const unsupported = (message: string): ContainerError => new ContainerError('unsupported', message);

function environmentOf(text: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');
  return { name: text.slice(0, at), value: literally(text.slice(at + 1)) };
}

/** A pod replaces `$(NAME)` by what stands in its environment; two dollars are one. */
const literally = (text: string): string => text.replaceAll('$', '$$$$');

/** Nothing in and out but from and to the same tenant's pods; with network `none` nothing at all. Goes with its pod. */
export function networkPolicyOf({ id, tenant, network }: ContainerSpec, pod: V1Pod): V1NetworkPolicy {
  const peers = [{ podSelector: { matchLabels: { [labels.tenant]: tenant } } }];
  const name = podName(id);
  const uid = pod.metadata?.uid ?? '';
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    spec: {
      podSelector: { matchLabels: { [labels.container]: id } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: network.kind === 'none' ? [] : [{ _from: peers }],
      egress: network.kind === 'none' ? [] : [{ to: peers }],
    },
  };
}

export const idOf = (pod: V1Pod): string => pod.metadata?.labels?.[labels.container] ?? '';

export function stateOf(pod: V1Pod): ContainerState {
  const { running, terminated } = mainState(pod);
  const startedAt = running?.startedAt ?? terminated?.startedAt;
  return {
    id: idOf(pod),
    tenant: pod.metadata?.labels?.[labels.tenant] ?? '',
    phase: phaseOf(pod),
    startedAt: startedAt === undefined ? null : new Date(startedAt).getTime(),
    published: [],
    exit: exitOf(pod),
  };
}

export function phaseOf(pod: V1Pod): ContainerPhase {
  if (exitOf(pod) !== null) return 'exited';
  return mainState(pod).running === undefined ? 'created' : 'running';
}

const mainState = (
  pod: V1Pod,
): { readonly running?: { startedAt?: Date }; readonly terminated?: V1ContainerStateTerminated } =>
  pod.status?.containerStatuses?.find(({ name }) => name === containerName)?.state ?? {};

/** Null while it has not ended. */
export function exitOf(pod: V1Pod): ContainerExit | null {
  const { metadata, status } = pod;
  const failed = metadata?.annotations?.[notes.startFailed];
  const by = metadata?.annotations?.[notes.stoppedBy];
  const { terminated } = mainState(pod);
  const isOver = status?.phase === 'Failed' || status?.phase === 'Succeeded';
  // Held back or never placed: nothing of it ever ran, and there is nobody who would say that it ended.
  const isGivenUp = metadata?.deletionTimestamp !== undefined && pod.spec?.nodeName === undefined;
  if (terminated === undefined && failed === undefined && !isOver && !isGivenUp) return null;
  const at = terminated?.finishedAt === undefined ? null : new Date(terminated.finishedAt).getTime();
  return { cause: causeOf(pod, terminated, failed, by), code: terminated?.exitCode ?? null, at, usage: null };
}

function causeOf(
  { metadata, status }: V1Pod,
  terminated: V1ContainerStateTerminated | undefined,
  failed: string | undefined,
  by: string | undefined,
): ExitCause {
  if (failed !== undefined) {
    const [reason = '', ...detail] = failed.split(': ');
    return { kind: 'start-failed', reason, detail: detail.join(': ') };
  }
  if (terminated?.reason === 'OOMKilled') return { kind: 'oom' };
  if (status?.reason === 'DeadlineExceeded') return { kind: 'timeout' };
  if (terminated !== undefined && cannotStart.has(terminated.reason ?? ''))
    return { kind: 'start-failed', reason: reasonOf(terminated.message ?? ''), detail: terminated.message ?? '' };
  if (by !== undefined) return { kind: 'stopped', by };
  if (metadata?.deletionTimestamp !== undefined) return { kind: 'stopped', by: 'kubernetes' };
  if (terminated === undefined) return { kind: 'lost' };
  return { kind: 'exited', code: terminated.exitCode };
}

const cannotStart: ReadonlySet<string> = new Set(['StartError', 'ContainerCannotRun']);

function reasonOf(message: string): string {
  if (/no such file or directory|not found/.test(message)) return 'no-such-program';
  return /permission denied/.test(message) ? 'not-executable' : 'runtime-failed';
}

const hopeless: ReadonlySet<string> = new Set([
  ...['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'],
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'],
]);

/** Why a pod that was let go will not run, as `reason: detail`; null while it may. */
export function startProblem(pod: V1Pod): string | null {
  const waiting = pod.status?.containerStatuses?.find(({ name }) => name === containerName)?.state?.waiting;
  if (waiting?.reason === undefined || !hopeless.has(waiting.reason)) return null;
  const reason = /Image/.test(waiting.reason) ? 'image-not-pulled' : 'runtime-failed';
  return `${reason}: ${waiting.reason}${waiting.message === undefined ? '' : `, ${waiting.message}`}`;
}

/** Why nobody takes it; null where nobody said so. */
export function placementProblem(pod: V1Pod): string | null {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return scheduled?.status === 'False' && scheduled.reason === 'Unschedulable' ? (scheduled.message ?? '') : null;
}
