/** Bodies of cluster registrations for the tests of this folder. */
import {
  type ClusterDescription,
  clusterSigningBytes,
  type RegisterClusterBody,
} from '../../../../src/protocols/ledger/modules/enc/bodies.ts';
import type { ChainId, PublicKey } from '../../../../src/protocols/shared/brands.ts';
import { keyOf, signWith } from '../ledger-world.ts';

export const clusterDescription: ClusterDescription = {
  capabilities: {
    ...{ architecture: 'amd64', cpuMillis: 8000, memoryMiB: 16_384, storageMiB: 100_000, containers: 200 },
    runtimes: [{ driver: 'oci', isolationClass: 'container' }],
  },
  certifications: [],
  agreements: [],
  endpoints: ['https://127.0.0.1:21010'],
};

/** Signed with the cluster's own key. */
export function clusterBody(chain: ChainId, owner: PublicKey, id: string): RegisterClusterBody {
  const key = keyOf(`cluster ${id}`);
  const possession = signWith(key, clusterSigningBytes(chain, owner, id));
  return { id, key, possession, region: 'EU', country: 'DE', ...clusterDescription };
}
