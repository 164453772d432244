/**
 * Execution receipts: an in-toto Statement about a workload and its image, predicate `ComplianceWorkloadExecution`, in a DSSE envelope
 * signed by the cluster. Each names the receipt before it of the same workload. docs/formats/execution-receipt.md.
 */
import type { ChainId, Digest, PublicKey } from '../shared/brands.ts';
import { toUtf8 } from '../shared/bytes.ts';
import type { ContainerExit, IsolationClass, ResourceUsage } from '../shared/containers.ts';
import { type DsseEnvelope, signStatement, statement } from '../shared/dsse.ts';
import { taggedHash } from '../shared/hash.ts';
import type { AdmissionStep } from './admission.ts';
import type { Execution, StopOrder } from './life.ts';
import type { Workload } from './workload.ts';

export const executionPredicate = 'https://bpci.dev/predicates/ComplianceWorkloadExecution/v1';

export interface WorkloadExecution {
  readonly chainId: ChainId;
  readonly workload: Digest;
  readonly cluster: string;
  readonly clusterKey: PublicKey;
  readonly epoch: number;
  /** Digest of the canonical manifest is the workload's name; this is of what runs. */
  readonly image: string;
  readonly kind: Workload['kind'];
  readonly agreements: readonly Digest[];
  readonly decision: Digest;
  readonly policySet: Digest | null;
  readonly admission: readonly AdmissionStep[];
  readonly isolationClass: IsolationClass;
  /** Driver, runtime and its version. */
  readonly runtime: string;
  readonly limits: Workload['resources'];
  /** ms since 1970; null: it is not known to have started. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly exit: ContainerExit['cause'];
  readonly code: number | null;
  readonly stop: StopOrder | null;
  readonly usage: ResourceUsage | null;
  /** Root over the container's own events; null where its platform keeps none. */
  readonly witness: Digest | null;
  /** Hash of the receipt before it of this workload at this cluster; null: the first. */
  readonly previous: Digest | null;
}

export function executionOf(
  {
    chainId,
    key,
    workload,
    id,
    runtime,
    admission,
    previous,
  }: {
    readonly chainId: ChainId;
    readonly key: PublicKey;
    readonly workload: Workload;
    readonly id: Digest;
    readonly runtime: string;
    readonly admission: readonly AdmissionStep[];
    readonly previous: Digest | null;
  },
  { cluster, epoch, agreements, decision, policySet, startedAt, stop }: Execution,
  { cause, code, at, usage }: ContainerExit,
): WorkloadExecution {
  const { image, kind, isolationClass, resources } = workload;
  return {
    ...{ chainId, workload: id, cluster, clusterKey: key, epoch, image, kind, agreements, decision, policySet },
    ...{ admission, isolationClass, runtime, limits: resources, startedAt, endedAt: at, exit: cause, code, stop },
    ...{ usage, witness: null, previous },
  };
}

export const signExecution = (
  execution: WorkloadExecution,
  signer: { readonly publicKey: PublicKey; sign(message: Uint8Array): Uint8Array },
): DsseEnvelope =>
  signStatement(
    statement(
      [
        { name: 'workload', digest: { sha256: execution.workload } },
        { name: 'image', digest: { sha256: execution.image.slice('sha256:'.length) } },
      ],
      executionPredicate,
      execution,
    ),
    signer,
  );

/** The bytes of a receipt: what is hashed, chained and anchored. */
export const receiptBytes = (envelope: DsseEnvelope): Uint8Array => toUtf8(JSON.stringify(envelope));

export const receiptHash = (bytes: Uint8Array): Digest => taggedHash('bpci/execution-receipt/v1', bytes);
