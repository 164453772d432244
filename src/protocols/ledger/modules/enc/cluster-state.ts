/** Clusters and leases in state. */
import type { Digest, PublicKey } from '../../../shared/brands.ts';
import {
  boolean,
  type Codec,
  digest32,
  list,
  nullable,
  publicKey32,
  struct,
  textMax,
  uint,
} from '../../../shared/codec.ts';
import { jsonChoice } from '../../json-codec.ts';
import { type ReadView, table } from '../../view.ts';
import { type ClusterState, clusterStates, type RegisterClusterBody, registerClusterCodec } from './bodies.ts';

export interface ClusterRecord {
  readonly registration: RegisterClusterBody;
  /** The account that registered it, and alone speaks for it. */
  readonly owner: PublicKey;
  readonly state: ClusterState;
  /** Leases that it holds. */
  readonly held: number;
  /** Batches of receipts anchored so far. */
  readonly batches: number;
  /** The transaction that registered it. */
  readonly registeredBy: Digest;
  /** The transaction that anchored the last batch; null: none was. */
  readonly anchoredBy: Digest | null;
}

/** The right to run a workload: of the newest epoch alone, and not before a moment. */
export interface LeaseRecord {
  readonly cluster: string;
  /** From 1; each lease of a workload has one of its own. */
  readonly epoch: number;
  readonly decision: Digest;
  readonly agreements: readonly Digest[];
  readonly isHeld: boolean;
  /**
   * Header time before which nothing may be started, ms since 1970: where the lease was taken from a holder who did not give it
   * back, that one has stopped by then, whatever it knows.
   */
  readonly notBefore: number;
  /** The transaction that gave it. */
  readonly admittedBy: Digest;
}

const clusterCodec: Codec<ClusterRecord> = struct<ClusterRecord>({
  registration: registerClusterCodec,
  owner: publicKey32,
  state: jsonChoice(...clusterStates),
  held: uint,
  batches: uint,
  registeredBy: digest32,
  anchoredBy: nullable(digest32),
});
const leaseCodec: Codec<LeaseRecord> = struct<LeaseRecord>({
  cluster: textMax(63),
  epoch: uint,
  decision: digest32,
  agreements: list(digest32, 16),
  isHeld: boolean,
  notBefore: uint,
  admittedBy: digest32,
});

export const clusters = table('enc/cluster/', clusterCodec);
/** Which cluster signs with a key. */
export const clusterKeys = table('enc/key/', textMax(63));
/** Clusters by the account that registered them. */
export const clusterCounts = table('enc/count/', uint);
export const leases = table('enc/lease/', leaseCodec);

export const readCluster = (view: ReadView, id: string): ClusterRecord | undefined => view.get(clusters, id);

/** By name. */
export const readClusters = (view: ReadView): readonly ClusterRecord[] =>
  [...view.scan(clusters)].map(([, record]) => record);

export const readLease = (view: ReadView, workload: Digest): LeaseRecord | undefined => view.get(leases, workload);
