/**
 * Execution clusters on chain: who they are and what they say they can, which of them may run a workload, and the roots of
 * their receipts. Source: execution design, "ENC cluster"; ledger design, "Modules". Heartbeats are off chain: the chain is told
 * of changes.
 *
 * A lease is fenced by its epoch. A holder runs a workload only while it sees the chain give it the newest epoch, in a state no older
 * than {@link leaseStaleMs}; whoever takes a lease that was not given back starts nothing before {@link leaseTakeoverMs} have passed.
 */
import { invariant } from '../../../shared/errors.ts';
import { kind, type LedgerModule, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import type { Role } from '../../permissions.ts';
import type { ReadView, View } from '../../view.ts';
import { readAgreement, termsOf } from '../court/agreement-state.ts';
import {
  type Admission,
  type AdmitBody,
  admitCodec,
  type AnchorReceiptsBody,
  anchorReceiptsCodec,
  clusterSigningBytes,
  type ClusterState,
  type RegisterClusterBody,
  registerClusterCodec,
  type ReleaseBody,
  releaseCodec,
  type SetClusterStateBody,
  setClusterStateCodec,
  type UpdateClusterBody,
  updateClusterCodec,
} from './bodies.ts';
import { clusterCounts, clusterKeys, type ClusterRecord, clusters, leases, readLease } from './cluster-state.ts';

/** Clusters of one account at most. */
export const clustersPerOwnerMax = 64;
/** Leases of one cluster at most. */
const leasesPerClusterMax = 10_000;
/** A container whose holder has seen no newer state for so long stands still, ms of the holder's own clock. */
export const leaseStaleMs = 30_000;
/** From one holder to the next that got the lease against its will, ms of header time: clocks may differ by the rest. */
export const leaseTakeoverMs = leaseStaleMs + 10_000;

/** What may follow a state. */
const successors: Readonly<Record<ClusterState, readonly ClusterState[]>> = {
  joining: ['active', 'offline'],
  active: ['draining', 'offline'],
  draining: ['active', 'maintenance', 'offline'],
  maintenance: ['active', 'offline'],
  offline: ['joining'],
};

const emit = (view: View, name: string, attributes: Readonly<Record<string, string>>): void =>
  view.emit({ module: 'enc', kind: name, attributes });

/** Its owner was asked for before: it is there. */
function clusterOf(view: ReadView, id: string): ClusterRecord {
  const record = view.get(clusters, id);
  invariant(record !== undefined, `no cluster ${id}`);
  return record;
}

function register(body: RegisterClusterBody, view: View, context: TransactionContext): Outcome {
  const { sender, chainId, signatures, hash } = context;
  const { id, key, possession } = body;
  if (view.get(clusters, id) !== undefined) return refuse('cluster-exists');
  if (view.get(clusterKeys, key) !== undefined) return refuse('key-in-use');
  if (!signatures.verify(key, clusterSigningBytes(chainId, sender, id), possession)) return refuse('bad-possession');
  const count = (view.get(clusterCounts, sender) ?? 0) + 1;
  if (count > clustersPerOwnerMax) return refuse('too-many-clusters');
  view.set(clusterCounts, sender, count);
  view.set(clusterKeys, key, id);
  const record: ClusterRecord = {
    registration: body,
    owner: sender,
    state: 'joining',
    held: 0,
    batches: 0,
    registeredBy: hash,
    anchoredBy: null,
  };
  view.set(clusters, id, record);
  const { region, country } = body;
  emit(view, 'cluster-registered', { cluster: id, owner: sender, key, region, country });
  return ok;
}

function update({ id, ...description }: UpdateClusterBody, view: View): Outcome {
  const record = clusterOf(view, id);
  view.set(clusters, id, { ...record, registration: { ...record.registration, ...description } });
  emit(view, 'cluster-updated', { cluster: id });
  return ok;
}

function setState({ id, state }: SetClusterStateBody, view: View): Outcome {
  const record = clusterOf(view, id);
  if (!successors[record.state].includes(state)) return refuse('not-a-successor');
  if (state === 'maintenance' && record.held > 0) return refuse('leases-held');
  view.set(clusters, id, { ...record, state });
  emit(view, 'cluster-state', { cluster: id, from: record.state, state });
  return ok;
}

/** Why this cluster may not run under these agreements; null: it may. */
function agreementRefusal(view: ReadView, { registration }: ClusterRecord, { agreements }: Admission): string | null {
  for (const id of agreements) {
    if (readAgreement(view, id)?.state !== 'active') return 'agreement-not-active';
    const { clusters: bound } = termsOf(view, id).bindings;
    if (bound.length > 0 && !bound.includes(registration.id)) return 'cluster-not-agreed';
    if (registration.agreements.length > 0 && !registration.agreements.includes(id)) return 'agreement-not-served';
  }
  return null;
}

/** Takes a lease that is in another's hands. Only the owner of both may. */
function loosen(view: View, cluster: string, { sender }: TransactionContext): boolean {
  const holder = clusterOf(view, cluster);
  if (holder.owner !== sender) return false;
  view.set(clusters, cluster, { ...holder, held: holder.held - 1 });
  return true;
}

function admitOne(admission: Admission, cluster: string, view: View, context: TransactionContext): string | null {
  const { workload, epoch, decision, agreements } = admission;
  const problem = agreementRefusal(view, clusterOf(view, cluster), admission);
  if (problem !== null) return problem;
  const before = readLease(view, workload);
  if (epoch !== (before?.epoch ?? 0) + 1) return 'wrong-epoch';
  const wasHeld = before?.isHeld ?? false;
  if (before !== undefined && wasHeld && !loosen(view, before.cluster, context)) return 'lease-held';
  const record = clusterOf(view, cluster);
  if (record.held >= leasesPerClusterMax) return 'too-many-leases';
  view.set(clusters, cluster, { ...record, held: record.held + 1 });
  const notBefore = wasHeld ? context.time + leaseTakeoverMs : Math.max(context.time, before?.notBefore ?? 0);
  view.set(leases, workload, {
    cluster,
    epoch,
    decision,
    agreements,
    isHeld: true,
    notBefore,
    admittedBy: context.hash,
  });
  emit(view, 'admitted', { workload, cluster, epoch: String(epoch), decision, notBefore: String(notBefore) });
  return null;
}

function admit({ cluster, admissions }: AdmitBody, view: View, context: TransactionContext): Outcome {
  if (clusterOf(view, cluster).state !== 'active') return refuse('cluster-not-active');
  for (const admission of admissions) {
    const problem = admitOne(admission, cluster, view, context);
    if (problem !== null) return refuse(problem);
  }
  return ok;
}

/** The holder says that nothing of it runs any more. */
function release({ cluster, leases: given }: ReleaseBody, view: View): Outcome {
  for (const { workload, epoch } of given) {
    const lease = readLease(view, workload);
    if (lease?.cluster !== cluster || lease.epoch !== epoch || !lease.isHeld) return refuse('not-held');
    // A lease that never began to count leaves the holder before it its time.
    view.set(leases, workload, { ...lease, isHeld: false });
    const record = clusterOf(view, cluster);
    view.set(clusters, cluster, { ...record, held: record.held - 1 });
    emit(view, 'released', { workload, cluster, epoch: String(epoch) });
  }
  return ok;
}

function anchorReceipts(
  { cluster, batch, count, root }: AnchorReceiptsBody,
  view: View,
  { hash }: TransactionContext,
): Outcome {
  const record = clusterOf(view, cluster);
  if (batch !== record.batches + 1) return refuse('wrong-batch');
  view.set(clusters, cluster, { ...record, batches: batch, anchoredBy: hash });
  emit(view, 'receipts-anchored', { cluster, batch: String(batch), count: String(count), root });
  return ok;
}

const owns = (view: ReadView, id: string, { sender }: TransactionContext): readonly Role[] =>
  view.get(clusters, id)?.owner === sender ? ['cluster-owner'] : [];
const ownsNamed = ({ id }: { readonly id: string }, view: ReadView, context: TransactionContext): readonly Role[] =>
  owns(view, id, context);
const ownsCluster = (
  { cluster }: { readonly cluster: string },
  view: ReadView,
  context: TransactionContext,
): readonly Role[] => owns(view, cluster, context);

export const encModule: LedgerModule = {
  name: 'enc',
  kinds: new Map([
    ['register-cluster', kind<RegisterClusterBody>({ body: registerClusterCodec, execute: register })],
    ['update-cluster', kind<UpdateClusterBody>({ body: updateClusterCodec, relation: ownsNamed, execute: update })],
    ['set-state', kind<SetClusterStateBody>({ body: setClusterStateCodec, relation: ownsNamed, execute: setState })],
    ['admit-workload', kind<AdmitBody>({ body: admitCodec, relation: ownsCluster, execute: admit })],
    ['release-workload', kind<ReleaseBody>({ body: releaseCodec, relation: ownsCluster, execute: release })],
    [
      'anchor-receipts',
      kind<AnchorReceiptsBody>({ body: anchorReceiptsCodec, relation: ownsCluster, execute: anchorReceipts }),
    ],
  ]),
};
