/** Bodies of the kinds `enc.*`, and what a cluster says of itself. */
import type { ChainId, Digest, PublicKey } from '../../../shared/brands.ts';
import { concatBytes, fromHex, toUtf8 } from '../../../shared/bytes.ts';
import { signingBytes } from '../../../shared/hash.ts';
import {
  jsonBytesExact,
  jsonChecked,
  jsonChoice,
  type JsonCodec,
  jsonDigest,
  jsonKey,
  jsonList,
  jsonPattern,
  jsonStruct,
  jsonUint,
} from '../../json-codec.ts';
import { jsonCountry, jsonName } from '../court/agreement-terms.ts';

export const clusterStates = ['joining', 'active', 'draining', 'maintenance', 'offline'] as const;
export type ClusterState = (typeof clusterStates)[number];

/** A way to run workloads that the cluster has, and how far it keeps them apart. */
interface ClusterRuntime {
  /** `oci`, `wasm`, `bwrap`, `kubernetes`. */
  readonly driver: string;
  /** `container`, `wasm-sandbox`, … */
  readonly isolationClass: string;
}

export interface Capabilities {
  /** As OCI images name it: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Thousandths of a core. */
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly storageMiB: number;
  /** Containers at once. */
  readonly containers: number;
  readonly runtimes: readonly ClusterRuntime[];
}

export interface Certification {
  readonly name: string;
  /** ms since 1970 */
  readonly expires: number;
}

/** What may change while a cluster is there. */
export interface ClusterDescription {
  readonly capabilities: Capabilities;
  readonly certifications: readonly Certification[];
  /** Agreements that it serves alone; empty: any. */
  readonly agreements: readonly Digest[];
  /** URLs, the preferred first. */
  readonly endpoints: readonly string[];
}

/** Where a cluster is never changes: what moves is another cluster. */
export interface RegisterClusterBody extends ClusterDescription {
  /** Its name, as in the registry and in agreements. */
  readonly id: string;
  /** Signs its receipts. */
  readonly key: PublicKey;
  /** Signature by `key` over {@link clusterSigningBytes}. */
  readonly possession: Uint8Array;
  readonly region: string;
  readonly country: string;
}

export interface UpdateClusterBody extends ClusterDescription {
  readonly id: string;
}

export interface SetClusterStateBody {
  readonly id: string;
  readonly state: ClusterState;
}

export interface Admission {
  /** Digest of the workload's manifest, salted. */
  readonly workload: Digest;
  /** One more than that of the last lease of this workload. */
  readonly epoch: number;
  /** Id of the light's decision. */
  readonly decision: Digest;
  /** The agreements that the workload runs under. */
  readonly agreements: readonly Digest[];
}

export interface AdmitBody {
  readonly cluster: string;
  /** All of them, or none. */
  readonly admissions: readonly Admission[];
}

export interface ReleaseBody {
  readonly cluster: string;
  readonly leases: readonly { readonly workload: Digest; readonly epoch: number }[];
}

export interface AnchorReceiptsBody {
  readonly cluster: string;
  /** From 1, without gaps. */
  readonly batch: number;
  /** Receipts in it. */
  readonly count: number;
  /** RFC 6962 root over the receipts' hashes, in their order. */
  readonly root: Digest;
}

/** Leases given or given back by one transaction at most. */
const leasesPerTransactionMax = 64;
/** Receipts in one batch at most. */
const receiptsPerBatchMax = 4096;
/** Agreements of one workload, and of one cluster, at most. */
const agreementsMax = 16;

const atLeastOne = <T>(codec: JsonCodec<readonly T[]>): JsonCodec<readonly T[]> =>
  jsonChecked(codec, (items) => (items.length === 0 ? 'at least one is needed' : undefined));

const capabilitiesCodec = jsonStruct<Capabilities>({
  architecture: jsonName,
  cpuMillis: jsonUint(1_000_000_000),
  memoryMiB: jsonUint(2 ** 40),
  storageMiB: jsonUint(2 ** 40),
  containers: jsonUint(1_000_000),
  runtimes: jsonList(jsonStruct<ClusterRuntime>({ driver: jsonName, isolationClass: jsonName }), 16),
});

const descriptionFields = {
  capabilities: capabilitiesCodec,
  certifications: jsonList(jsonStruct<Certification>({ name: jsonName, expires: jsonUint(2 ** 48) }), 32),
  agreements: jsonList(jsonDigest, agreementsMax),
  endpoints: jsonList(jsonPattern(/^[\x21-\x7e]{1,256}$/, 256), 8),
};

export const registerClusterCodec: JsonCodec<RegisterClusterBody> = jsonStruct<RegisterClusterBody>({
  id: jsonName,
  key: jsonKey,
  possession: jsonBytesExact(64),
  region: jsonPattern(/^[A-Za-z0-9-]{1,32}$/, 32),
  country: jsonCountry,
  ...descriptionFields,
});
export const updateClusterCodec: JsonCodec<UpdateClusterBody> = jsonStruct<UpdateClusterBody>({
  id: jsonName,
  ...descriptionFields,
});
export const setClusterStateCodec: JsonCodec<SetClusterStateBody> = jsonStruct<SetClusterStateBody>({
  id: jsonName,
  state: jsonChoice(...clusterStates),
});
const epoch = jsonUint(Number.MAX_SAFE_INTEGER, 1);
export const admitCodec: JsonCodec<AdmitBody> = jsonStruct<AdmitBody>({
  cluster: jsonName,
  admissions: atLeastOne(
    jsonList(
      jsonStruct<Admission>({
        workload: jsonDigest,
        epoch,
        decision: jsonDigest,
        agreements: atLeastOne(jsonList(jsonDigest, agreementsMax)),
      }),
      leasesPerTransactionMax,
    ),
  ),
});
export const releaseCodec: JsonCodec<ReleaseBody> = jsonStruct<ReleaseBody>({
  cluster: jsonName,
  leases: atLeastOne(
    jsonList(jsonStruct<ReleaseBody['leases'][number]>({ workload: jsonDigest, epoch }), leasesPerTransactionMax),
  ),
});
export const anchorReceiptsCodec: JsonCodec<AnchorReceiptsBody> = jsonStruct<AnchorReceiptsBody>({
  cluster: jsonName,
  batch: jsonUint(Number.MAX_SAFE_INTEGER, 1),
  count: jsonUint(receiptsPerBatchMax, 1),
  root: jsonDigest,
});

/** What a cluster's key signs to show that who registers it holds it. */
export const clusterSigningBytes = (chain: ChainId, owner: PublicKey, id: string): Uint8Array =>
  signingBytes('bpci/cluster-possession/v1', chain, concatBytes(fromHex(owner), toUtf8(id)));
